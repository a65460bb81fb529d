"""Training on one's own class folders: run, scores, report, prediction."""

import csv
import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from keras_multigrid.cli import main
from keras_multigrid.datasets.class_splits import read_class_set
from keras_multigrid.export import read_class_names
from keras_multigrid.recipes import Classification
from keras_multigrid.recipes.class_evaluation import SCORES, evaluate_classes
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.recipes.own_data import scores_by_class
from keras_multigrid.runs import export_run, run
from keras_multigrid.runs.run_folder import load_run
from tests.datasets.animals import LEVELS, draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("animals"))


def smallest(folder, *settings):
    settings = [f"data_dir={folder}", "model=VGG-6", "image_size=32", *settings]
    return resolve(Classification, "smoke", settings)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("class_weights=1,-2", "class_weights is '1,-2'; expected auto, none, or a positive"),
        ("kept_weights=first", "kept_weights is 'first'; expected one of best, last"),
        ("smallest_area=0", "smallest_area is 0.0; expected a share"),
        ("image_size=0", "image_size is 0; expected a positive number"),
        ("class_names=cat,cat", "expected a list of different names"),
        ("flips=up", "flips is 'up'; expected both, horizontal or none"),
    ],
)
def test_settings_that_cannot_be_meant(setting, message):
    with pytest.raises(ValueError, match=message):
        resolve(Classification, "smoke", [setting])


class TestRefused:
    """Training does not begin where it would be wrong."""

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda folder: (folder / "fox").mkdir(), "no images to learn fox from"),
            (lambda folder: (folder / "cat/0.png").write_bytes(b"no"), "cat/0.png is not an image"),
            (lambda folder: shutil.copy(folder / "cat/0.png", folder / "eel/9.png"), "the same im"),
            (lambda folder: shutil.rmtree(folder), "is not a directory"),
            (lambda folder: (folder / "cat").rename(folder / "masks"), "images with masks"),
        ],
    )
    def test_faults_of_the_data(self, damage, message, tmp_path, capsys):
        damage(draw(tmp_path / "data"))
        run_folder = tmp_path / "run"
        command = ["train", "classification", "--scale", "smoke", "--output", str(run_folder)]
        assert main([*command, "--set", f"data_dir={tmp_path / 'data'}"]) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
        assert {path.name for path in run_folder.iterdir()} <= {".lock"}

    def test_no_folder(self, tmp_path, capsys):
        assert main(["train", "classification", "--output", str(tmp_path / "run")]) == 2
        assert "data_dir is not given" in capsys.readouterr().err


def answering(*rows):
    """Returns a network that says these probabilities, whatever it sees."""
    image = keras.Input((None, None, 3))
    numbers = keras.ops.cast(keras.ops.mean(image, axis=(1, 2, 3)), "int32")
    return keras.Model(image, keras.ops.take(np.array(rows, "float32"), numbers, axis=0))


def test_scores_are_those_by_hand():
    import tensorflow as tf

    truth = [0, 0, 0, 1, 1]
    rows = [(0.9, 0.1, 0), (0.6, 0.4, 0), (0.2, 0.8, 0), (0.3, 0.7, 0), (0.5, 0.4, 0.1)]
    images = np.arange(5, dtype="float32")[:, None, None, None] * np.ones((1, 2, 2, 3), "float32")
    data = tf.data.Dataset.from_tensor_slices((images, truth)).batch(2)
    listed = [(f"{number}.png", label) for number, label in enumerate(truth)]
    evaluation = evaluate_classes(answering(*rows), data, listed, ["a", "b", "c"], verbose=0)
    results = evaluation.results()
    expected = -np.log([0.9, 0.6, 0.2, 0.7, 0.4]).mean()
    assert results["loss"] == pytest.approx(expected, rel=1e-5)
    assert (results["accuracy"], results["balanced_accuracy"]) == (3 / 5, (2 / 3 + 1 / 2) / 2)
    assert scores_by_class(results, ["a", "b", "c"], SCORES) == {
        "a": {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3},
        "b": {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2},
        "c": {"precision": None, "recall": None, "f1": None},
    }
    worst = max(evaluation.answers, key=lambda answer: answer.loss)
    assert (worst.path, worst.label, worst.predicted) == ("2.png", 0, 1)


def test_few_tested_images_are_of_all_classes(folder):
    recipe = dataclasses.replace(
        smallest(folder), data_digest=None, batch_size=3, evaluation_batches=1
    )
    assert {label for _, label in recipe.tested("all")} == {0, 1, 2}
    assert len(recipe.tested("all")) == 3
    (batch,) = recipe.load_evaluation("all")
    assert {*batch[1].numpy()} == {0, 1, 2}


@pytest.mark.usefixtures("eagerly")
class TestRun:
    @pytest.fixture(scope="class")
    def finished(self, folder, tmp_path_factory, eagerly):
        output = tmp_path_factory.mktemp("runs") / "run"
        return output, run(smallest(folder), output)

    def test_metrics(self, finished):
        output, metrics = finished
        written = json.loads((output / "metrics.json").read_text())
        for name in ("results", "accuracy", "per_class"):
            assert metrics[name] == written[name]
        assert 0 <= metrics["accuracy"] <= 1 and [*metrics["per_class"]] == [*LEVELS]
        assert {*metrics["per_class"]["cat"]} == {"precision", "recall", "f1"}

    def test_the_split_is_written_down(self, finished, folder):
        output, _ = finished
        rows = [*csv.reader((output / "split.csv").read_text().splitlines())]
        assert rows[0] == ["image", "class", "split"] and rows[1] == [*rows[1][:1], "cat", "train"]
        assert rows[1:] == [list(row) for row in read_class_set(folder).rows()]

    def test_the_recipe_has_what_was_planned(self, finished):
        recipe, _ = load_run(finished[0])
        assert recipe.class_names == (*LEVELS,) and recipe.test_split == "validation"
        assert recipe.mean == pytest.approx((120,) * 3, abs=5)
        assert [text.partition("=")[0] for text in recipe.plan] == [
            "budget",
            "precision",
            "class_weights",
        ]

    def test_the_report(self, finished):
        page = (finished[0] / "report.html").read_text()
        assert page.count("data:image/png") == 3 + 1  # the images, and the curves
        for text in ("balanced over the classes", ">F1<", "class_weights=none", "is eel, said"):
            assert text in page

    def test_evaluate(self, finished, capsys):
        output, metrics = finished
        assert main(["evaluate", str(output), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["per_class"] == metrics["per_class"]
        assert found["accuracy"] == metrics["accuracy"]

    def test_predict_says_what_evaluate_does(self, finished, folder, tmp_path):
        output, _ = finished
        recipe, model = load_run(output)
        assert read_class_names(output) == [*LEVELS]
        assert main(["predict", str(output), str(folder), "--output", str(tmp_path)]) == 0
        with open(tmp_path / "classes.csv") as file:
            table = {row["image"]: row for row in csv.DictReader(file)}
        recipe = dataclasses.replace(recipe, evaluation_batches=None)
        recipe.evaluate(model, "all", verbose=0)
        answers = recipe.evaluations["all"].answers
        assert len(answers) == len(table) == 15
        for answer in answers:
            name = answer.path.removeprefix(f"{folder}/").removesuffix(".png")
            probability = float(table[name]["probability"])
            assert probability == pytest.approx(answer.probability, abs=1e-3)
            assert table[name]["class"] == [*LEVELS][answer.predicted]

    def test_other_images_without_splits_are_tested_as_a_whole(self, finished, tmp_path, capsys):
        output, _ = finished
        draw(tmp_path / "new", 2, first=20)
        command = ["evaluate", str(output), "--data-dir", str(tmp_path / "new")]
        assert main(command) == 2
        assert (
            "which of them the network has seen is not known. Name --spl" in capsys.readouterr().err
        )
        assert main([*command, "--split", "all"]) == 0

    def test_a_finished_run_needs_no_data(self, finished, capsys):
        output, metrics = finished
        recipe = smallest("nowhere")
        assert run(recipe, output)["accuracy"] == metrics["accuracy"]

    def test_a_run_goes_on_with_its_own_data_alone(self, finished, folder, tmp_path):
        output, _ = finished
        begun = tmp_path / "run"
        begun.mkdir()
        shutil.copy(output / "recipe.json", begun)
        (begun / "checkpoints").mkdir()
        more = draw(shutil.copytree(folder, tmp_path / "more"), 1, ("cat",), first=9)
        with pytest.raises(ValueError, match="more has other images than when the run began"):
            run(smallest(more), begun)

    def test_an_export_takes_images_of_any_size(self, finished, tmp_path):
        version = export_run(finished[0], tmp_path / "exported", format="keras")
        card = (version / "README.md").read_text()
        assert "train classification" in card and "--set plan" not in card
        exported = keras.saving.load_model(version / "model.keras")
        _, model = load_run(finished[0])
        image = np.random.default_rng(0).uniform(0, 255, (1, 50, 41, 3)).astype("float32")
        found = exported(image)
        found = found["probabilities"] if isinstance(found, dict) else found
        np.testing.assert_allclose(found, model(image), atol=1e-4)

    def test_classes_are_weighed(self, folder):
        recipe = dataclasses.replace(smallest(folder), class_weights="1,2,0.5")
        _, labels, weights = next(iter(recipe.load("train", 12)))
        assert weights.numpy().tolist() == np.array([1, 2, 0.5])[labels].tolist()

    def test_kept_are_the_best_weights(self, folder):
        recipe = dataclasses.replace(smallest(folder), epochs=3)
        (callback,) = recipe.callbacks("folder")
        assert (callback.monitor, callback.restore_best_weights) == ("val_accuracy", True)
        assert dataclasses.replace(recipe, kept_weights="last").callbacks("folder") == []


class Killed(BaseException):
    """As `kill -9`: nothing is saved."""


class KillAt(keras.callbacks.Callback):
    """Kills a run in a step of one of its epochs."""

    moment = None  # of all, for runs to have one list of callbacks

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == KillAt.moment:
            raise Killed


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
def test_a_killed_run_ends_as_one_that_was_not(folder, tmp_path, monkeypatch):
    callbacks = Classification.callbacks
    monkeypatch.setattr(
        Classification, "callbacks", lambda recipe, folder: [*callbacks(recipe, folder), KillAt()]
    )
    settings = ["epochs=3", "checkpoint_seconds=0", "class_weights=1,2,0.5"]
    recipe = smallest(folder, *settings)
    expected = run(recipe, tmp_path / "whole")
    for moment in ((0, 1), (2, 0)):
        monkeypatch.setattr(KillAt, "moment", moment)
        with pytest.raises(Killed):
            run(recipe, tmp_path / "killed")
    monkeypatch.setattr(KillAt, "moment", None)
    found = run(recipe, tmp_path / "killed")
    assert found["results"] == expected["results"]
    weights = [load_run(tmp_path / name)[1].get_weights() for name in ("whole", "killed")]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("split.csv", "recipe.json"):
        assert (tmp_path / "whole" / name).read_text() == (tmp_path / "killed" / name).read_text()
