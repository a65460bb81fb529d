"""Networks rewritten with stock Keras layers compute what ours do."""

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.stock import rewrite
from tests.conformance import random_inputs
from tests.random_weights import randomize
from tests.test_backends import run_python

zoo = kmg.applications
SMALL = {"width_multiplier": 0.1, "classifier_activation": None, "classes": 3}
NETWORKS = {
    "PMG-11": lambda: zoo.PMGSEG(**SMALL),
    "PMG-11, odd": lambda: zoo.PMGSEG(input_shape=(37, 22, 1), **SMALL),
    "PMG-11, unknown": lambda: zoo.PMGSEG(input_shape=(None, None, 1), **SMALL),
    "PMG-11, 1x1, odd": lambda: zoo.PMGSEG(
        input_shape=(19, 14, 1), exchange_size=(3, 1), channel_ratios=(1, 1), **SMALL
    ),
    "R-PMG-20": lambda: zoo.RPMGSEG(**SMALL),
    "U-MG-11": lambda: zoo.UMGSEG(**SMALL),
    "U-MG-11, odd": lambda: zoo.UMGSEG(input_shape=(49, 30, 1), **SMALL),
    "MG-6": lambda: zoo.MG(depth=6, **SMALL),
    "R-MG-18": lambda: zoo.RMG18(**SMALL),
    "R-PMG-30-SEG": lambda: zoo.RPMG30SEG(input_shape=(32, 32, 3), **SMALL),
    "RES-12": lambda: zoo.RES(depth=12, **SMALL),
}


ALIKE = ("R-PMG-20", "U-MG-11", "R-PMG-30-SEG", "RES-12")  # others have all that these have


def prepared(model):
    """Gives a model weights and statistics that keep activations near 1."""
    randomize(model)
    for weight in model.weights:
        if weight.name == "gamma":
            weight.assign(np.abs(weight.numpy()) + 0.5)
    return model


def image_for(model):
    shape = [side or 33 for side in model.input_shape[1:]]
    return np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")


def assert_same_outputs(model, other, images):
    expected, outputs = (np.asarray(each(images, training=False)) for each in (model, other))
    scale = np.abs(expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(outputs / scale, expected / scale, atol=1e-5)


def kinds(model):
    return {type(layer) for layer in model.layers}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE)) for name in NETWORKS],
)
def test_computes_the_same(name):
    model = prepared(NETWORKS[name]())
    images = image_for(model)
    for for_inference in (False, True):
        stock = rewrite(model, for_inference)
        assert stock.name == model.name
        assert_same_outputs(model, stock, images)
        if name.split(",")[0] != "U-MG-11":
            assert (keras.layers.BatchNormalization in kinds(stock)) != for_inference
        if name in ("PMG-11", "R-MG-18"):
            assert (keras.layers.Conv2DTranspose in kinds(stock)) == for_inference
        if "," not in name:
            assert all(kind.__module__.startswith("keras.src.") for kind in kinds(stock))
    size = images.shape[1:]
    counts = [kmg.complexity.profile(network, size).macs for network in (model, stock)]
    assert counts[1] <= counts[0]


def test_the_textbooks_network_trains_the_same():
    model = prepared(zoo.PMGSEG(input_shape=(16, 16, 1), width_multiplier=0.05, classes=2))
    stock = rewrite(model)
    images = random_inputs(model)
    targets = (np.random.default_rng(1).random((2, 16, 16, 2)) > 0.5).astype("float32")
    losses = []
    for network in (model, stock):
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        network.compile(optimizer, "binary_crossentropy", run_eagerly=True)
        losses.append([float(network.train_on_batch(images, targets)) for _ in range(3)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert losses[0][2] < losses[0][0]
    assert_same_outputs(model, stock, images)


def test_grids_that_reach_no_output_are_left_out():
    model = zoo.RPMG30SEG(width_multiplier=0.1)
    stock = rewrite(model)
    # At full width: 9.52 and 7.27 G multiply-adds.
    ratio = kmg.complexity.profile(stock).macs / kmg.complexity.profile(model).macs
    assert ratio == pytest.approx(7.27 / 9.52, abs=0.02)


def test_normalization_is_folded_where_it_follows_a_convolution():
    image = keras.Input((8, 8, 3))
    plain = keras.layers.Conv2D(4, 3, use_bias=False, name="plain")(image)
    first = keras.layers.BatchNormalization(scale=False)(plain)
    second = keras.layers.BatchNormalization(center=False)(first)  # folded after the first
    both = keras.layers.Add()([second, plain])  # what was folded is read here unfolded
    active = keras.layers.Conv2D(4, 3, activation="relu")(both)
    grouped = keras.layers.Conv2D(4, 3, groups=2)(active)
    kept = [
        keras.layers.BatchNormalization(name="after_activation")(active),
        keras.layers.BatchNormalization(name="after_groups")(grouped),
    ]
    pooled = [keras.layers.GlobalAveragePooling2D()(tensor) for tensor in kept]
    outputs = keras.layers.Concatenate()(pooled)
    model = prepared(keras.Model(image, outputs))
    stock = rewrite(model, for_inference=True)
    assert_same_outputs(model, stock, random_inputs(model))
    normalizations = [
        layer.name for layer in stock.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert sorted(normalizations) == ["after_activation", "after_groups"]


@pytest.mark.parametrize("axis", [1, 2])
def test_normalization_over_another_axis_is_kept(axis):
    image = keras.Input((6, 6, 3))
    outputs = keras.layers.BatchNormalization(axis=axis)(keras.layers.Conv2D(6, 1)(image))
    model = prepared(keras.Model(image, outputs))
    assert_same_outputs(model, rewrite(model, for_inference=True), random_inputs(model))


class Doubled(keras.layers.Conv2D):
    def call(self, inputs):
        return 2 * super().call(inputs)


@pytest.mark.parametrize("for_inference", [False, True])
def test_other_layers_stay_what_they_are(for_inference):
    image = keras.Input((8, 8, 3))
    scale = keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 1.0, 9.0])
    adapted = keras.layers.Normalization()
    shared = keras.layers.Conv2D(3, 3, padding="same")
    relu = keras.layers.ReLU()
    x = relu(Doubled(3, 3, padding="same")(adapted(scale(image))))
    x = keras.layers.BatchNormalization()(relu(shared(shared(x))), training=False)
    nested = zoo.MG(
        depth=6, input_tensor=keras.Input((8, 8, 3)), include_top=False, width_multiplier=0.1
    )
    model = prepared(keras.Model(image, nested(x)))
    adapted.adapt(np.random.default_rng(1).normal(2, 3, (9, 8, 8, 3)))
    stock = rewrite(model, for_inference)
    assert_same_outputs(model, stock, random_inputs(model))
    (inner,) = [layer for layer in stock.layers if isinstance(layer, keras.Model)]
    assert kmg.layers.MultigridConv2D not in kinds(inner)


@pytest.mark.parametrize("for_inference", [False, True])
@pytest.mark.parametrize("size", [(32, 64), (15, 22)])
@pytest.mark.parametrize("steps", [{"strides": 2}, {"dilation_rate": 2}, {}], ids=str)
def test_steps_and_activations_of_a_multigrid_convolution(steps, size, for_inference):
    image = keras.Input((*size, 2))
    pyramid = kmg.layers.ImagePyramid(2)(image)
    conv = kmg.layers.MultigridConv2D([3, 2], activation="relu", **steps)
    pyramid = kmg.layers.PerGrid(keras.layers.BatchNormalization())(conv(pyramid))
    pyramid = kmg.layers.MultigridConv2DTranspose([2, 2], (2, 3), activation="gelu")(pyramid)
    model = prepared(keras.Model(image, kmg.layers.MultigridMaxPooling2D(merge=True)(pyramid)[0]))
    stock = rewrite(model, for_inference)
    assert kmg.layers.MultigridConv2D not in kinds(stock)
    assert_same_outputs(model, stock, image_for(model))


def test_whole_numbers_and_frozen_layers():
    image = keras.Input((8, 8, 3), dtype="uint8")
    pyramid = kmg.layers.ImagePyramid(2)(image)
    pyramid = kmg.layers.MultigridConv2D([2, 2], trainable=False)(pyramid)
    pyramid = kmg.layers.MultigridConv2D([2, 2], kernel_regularizer="l2")(pyramid)
    joined = kmg.layers.MultigridMaxPooling2D(merge=True)(pyramid)
    model = prepared(keras.Model(image, joined[0]))
    stock = rewrite(model)
    images = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3)).astype("uint8")
    assert_same_outputs(model, stock, images)
    assert len(stock.trainable_variables) == len(model.trainable_variables) == 4
    losses = [float(sum(network.losses)) for network in (stock, model)]
    assert losses[0] == pytest.approx(losses[1])
    assert losses[0] > 0


def test_loads_without_this_package(tmp_path):
    model = prepared(zoo.RMG18(input_shape=(64, 64, 3), **SMALL))
    images = image_for(model)
    rewrite(model, for_inference=True).save(tmp_path / "model.keras")
    np.savez(tmp_path / "expected.npz", images, model(images, training=False))
    program = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1] + "/model.keras")
images, expected = np.load(sys.argv[1] + "/expected.npz").values()
outputs = model(images, training=False)
print(np.abs(outputs - expected).max() < 1e-5 * np.abs(expected).max(),
      "keras_multigrid" in sys.modules)
"""
    assert run_python(["-c", program, tmp_path], "tensorflow").split()[-2:] == ["True", "False"]


def test_model_that_is_not_functional():
    class Custom(keras.Model):
        pass

    with pytest.raises(ValueError, match="a Custom; expected a functional model"):
        rewrite(Custom())
