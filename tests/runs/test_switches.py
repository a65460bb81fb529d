"""Each switch of a recipe trains, evaluates, and does what it says."""

import json

import keras
import numpy as np
import pytest

from keras_multigrid.optimizers import SGD
from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.recipes.optimization import make_optimizer
from tests.runs.switches import SWITCHES, small, train_all
from tests.test_backends import run_python


def check(outcome):
    plain = outcome["plain"]
    assert plain["optimizer"] == "SGD" and plain["iterations"] == 4
    for name, run in outcome.items():
        assert np.isfinite([*run["losses"], run["test loss"]]).all() and run["finite"], name
        assert len(run["losses"]) == 2, name
        floats = [dtype for dtype in run["weights"] if "float" in dtype]
        assert floats == ["float32"], name  # whatever the precision of the operations
        losses, expected = run["losses"], plain["losses"]
        if name in ("bfloat16", "float16"):
            assert f"mixed_{name}" in run["policies"], name
            np.testing.assert_allclose(losses, expected, rtol=0.03)
            assert losses != expected, name
        if name == "float16":
            assert run["optimizer"] == "LossScaleOptimizer"
        if name == "compiled":
            assert run["jit_compile"] is True
            np.testing.assert_allclose(losses, expected, rtol=1e-4)
        if name == "accumulation":
            # The first update comes after the second batch, so that the second epoch differs.
            assert losses[1] != expected[1]
        if name == "ema":
            # Training goes on with the raw weights; what is tested are the averages.
            np.testing.assert_allclose(losses, expected, rtol=1e-5)
            assert run["test loss"] != plain["test loss"]
        if name == "remat":
            np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_switches_on_tensorflow(eagerly, tmp_path):
    check(train_all(tmp_path, ("plain", "float16", "accumulation", "ema")))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float16", "accumulation", "ema", "bfloat16", "compiled"])
def test_a_switch_in_graphs_of_tensorflow(name, tmp_path):
    check(train_all(tmp_path, ("plain", name)))


@pytest.mark.parametrize(
    "names",
    [
        ("plain", "remat"),
        pytest.param(
            ("plain", "bfloat16", "float16", "compiled", "accumulation", "ema"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_switches_on_jax(names, tmp_path):
    pytest.importorskip("jax")
    run_python(["-m", "tests.runs.switches", tmp_path, *names], "jax")
    check(json.loads((tmp_path / "outcome.json").read_text()))


def test_what_a_backend_cannot_is_refused():
    with pytest.raises(ValueError, match=r"remat is true; .* Set KERAS_BACKEND=jax"):
        small(remat=True)
    with pytest.raises(ValueError, match="accumulation does not work on several devices"):
        small(devices=2, accumulation=2)
    with pytest.raises(ValueError, match="jit_compile works neither"):
        small(devices=2, jit_compile=True)
    with pytest.raises(ValueError, match="precision is 'float8'; expected one of float32"):
        small(precision="float8")


def linear_net(recipe):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(10, 1)])
    MnistSegmentation.compile(recipe, model)
    model.compile(make_optimizer(recipe), "mse")
    return model


def test_two_accumulated_batches_equal_one_of_twice_the_size():
    rng = np.random.default_rng(0)
    images, targets = rng.normal(size=(16, 8, 8, 1)), rng.normal(size=(16, 8, 8, 10))
    trained = []
    for batch_size, accumulation in ((8, 1), (4, 2)):
        model = linear_net(small(schedule="constant", accumulation=accumulation))
        start = model.get_weights()
        model.fit(images, targets, batch_size=batch_size, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    assert np.abs(trained[0][0] - start[0]).max() > 1e-4
    for one, two in zip(*trained):
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-7)


def test_ema_is_validated_and_kept_and_training_goes_on_with_the_raw_weights():
    rng = np.random.default_rng(0)
    images, targets = rng.normal(size=(12, 8, 8, 1)), rng.normal(size=(12, 8, 8, 10))
    recipe = small(schedule="constant", ema=0.7)
    model, raw = linear_net(recipe), linear_net(small(schedule="constant"))
    steps, validated, before = [], [], []

    class Record(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            before.append(model.get_weights())

        def on_train_batch_end(self, batch, logs=None):
            steps.append(model.get_weights())

        def on_test_begin(self, logs=None):
            validated.append(model.get_weights())

    callbacks = [keras.callbacks.SwapEMAWeights(), Record()]
    options = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    data = (images, targets)
    model.fit(images, targets, validation_data=data, callbacks=callbacks, **options)
    raw.fit(images, targets, **options)
    average = steps[0]
    for number, weights in enumerate(steps, 1):
        if number > 1:
            average = [0.7 * a + 0.3 * w for a, w in zip(average, weights)]
        if number % 3 == 0:
            for ours, theirs in zip(validated[number // 3 - 1], average):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    for ours, theirs in zip(before[3], steps[2]):
        # Keras swaps by adding and subtracting, which rounds.
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert np.abs(average[0] - steps[-1][0]).max() > 1e-4  # else the two could be mixed up
    for ours, theirs in zip(steps[-1], raw.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    for ours, theirs in zip(model.get_weights(), average):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert isinstance(model.optimizer, SGD) and set(SWITCHES) >= {"ema"}
