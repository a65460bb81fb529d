"""MultigridConv2DTranspose against the oracle."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_multigrid.layers import MultigridConv2DTranspose
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of


def kernels_and_biases(layer):
    kernels = [grid_layer.kernel.numpy() for grid_layer in layer.grid_layers]
    biases = [grid_layer.bias.numpy() for grid_layer in layer.grid_layers if layer.use_bias]
    return kernels, biases


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    channels=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    kernel_size=st.integers(1, 4),
    strides=st.integers(1, 3),
    use_bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_equals_the_oracle(size, channels, kernel_size, strides, use_bias, seed):
    rng = np.random.default_rng(seed)
    pyramid = oracle.random_pyramid(rng, *size, channels)
    layer = MultigridConv2DTranspose(
        [count + 1 for count in channels], kernel_size, strides=strides, use_bias=use_bias
    )
    layer.build(shapes_of(pyramid))
    layer.set_weights([rng.normal(size=value.shape) for value in layer.get_weights()])
    outputs = layer(pyramid)
    expected = oracle.multigrid_conv_transpose(pyramid, *kernels_and_biases(layer), strides)
    assert_pyramids_close(outputs, expected)
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(outputs)


@pytest.mark.parametrize("kernel_size", [(2, 3, 1), [1, 1, 4], np.int64(3)])
def test_a_kernel_size_per_grid_and_an_activation(kernel_size):
    rng = np.random.default_rng(0)
    pyramid = oracle.random_pyramid(rng, 5, 4, [1, 2, 3])
    layer = MultigridConv2DTranspose([2, 2, 2], kernel_size, activation="relu")
    layer.build(shapes_of(pyramid))
    layer.set_weights([rng.normal(size=value.shape) for value in layer.get_weights()])
    expected = oracle.multigrid_conv_transpose(pyramid, *kernels_and_biases(layer))
    assert_pyramids_close(layer(pyramid), [np.maximum(grid, 0) for grid in expected])
    again = MultigridConv2DTranspose.from_config(layer.get_config())
    again.build(shapes_of(pyramid))
    again.set_weights(layer.get_weights())
    assert_pyramids_close(again(pyramid), layer(pyramid), tolerance=0)


def test_configurations_of_one_kernel_size_and_no_activation_load():
    config = MultigridConv2DTranspose([2, 2], 3).get_config()
    del config["activation"]
    assert MultigridConv2DTranspose.from_config({**config, "kernel_size": 3}).kernel_size == (3, 3)


def test_golden():
    fine = np.array([1, 2, 3], "float32").reshape(1, 1, 3, 1)
    coarse = np.array([4, 5], "float32").reshape(1, 1, 2, 1)
    layer = MultigridConv2DTranspose([1, 1])
    layer.build([fine.shape, coarse.shape])
    kernel = np.array([[1, 10], [100, 1000]]).reshape(2, 2, 1, 1)
    layer.set_weights([kernel, np.array([0.0]), kernel, np.array([0.5])])
    fine_output, coarse_output = layer([fine, coarse])
    assert_close(
        fine_output[0, :, :, 0],
        np.array([[1, 10, 2, 20, 3, 30], [100, 1000, 200, 2000, 300, 3000]]),
    )
    # 2 x 4 cropped to half of 2 x 6: one row and three columns.
    assert_close(coarse_output[0, :, :, 0], np.array([[4.5, 40.5, 5.5]]))


@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 1)])
def test_unknown_height_and_width(size):
    inputs = [keras.Input((None, None, 2)), keras.Input((None, None, 3))]
    layer = MultigridConv2DTranspose([1, 2])
    outputs = layer(inputs)
    assert shapes_of(outputs) == [(None, None, None, 1), (None, None, None, 2)]
    pyramid = oracle.random_pyramid(np.random.default_rng(0), *size, [2, 3])
    expected = oracle.multigrid_conv_transpose(pyramid, *kernels_and_biases(layer))
    assert_pyramids_close(keras.Model(inputs, outputs).predict(pyramid, verbose=0), expected)


@pytest.mark.parametrize(
    "initializer",
    [None, keras.initializers.HeNormal(), keras.initializers.HeNormal(seed=3)],
    ids=["default", "unseeded", "seeded"],
)
def test_grids_of_equal_shape_start_with_different_kernels(initializer):
    layer = MultigridConv2DTranspose([4, 4], kernel_initializer=initializer)
    layer.build([(1, 4, 4, 3), (1, 2, 2, 3)])
    first, second = kernels_and_biases(layer)[0]
    assert np.abs(first - second).max() > 0.01


def test_grids_start_with_different_kernels_from_one_seed_generator():
    initializer = keras.initializers.HeNormal(seed=keras.random.SeedGenerator(3))
    layer = MultigridConv2DTranspose([4, 4], kernel_initializer=initializer)
    layer.build([(1, 4, 4, 3), (1, 2, 2, 3)])
    first, second = kernels_and_biases(layer)[0]
    assert np.abs(first - second).max() > 0.01


def test_default_initial_values():
    layer = MultigridConv2DTranspose([300])
    layer.build([(1, 4, 4, 50)])
    values = layer.grid_layers[0].kernel.numpy()
    assert values.shape == (2, 2, 300, 50)
    # He initialization by fan-out: the 300 filters count, not the 50 input channels.
    assert abs(values.std() / np.sqrt(2 / (4 * 300)) - 1) < 0.05


def test_weight_names():
    layer = MultigridConv2DTranspose([1, 1], name="up")
    layer.build([(1, 2, 2, 1), (1, 1, 1, 1)])
    assert [weight.path for weight in layer.weights] == [
        "up/grid_0/kernel",
        "up/grid_0/bias",
        "up/grid_1/kernel",
        "up/grid_1/bias",
    ]


def test_regularizers_apply_to_each_grid():
    layer = MultigridConv2DTranspose(
        [1, 1],
        kernel_size=1,
        kernel_initializer="ones",
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(1.0),
        bias_regularizer=keras.regularizers.L1(10.0),
    )
    layer.build([(1, 2, 2, 1), (1, 1, 1, 1)])
    assert float(sum(layer.losses)) == 22


def test_input_list_stays_as_it_is():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 3, 3, [1, 1])
    before = list(pyramid)
    MultigridConv2DTranspose([2, 2])(pyramid)
    assert len(pyramid) == 2 and all(one is other for one, other in zip(pyramid, before))
