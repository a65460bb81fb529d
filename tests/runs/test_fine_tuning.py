"""Trainings that start from trained weights: what is loaded, frozen and slowed, and resuming."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_multigrid.applications.fitting import HEAD
from keras_multigrid.applications.weight_files import variables_by_name
from keras_multigrid.cli import main
from keras_multigrid.optimizers import SGD, AdamWithRateFactors, SGDWithRateFactors
from keras_multigrid.recipes import (
    LocatedMnist,
    MnistSegmentation,
    MnistSpatialTransformer,
    Quickstart,
)
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs.fine_tuning import freeze, start_from_weights
from keras_multigrid.runs.run_folder import claim
from keras_multigrid.runs.train import train
from tests.random_weights import randomize

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly")


def small(recipe=MnistSegmentation, **fields):
    options = {
        "model": "SG-11",
        "repeats": 1,
        "validation": False,
        "learning_rate": 0.01,
        "optimizer": "adam",
    }
    return recipe(**{**recipe.SCALES["smoke"], **options, "checkpoint_seconds": 0, **fields})


def values(model):
    return {name: variable.numpy() for name, variable in variables_by_name(model).items()}


def assert_equal(one, other, names=None):
    for name in names or one:
        np.testing.assert_array_equal(one[name], other[name], name)


def begun(recipe, folder):
    """Returns the network of a recipe as a training would begin or continue with it."""
    model = recipe.network()
    recipe.compile(model)
    start_from_weights(recipe, model, folder / "checkpoints")
    return model


def body(arrays):
    return [name for name in arrays if name.partition("/")[0] not in HEAD]


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """The folder of a run after the first of its two epochs, and its network."""
    folder = tmp_path_factory.mktemp("unfinished")
    claim(folder, small())
    return folder, train(small(), folder, epochs=1, verbose=0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run at its end, with weights that are not those of a checkpoint."""
    folder = tmp_path_factory.mktemp("finished")
    claim(folder, small())
    model = small().network()
    randomize(model)
    model.save(folder / "model.keras")
    return folder, model


def test_a_run_starts_from_a_run_or_a_file(unfinished, finished, tmp_path, capsys):
    for (folder, model), step in ((unfinished, 2), (finished, 4)):
        recipe = small(weights=str(folder), seed=9)
        assert_equal(values(begun(recipe, tmp_path)), values(model))
        assert f"Starts from step {step} of {folder}" in capsys.readouterr().out
    recipe = small(weights=str(finished[0] / "model.keras"), seed=9)
    assert_equal(values(begun(recipe, tmp_path)), values(finished[1]))


def test_another_task_keeps_its_own_head(finished, tmp_path, capsys):
    recipe = small(MnistSpatialTransformer, weights=str(finished[0]), start_empty=True)
    model = values(begun(recipe, tmp_path))
    assert_equal(model, values(finished[1]), body(model))
    assert "are for 10 classes, not 1: the head (output_conv, output_bn)" in capsys.readouterr().out
    assert model["output_bn/grid_0/1"].tolist() == [-4]  # as masks start empty


def test_start_of_sessions_is_the_same(tmp_path):
    first = LocatedMnist(image_size=14, width_multiplier=0.1)
    model = first.network()
    randomize(model)
    claim(tmp_path, first)
    model.save(tmp_path / "model.keras")
    for name, path in (("start", tmp_path), ("weights", tmp_path / "model.keras")):
        recipe = dataclasses.replace(first, image_size=28, **{name: str(path)})
        assert_equal(values(begun(recipe, tmp_path)), values(model))
    with pytest.raises(ValueError, match="start and weights are the same; give one of them"):
        LocatedMnist(start="a", weights="b")


class Killed(BaseException):
    """As `kill -9`: nothing is saved."""


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.moment = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.moment:
            raise Killed


def test_a_killed_fine_tuning_ends_as_one_that_was_not(finished, tmp_path):
    """The source of the weights is gone by then, and what was slowed and frozen stays so."""
    source = tmp_path / "source.keras"
    source.write_bytes((finished[0] / "model.keras").read_bytes())
    recipe = small(
        MnistSpatialTransformer,
        weights=str(source),
        freeze=("input_*", "full_unit1_conv"),
        loaded_rate=0.25,
    )

    def trained(name, moment=(None, None)):
        keras.utils.set_random_seed(recipe.seed)
        return values(train(recipe, tmp_path / name, callbacks=[KillAt(*moment)], verbose=0))

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    expected = trained("whole")
    with pytest.raises(Killed):
        trained("killed", (1, 1))
    source.unlink()
    assert_equal(trained("killed"), expected)
    loaded = values(finished[1])
    frozen = [name for name in body(loaded) if name.startswith(("input_", "full_unit1_conv"))]
    moved = [name for name in body(loaded) if name not in frozen]
    assert frozen and moved
    assert_equal(expected, loaded, frozen)
    assert not any(np.array_equal(expected[name], loaded[name]) for name in moved)


def test_loaded_weights_move_by_the_factor(finished, tmp_path):
    def steps(**fields):
        recipe = small(MnistSpatialTransformer, optimizer="sgd", weights=str(finished[0]), **fields)
        model = begun(recipe, tmp_path)
        before = values(model)
        rng = np.random.default_rng(0)
        images = rng.normal(size=(4, 64, 64, 1))
        model.train_on_batch(images, images > 0)
        return {name: array - before[name] for name, array in values(model).items()}

    keras.utils.set_random_seed(1)
    full = steps(momentum=0.0, weight_decay=0.01)
    keras.utils.set_random_seed(1)
    part = steps(momentum=0.0, weight_decay=0.01, loaded_rate=0.125)
    statistics = [name for name in full if "_bn/" in name and name.endswith(("/2", "/3"))]
    for name, step in full.items():
        is_slowed = name in body(full) and name not in statistics
        factor = 0.125 if is_slowed else 1
        np.testing.assert_allclose(part[name], factor * step, rtol=1e-3, atol=1e-6, err_msg=name)


OPTIMIZERS = {
    "adam": (keras.optimizers.Adam, AdamWithRateFactors, {"weight_decay": 0.1}),
    "sgd": (SGD, SGDWithRateFactors, {"momentum": 0.9, "weight_decay": 0.1}),
    "decoupled": (SGD, SGDWithRateFactors, {"weight_decay": 0.1, "decoupled": True}),
    "accumulating": (
        keras.optimizers.Adam,
        AdamWithRateFactors,
        {"gradient_accumulation_steps": 2, "use_ema": True},
    ),
}


@pytest.mark.parametrize("plain, with_factors, options", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_factor_is_a_lower_rate_of_one_variable(plain, with_factors, options):
    rate = 0.05
    pairs = [[keras.Variable([1.0, -2.0]), keras.Variable([3.0])] for _ in range(3)]
    slowed, full, low = with_factors(rate, **options), plain(rate, **options), None
    low = plain(rate / 5, **options)
    slowed.build(pairs[0])
    slowed.set_rate_factor(pairs[0][:1], 0.2)
    for step in range(4):
        gradients = [np.array([0.3, -0.1 * step], "float32"), np.array([0.7], "float32")]
        for optimizer, variables in zip((slowed, low, full), pairs):
            optimizer.apply([keras.ops.convert_to_tensor(each) for each in gradients], variables)
    np.testing.assert_allclose(pairs[0][0], pairs[1][0], rtol=1e-6)
    np.testing.assert_allclose(pairs[0][1], pairs[2][1], rtol=1e-6)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(slowed))
    assert type(again) is with_factors


def test_freezing_is_by_names_that_exist():
    model = LocatedMnist(width_multiplier=0.1).network()
    assert len(freeze(model, ("location/*", "*/conv2"))) == 2
    left = {name for name, variable in variables_by_name(model).items() if variable.trainable}
    assert left.isdisjoint({"location/conv/0", "feature_extraction/conv2/0"})
    assert {"aggregation/conv/0", "feature_extraction/conv1/0"} <= left
    with pytest.raises(
        ValueError, match=r"freeze has 'conv2', which is not a layer .*they are fea"
    ):
        freeze(model, ("conv2",))
    with pytest.raises(ValueError, match=r"nothing of M3-MNIST is left to train"):
        freeze(model, ("*",))


@pytest.mark.parametrize(
    "settings, message",
    [
        (["weights=nowhere"], "weights is 'nowhere'; expected None, a file"),
        (["freeze=input"], "freeze has 'input', which is not a layer with weights of SG-11"),
        (["loaded_rate=0.1"], "loaded_rate is 0.1, and no weights are to be loaded."),
        (
            ["loaded_rate=0", "weights=x"],
            "loaded_rate is 0.0; expected a positive number, or none.",
        ),
    ],
)
def test_misuse_is_one_line_and_nothing_is_claimed(settings, message, tmp_path, capsys):
    arguments = [f"--set={setting}" for setting in ("model=SG-11", *settings)]
    command = ["train", "mnist_segmentation", "--scale", "smoke", "--output", str(tmp_path / "run")]
    assert main([*command, *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error
    other = resolve(MnistSegmentation, "smoke", ["seed=5"])  # another command may have the folder
    (tmp_path / "run").mkdir(exist_ok=True)
    claim(tmp_path / "run", other)


def test_the_baseline_of_the_quickstart_starts_from_scratch():
    (baseline,) = Quickstart(weights="x", freeze=("input_*",), loaded_rate=0.1).baselines()
    assert (baseline.model, baseline.weights, baseline.freeze) == ("SG-11", None, None)
    assert baseline.baselines() == ()
    with pytest.raises(ValueError, match="baseline is SG-11, the model; expected another, or none"):
        Quickstart(model="SG-11")
    with pytest.raises(ValueError, match="no network 'SG-12'"):
        Quickstart(baseline="SG-12")


@pytest.mark.parametrize("recipe_class", [MnistSegmentation, MnistSpatialTransformer, LocatedMnist])
def test_long_is_the_papers_network_and_data_in_fewer_steps(recipe_class):
    long, paper = (resolve(recipe_class, scale, []) for scale in ("long", "paper"))
    assert [*recipe_class.SCALES].index("long") == [*recipe_class.SCALES].index("quick") + 1
    for field in ("model", "width_multiplier", "channel_ratios", "repeats", "source", "data_dir"):
        assert getattr(long, field) == getattr(paper, field)
    assert long.input_shape() == paper.input_shape()
    assert long.epochs * long.steps_per_epoch < paper.epochs * paper.steps_per_epoch
