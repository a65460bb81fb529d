"""Every formulation of `MultigridConv2D` gives the textbook's values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.layers import MultigridConv2D, UnfusedBiasConv2D, formulations
from keras_multigrid.layers.formulations import FORMULATIONS, convolve, fastest_formulation
from tests import oracle
from tests.random_weights import randomize

SHORTCUTS = ("fastest", "transposed", "phases")


def values_and_gradients(layer, pyramid, upstream):
    tensors = [tf.constant(grid) for grid in pyramid]
    variables = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = layer(tensors, training=True)
    gradients = tape.gradient(outputs, tensors + variables, upstream)
    # A grid without a reader has none.
    return [value.numpy() for value in outputs + gradients if value is not None]


@pytest.mark.parametrize(
    "dtype, tolerance", [("float64", 1e-12), pytest.param("float32", 1e-5, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 2])  # 2, and odd sides, are the textbook's
@pytest.mark.parametrize("size", [(2, 2), (16, 18), (7, 6)])
@pytest.mark.parametrize("formulation", SHORTCUTS)
def test_equals_the_textbook(formulation, size, kernel_size, dtype, tolerance):
    rng = np.random.default_rng(0)
    channels, filters = [2, 3, 4, 1], [3, 2, 2]
    pyramid = [grid.astype(dtype) for grid in oracle.random_pyramid(rng, *size, channels)]
    results = []
    weights = None
    for name in ("textbook", formulation):
        layer = MultigridConv2D(filters, kernel_size, formulation=name, dtype=dtype)
        layer.build([grid.shape for grid in pyramid])
        if weights is None:
            randomize(layer)
            weights = layer.get_weights()
            upstream = [
                rng.normal(size=(*grid.shape[:3], count)).astype(dtype)
                for grid, count in zip(pyramid, filters)
            ]
        layer.set_weights(weights)
        results.append(values_and_gradients(layer, pyramid, upstream))
    expected, actual = results
    assert len(actual) == len(expected) == 3 + 3 + 6
    for values, reference in zip(actual, expected):
        scale = max(1.0, np.abs(reference).max())
        np.testing.assert_allclose(values / scale, reference / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "formulation, operation",
    [
        ("textbook", "Tile"),
        ("transposed", "Conv2DBackpropInput"),
        ("phases", "Transpose"),
    ],
)
def test_each_one_is_computed_as_it_says(formulation, operation):
    marks = {"Tile", "Conv2DBackpropInput", "Transpose"} - {operation}
    if formulation == "transposed":
        marks.remove("Transpose")  # of the kernel

    @tf.function
    def traced(own, coarser, kernel):
        return convolve(None, own, coarser, kernel, formulation=formulation)

    shapes = [(2, 8, 8, 3), (2, 4, 4, 2), (3, 3, 5, 4)]
    graph = traced.get_concrete_function(*[tf.TensorSpec(shape) for shape in shapes]).graph
    found = {node.type for node in graph.get_operations()}
    assert operation in found
    assert not marks & found


def test_the_rule(monkeypatch):
    assert formulations._runs_on_cpu() == (not tf.config.list_logical_devices("GPU"))
    monkeypatch.setattr(formulations, "_runs_on_cpu", lambda: True)
    assert fastest_formulation(64, 1 / 3, training=True) == "transposed"
    assert fastest_formulation(14, 1 / 3, training=True) == "transposed"
    assert fastest_formulation(14, 1 / 3, training=False) == "textbook"
    assert fastest_formulation(28, 1 / 3, training=False) == "transposed"
    assert fastest_formulation(8, 1 / 3, training=True) == "textbook"
    assert fastest_formulation(64, 1 / 7, training=True) == "textbook"
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert fastest_formulation(64, 1 / 3, training=False) == "phases"
    assert fastest_formulation(64, 1 / 3, training=True) == "textbook"
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert fastest_formulation(64, 1 / 3, training=True) == "textbook"
    monkeypatch.setattr(formulations, "_runs_on_cpu", lambda: False)
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    assert fastest_formulation(64, 1 / 3, training=True) == "textbook"


def test_unknown_sides_have_the_textbooks():
    inputs = [keras.Input((None, None, 2)), keras.Input((None, None, 2))]
    model = keras.Model(inputs, MultigridConv2D([3, 2], formulation="transposed")(inputs))
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 16, 16, [2, 2])
    outputs = model.predict(pyramid, verbose=0)
    textbook = MultigridConv2D([3, 2], formulation="textbook")
    textbook.build([grid.shape for grid in pyramid])
    textbook.set_weights(model.get_weights())
    for values, reference in zip(outputs, textbook(pyramid)):
        np.testing.assert_allclose(values, reference, atol=1e-5)


def test_weights_do_not_depend_on_it(tmp_path):
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 32, 32, [2, 2])
    layers = [MultigridConv2D([3, 2], formulation=name) for name in FORMULATIONS]
    models = []
    for layer in layers:
        inputs = [keras.Input(grid.shape[1:]) for grid in pyramid]
        models.append(keras.Model(inputs, layer(inputs)))
    models[0].save_weights(tmp_path / "model.weights.h5")
    expected = models[0].predict(pyramid, verbose=0)
    for model in models[1:]:
        model.load_weights(tmp_path / "model.weights.h5")
        for values, reference in zip(model.predict(pyramid, verbose=0), expected):
            np.testing.assert_allclose(values, reference, atol=1e-5)


def test_unknown_formulation():
    with pytest.raises(ValueError, match="formulation is 'fast'; expected one of"):
        MultigridConv2D([3], formulation="fast")


@pytest.mark.parametrize("use_bias, activation", [(True, None), (True, "relu"), (False, "relu")])
def test_unfused_bias_is_keras_convolution(use_bias, activation):
    image = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    options = {"strides": 2, "padding": "same", "use_bias": use_bias, "activation": activation}
    layers = [keras.layers.Conv2D(4, 7, **options), UnfusedBiasConv2D(4, 7, **options)]
    results = []
    for layer in layers:
        layer.build(image.shape)
        if layer is layers[0]:
            randomize(layer)
        layer.set_weights(layers[0].get_weights())
        with tf.GradientTape() as tape:
            outputs = layer(image)
            loss = tf.reduce_sum(outputs**2)
        gradients = tape.gradient(loss, [weight.value for weight in layer.trainable_variables])
        results.append([outputs, *gradients])
    for expected, actual in zip(*results):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4)


def test_gradient_of_the_bias_is_not_fused():
    inputs = [keras.Input((8, 8, 2)), keras.Input((4, 4, 2))]
    pyramid = MultigridConv2D([3, 2])(inputs)
    model = keras.Model(inputs, UnfusedBiasConv2D(2, 3)(pyramid[0]))
    variables = [weight.value for weight in model.trainable_variables]

    @tf.function
    def gradients(arrays):
        with tf.GradientTape() as tape:
            outputs = model(arrays)
        return tape.gradient(outputs, variables)

    specification = [tf.TensorSpec((1, *tensor.shape[1:])) for tensor in inputs]
    graph = gradients.get_concrete_function(specification).graph
    found = {node.type for node in graph.get_operations()}
    assert "Conv2DBackpropFilter" in found
    assert "BiasAddGrad" not in found
