"""Networks that people have, flipped; the example of `flip`'s docstring is the quick one."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.flipping import rules
from tests.flipping.networks import (
    APPLICATIONS,
    application,
    difference,
    everything,
    images_for,
    kernels_without_gradient,
    randomize,
)
from tests.test_backends import run_python

slow = pytest.mark.slow


def own_difference(model, images):
    """Returns what a model's outputs differ by between eager and graph."""
    eager = np.asarray(model(images))
    return np.abs(eager - model.predict(images, verbose=0)).max() / np.abs(eager).max()


def assert_equal(old, new, images):
    assert difference(old, new, images) <= max(1e-5, own_difference(old, images))


def small():
    return keras.applications.MobileNetV2(
        (33, 50, 3), alpha=0.35, weights=None, include_top=False, pooling="avg"
    )


@slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_classifiers_of_images_so_small_that_grids_merge(name):
    old = application(name, (32, 32), top=True)
    new, images = kmg.flip(old), images_for(old, batch=16)
    assert_equal(old, new, images)
    assert kernels_without_gradient(new, images) == set()


@slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_features_of_odd_sizes(name, tmp_path):
    old = application(name, (67, 50), top=False)
    new, images = kmg.flip(old), images_for(old, batch=8)  # of which stochastic depth leaves some
    assert_equal(old, new, images)
    assert None not in [row.macs for row in kmg.complexity.profile(new).rows]
    assert kernels_without_gradient(new, images) == set()


@slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_features_of_any_size(name):
    old = application(name, (None, None), top=False)
    new = kmg.flip(old)
    for size in ((64, 64), (97, 75), (33, 50)):
        assert_equal(old, new, images_for(old, size))


@slow
def test_the_backbone_of_keras_hub():
    hub = pytest.importorskip("keras_hub")
    for block, preactivation in (("basic_block", False), ("bottleneck_block", True)):
        old = hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 128, 256],
            stackwise_num_blocks=[2, 2, 2],
            stackwise_num_strides=[1, 2, 2],
            block_type=block,
            use_pre_activation=preactivation,
            image_shape=(None, None, 3),
        )
        new = kmg.flip(randomize(old))
        for size in ((64, 64), (97, 75)):
            assert_equal(old, new, images_for(old, size))
        assert kernels_without_gradient(new, images_for(old, (64, 64))) == set()


@slow
def test_convnext_is_flipped_once_its_own_layers_are_known(monkeypatch):
    monkeypatch.setattr(rules, "RULES", dict(rules.RULES))
    old = keras.applications.ConvNeXtTiny(input_shape=(65, 50, 3), weights=None, include_top=False)
    with pytest.raises(ValueError, match=r"LayerScale '.*' cannot be flipped"):
        kmg.flip(old)
    kinds = {type(layer).__name__: type(layer) for layer in old.layers}
    LayerScale = kinds["LayerScale"]
    kmg.flip.register(
        LayerScale,
        lambda layer, width: LayerScale(layer.init_values, width(layer.projection_dim)),
    )
    if "StochasticDepth" in kinds:
        kmg.flip.register(kinds["StochasticDepth"], keras.layers.Dropout)
    new, images = kmg.flip(randomize(old)), images_for(old)
    assert_equal(old, new, images)
    assert kernels_without_gradient(new, images) == set()


@slow
@pytest.mark.parametrize("name", ["everything", *APPLICATIONS])
def test_saved_and_exported_networks_in_a_fresh_process(name, tmp_path):
    size = (67, 50)
    old = everything(size) if name == "everything" else application(name, size, top=False)
    new = randomize(kmg.flip(old), seed=1)
    images = images_for(new)
    np.savez(tmp_path / f"{name}.npz", images)
    new.save(tmp_path / f"{name}.keras")
    expected = np.asarray(new(images))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(loaded_elsewhere(tmp_path) / scale, expected / scale, atol=1e-5)
    (tmp_path / f"{name}.keras").unlink()
    new.export(tmp_path / f"{name}.export", verbose=False)
    np.testing.assert_allclose(loaded_elsewhere(tmp_path) / scale, expected / scale, atol=3e-5)


def loaded_elsewhere(folder):
    """Returns the outputs of the network that lies in a folder, computed by another Python."""
    script = pathlib.Path(__file__).parents[1] / "load_saved.py"
    environment = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    done = subprocess.run(
        [sys.executable, script, folder], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (path,) = folder.glob("*.outputs.npz")
    return np.load(path)["arr_0"]


@slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    old = randomize(small())
    keras.config.set_dtype_policy("float32")
    new, images = kmg.flip(old), images_for(old)
    one, two = (np.asarray(keras.ops.cast(each(images), "float32")) for each in (old, new))
    np.testing.assert_allclose(one, two, atol=0.02 * np.abs(one).max())
    assert {x.dtype_policy.name for x in new.layers if x.weights} == {policy}


ON_JAX = """
import keras, numpy as np
import keras_multigrid as kmg
from tests.flipping.networks import difference, everything, images_for
old = everything()
new = kmg.flip(old)
images = images_for(old)
assert difference(old, new, images) < 1e-5
new.compile(keras.optimizers.SGD(1e-3), "mse")
for _ in range(2):
    new.train_on_batch(images, np.zeros((2, 3), "float32"))
assert difference(old, new, images) > 1e-4
print(keras.backend.backend())
"""


@slow
def test_on_jax():
    pytest.importorskip("jax")
    assert run_python(["-c", ON_JAX], "jax").strip() == "jax"
