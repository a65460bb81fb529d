"""Settings and sessions of the second paper's experiments."""

import dataclasses
import json

import numpy as np
import pytest

from keras_multigrid.papers import reproduce
from keras_multigrid.papers import top_down_figures as figures
from keras_multigrid.recipes import LocatedMnist, TopDownImageNet
from keras_multigrid.recipes.optimization import learning_rate, make_optimizer
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.top_down import TopDownLoss

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly")


def smallest(**changes):
    return dataclasses.replace(resolve(LocatedMnist, "smoke", []), **changes)


def test_settings_are_the_papers():
    mnist, imagenet = LocatedMnist(), TopDownImageNet()
    assert (mnist.epochs, mnist.batch_size, imagenet.epochs, imagenet.batch_size) == (
        70,
        128,
        200,
        128,
    )
    for recipe, rate, weights in ((mnist, 0.01, (1e-6, 1e-7)), (imagenet, 1e-3, (1e-8, 1e-9))):
        schedule = learning_rate(recipe)
        steps = np.array([0, 0.79, 0.81, 0.89, 0.91]) * recipe.epochs * recipe.steps_per_epoch
        found = [float(schedule(int(step))) / rate for step in steps]
        np.testing.assert_allclose(found, [1, 1, 0.2, 0.2, 0.04], rtol=1e-5)
        adam = make_optimizer(recipe)
        assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-8)
        assert adam.weight_decay is None
        loss = recipe.loss()
        assert loss.samples == 2
        assert (loss.reward_weight, loss.coverage_weight) == weights
        assert loss.count_weight == weights[1]


@pytest.mark.parametrize(("size", "levels"), [(14, 1), (28, 2), (56, 3)])
def test_the_size_says_the_levels(size, levels):
    model = LocatedMnist(image_size=size).network()
    assert (model.levels, model.classes) == (levels, 10)
    baseline = LocatedMnist(model="BL2-MNIST", image_size=size)
    assert baseline.network().input_shape == (None, size, size, 1)
    assert baseline.loss() == "sparse_categorical_crossentropy"


def test_other_networks_read_the_whole_image():
    recipe = smallest(model="MG-6", width_multiplier=0.05)
    assert recipe.network().input_shape == (None, 28, 28, 1)
    assert recipe.loss() == "sparse_categorical_crossentropy"


def test_multi_level_learning():
    recipe = LocatedMnist(image_size=56, target_locations=(2, 6), level_weights=(1, 1, 1))
    of_levels = recipe.loss().weights_and_targets(3)
    assert [entry[:2] for entry in of_levels] == [(1, None), (1, 2), (1, 6)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 30}, "image_size is 30; expected one of 14, 28, 56"),
        ({"target_locations": (10.0,)}, "target_locations is 10.0; expected more than 0"),
        ({"target_locations": (2.0, 6.0)}, "target_locations has 2 entries; expected 1"),
        ({"level_weights": (1.0,)}, "level_weights has 1 entries; expected 2"),
        ({"samples": 0}, "samples is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        LocatedMnist(**changes)


def test_evaluations_draw_anew_each_time_and_the_same_in_each_run():
    recipe = smallest(evaluations=3, evaluation_batches=2)
    seen = [
        [images.numpy().tobytes() for images, _ in recipe.load_evaluation("validation", 3)]
        for _ in range(2)
    ]
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == len(seen[0]) == 6


def test_figure_4_has_the_papers_sessions():
    names = [session.name for session in figures.mnist_sessions("M3-MNIST")]
    assert names == [
        "M3-MNIST-14px",
        "M3-MNIST-28px-locations_2",
        "M3-MNIST-56px-locations_6",
        "M3-MNIST-56px-locations_6-gradual",
        "M3-MNIST-56px-locations_12",
        "M3-MNIST-56px-locations_12-gradual",
    ]
    rows = figures.TOP_DOWN_FIGURES["top-down-figure4"].rows
    assert len(rows) == len(set(rows)) == 18


@pytest.mark.parametrize("name", figures.TOP_DOWN_FIGURES)
def test_sessions_can_be_run_in_their_order(name, tmp_path):
    figure = figures.TOP_DOWN_FIGURES[name]
    for row in figure.rows:
        done = set()
        for session in figure.sessions(row.partition("/")[0]):
            assert session.after is None or session.after.name in done
            done.add(session.name)
            recipe = figure.recipe(**session.fields(tmp_path))  # raises if targets do not fit
            if session.targets:
                assert isinstance(recipe.loss(), TopDownLoss)


def test_figure_6_has_the_papers_targets():
    sessions = figures.imagenet_sessions("M1-ImageNet")
    targets = {
        size: [each.targets for each in sessions if each.image_size == size]
        for size in (32, 64, 128, 256)
    }
    assert targets == {
        32: [()],
        64: [(1.5,), (4.5,), (2.9,)],
        128: [(3.75,), (8,), (11,), (13.5,), (30,), (2.9, 11.3)],
        256: [(30,), (35,), (40,), (2.9, 11.3, 35.6)],
    }


def test_reproducing_a_figure_trains_sessions_and_draws_them(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    ran = []

    def run(recipe, folder):
        ran.append((folder.name, recipe.variant, recipe.start))
        folder.mkdir(parents=True)
        results = {"accuracy": 0.9 + 0.01 * len(ran), "macs": 1e5 * len(ran), "locations": 2.25}
        written = {"results": results, "macs": 1, "epochs": 7}
        (folder / "metrics.json").write_text(json.dumps(written))

    monkeypatch.setattr(figures, "run", run)
    text = reproduce(
        "top-down-figure4", ["BL1-MNIST/noisy", "M1-MNIST/noisy"], "smoke", output=tmp_path
    )
    assert [variant for _, variant, _ in ran] == ["noisy"] * 10
    assert ran[3] == (
        "BL1-MNIST-56px-gradual",
        "noisy",
        str(tmp_path / "BL1-MNIST-noisy" / "BL1-MNIST-28px"),
    )
    assert (tmp_path / "top-down-figure4.md").read_text() == text
    assert "| BL1-MNIST | noisy | 14px | 91.00 | 2.25 | 100,000 | 7 |" in text
    assert [path.name for path in tmp_path.glob("*.png")] == ["top-down-figure4_noisy1.png"]
    with pytest.raises(
        ValueError, match="top-down-figure4 has no row 'M3'; expected one of M3-MNIST/plain"
    ):
        reproduce("top-down-figure4", ["M3"], "smoke", output=tmp_path)


def test_of_two_starts_the_better_one_is_drawn():
    scratch = figures.Session("M1-MNIST", 56, (6.0,))
    gradual = dataclasses.replace(scratch, after=figures.Session("M1-MNIST", 28, (2.0,)))
    made = [{"accuracy": accuracy} for accuracy in (0.8, 0.9)]
    assert [*figures._best(zip((scratch, gradual), made))] == [(gradual, made[1])]


def test_multi_level_networks_are_tested_after_each_level():
    recipe = smallest(level_weights=(1.0, 1.0))
    model = recipe.network()
    results = recipe.evaluate(model, "validation", 0)
    assert results["macs_1"] == model.costs.of(1, 0, 0)
    assert results["macs_1"] < results["macs"]
    images, labels = zip(*recipe.test_data("validation").as_numpy_iterator())
    found = model.predict(np.concatenate(images), levels=1, verbose=0).argmax(axis=1)
    assert results["accuracy_1"] == pytest.approx(np.mean(found == np.concatenate(labels)))


def test_multi_level_stages_are_a_curve_of_their_own(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        figures, "draw_accuracy_cost", lambda path, curves: drawn.update({path.name: curves})
    )
    figure = figures.TOP_DOWN_FIGURES["top-down-figure6"]
    for session in figure.sessions("M2-ImageNet"):
        folder = tmp_path / "M2-ImageNet" / session.name
        folder.mkdir(parents=True)
        results = {"accuracy": 0.4, "macs": 5e8, "locations": 4.0}
        for levels in (1, 2, 3):
            results |= {f"accuracy_{levels}": 0.1 * levels, f"macs_{levels}": 1e8 * levels}
        written = {"results": results, "macs": 1, "epochs": 1}
        (folder / "metrics.json").write_text(json.dumps(written))
    figures._write("top-down-figure6", figure, tmp_path)
    curves = drawn["top-down-figure6_imagenet2.png"]
    assert list(curves) == ["M2-ImageNet", "M2-ImageNet multi-level"]
    assert len(curves["M2-ImageNet"]) == 10
    assert [annotation for *_, annotation in curves["M2-ImageNet multi-level"]] == [
        "1 of 4",
        "2 of 4",
        "3 of 4",
        "4 of 4",
    ]


def test_sessions_set_what_is_theirs(tmp_path):
    with pytest.raises(ValueError, match="top-down-figure4 sets image_size itself"):
        reproduce("top-down-figure4", None, "smoke", ["image_size=28"], tmp_path)


def draw(recipe, folder):
    return recipe.draw(folder, {recipe.model: recipe.network()}, {})


def test_pictures_of_a_run(tmp_path):
    pytest.importorskip("matplotlib")
    recipe = smallest()
    pictures = draw(recipe, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attention.png", "parse_tree.png"]
    assert [name for _, name in pictures] == ["attention.png", "parse_tree.png"]
    several = dataclasses.replace(recipe, level_weights=(1.0, 1.0))
    assert draw(several, tmp_path)[2][1] == "early_stopping.png"
    assert (tmp_path / "early_stopping.png").exists()
    assert draw(smallest(image_size=14), tmp_path) == []
