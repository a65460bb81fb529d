"""MultigridConv2D against the oracle: values."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of
from tests.random_weights import randomize


def expected_outputs(layer, pyramid):
    kernels = [kernel.numpy() for kernel in layer.kernels]
    biases = [bias.numpy() for bias in layer.biases]
    options = {"strides": layer.strides, "dilation": layer.dilation_rate}
    return oracle.multigrid_conv(pyramid, kernels, biases, layer.padding, **options)


STEPS = [{}, {"strides": 2}, {"strides": 3}, {"dilation_rate": 2}, {"dilation_rate": 3}]


@st.composite
def cases(draw):
    """Draws what a user may: any size, 1 to 5 grids, fewer outputs, one kernel size per grid."""
    num_grids = draw(st.integers(1, 5))
    num_outputs = draw(st.integers(1, num_grids))
    widths = st.integers(1, 4)
    arguments = {
        "filters": draw(st.lists(widths, min_size=num_outputs, max_size=num_outputs)),
        "kernel_size": draw(st.lists(widths, min_size=num_outputs, max_size=num_outputs)),
        "use_bias": draw(st.booleans()),
        **draw(st.sampled_from(STEPS)),
    }
    size = draw(st.integers(1, 13)), draw(st.integers(1, 13))
    channels = draw(st.lists(widths, min_size=num_grids, max_size=num_grids))
    return arguments, size, channels, draw(st.integers(0, 999))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_equals_the_oracle(case):
    arguments, size, channels, seed = case
    rng = np.random.default_rng(seed)
    pyramid = oracle.random_pyramid(rng, *size, channels)
    layer = MultigridConv2D(**arguments)
    layer.build(shapes_of(pyramid))
    randomize(layer)
    outputs = layer(pyramid)
    assert_pyramids_close(outputs, expected_outputs(layer, pyramid))
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(outputs)
    assert len(layer.biases) == (len(layer.filters) if layer.use_bias else 0)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (8, 8), (9, 4)])
@pytest.mark.parametrize("channels, filters", [([2], [3]), ([3, 2, 1], [2, 4, 3])])
def test_equals_the_oracle_in_float64(size, channels, filters):
    rng = np.random.default_rng(0)
    pyramid = [grid.astype("float64") for grid in oracle.random_pyramid(rng, *size, channels)]
    layer = MultigridConv2D(filters, dtype="float64")
    layer.build(shapes_of(pyramid))
    randomize(layer)
    assert_pyramids_close(layer(pyramid), expected_outputs(layer, pyramid), tolerance=1e-12)


@pytest.mark.parametrize("steps", STEPS[:4], ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, (3, 2), np.int64(3)])
def test_valid_padding(kernel_size, steps):
    rng = np.random.default_rng(0)
    pyramid = oracle.random_pyramid(rng, 11, 10, [2, 3, 1])
    layer = MultigridConv2D([3, 2], kernel_size, padding="valid", **steps)
    layer.build(shapes_of(pyramid))
    randomize(layer)
    outputs = layer(pyramid)
    assert_pyramids_close(outputs, expected_outputs(layer, pyramid))
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(outputs)


def test_tied_filters():
    rng = np.random.default_rng(0)
    pyramid = oracle.random_pyramid(rng, 13, 10, [2] * 5)
    layer = MultigridConv2D([4, 3, 3, 3, 1], tie_filters=True)
    layer.build(shapes_of(pyramid))
    randomize(layer)
    finest, *inner, coarsest = layer.kernels
    assert inner[0] is inner[1] is inner[2]
    assert finest is not inner[0] and coarsest is not inner[0]
    assert len(layer.trainable_variables) == 3 + 5  # kernels, biases
    assert_pyramids_close(layer(pyramid), expected_outputs(layer, pyramid))


def test_dropped_grids_feed_nobody():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 8, 8, [2, 2, 2])
    layer = MultigridConv2D([3, 3])
    outputs = layer(pyramid)
    assert [tuple(kernel.shape) for kernel in layer.kernels] == [(3, 3, 4, 3), (3, 3, 4, 3)]
    pyramid[2] = pyramid[2] + 1
    assert_pyramids_close(layer(pyramid), outputs, tolerance=0)


@pytest.mark.parametrize("strides", [1, 2])
def test_zeros_around_each_grid(strides):
    paddings = [((2, 1), (0, 3)), ((1, 1), (1, 1))]
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 7, 6, [2, 3])
    layer = MultigridConv2D([3, 2], [4, 3], strides=strides, padding=paddings)
    layer.build(shapes_of(pyramid))
    randomize(layer)
    fine, coarse = pyramid
    joined = [
        np.concatenate([fine, oracle.upsample(coarse, 7, 6)], axis=-1),
        np.concatenate([oracle.max_pool(fine), coarse], axis=-1),
    ]
    expected = [
        oracle.conv(np.pad(grid, ((0, 0), *zeros, (0, 0))), kernel, bias, "valid", strides)
        for grid, zeros, kernel, bias in zip(joined, paddings, layer.kernels, layer.biases)
    ]
    assert_pyramids_close(layer(pyramid), expected)
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(expected)
    again = MultigridConv2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("padding", ["full", None, [((1, 1), (1, 1))], [(1, 1), (1, 1)], [[[-1]]]])
def test_padding_must_be_known(padding):
    with pytest.raises(ValueError, match=r"padding is .*one per grid"):
        MultigridConv2D([3, 2], padding=padding)


def test_the_dropped_grid_is_read_a_last_time():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 7, 6, [2, 3, 4, 1])
    whole, layer = MultigridConv2D([3, 5, 2]), MultigridConv2D([3, 5], read_dropped=True)
    for each in (whole, layer):
        each.build(shapes_of(pyramid))
        randomize(each)
    assert layer.sources(1) == {"finer": slice(0, 2), "own": slice(2, 5), "coarser": slice(5, 9)}
    layer.set_weights(whole.get_weights()[:4])
    assert_pyramids_close(layer(pyramid), whole(pyramid)[:2])
    assert layer.compute_output_shape(shapes_of(pyramid)) == [(2, 7, 6, 3), (2, 4, 3, 5)]


def test_without_a_grid_to_drop_there_is_nothing_to_read():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 4, 4, [2, 2])
    layer = MultigridConv2D([3, 3], read_dropped=True)
    layer(pyramid)
    assert layer.sources(1) == {"finer": slice(0, 2), "own": slice(2, 4)}


def test_golden():
    fine = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
    coarse = np.array([[10]], "float32").reshape(1, 1, 1, 1)
    layer = MultigridConv2D([1, 1], kernel_size=1)
    layer.build([fine.shape, coarse.shape])
    # Fine: 1 own + 2 upsampled + 0.5. Coarse: 3 pooled + 4 own - 1.
    fine_kernel, coarse_kernel = np.array([[1, 2], [3, 4]]).reshape(2, 1, 1, 2, 1)
    layer.set_weights([fine_kernel, np.array([0.5]), coarse_kernel, np.array([-1.0])])
    fine_output, coarse_output = layer([fine, coarse])
    assert_close(fine_output, np.array([[21.5, 22.5], [23.5, 24.5]]).reshape(1, 2, 2, 1))
    assert_close(coarse_output, np.array(3 * 4 + 4 * 10 - 1).reshape(1, 1, 1, 1))


def test_order_of_the_input_channels():
    sides_and_values = [(4, 1.0), (2, 10.0), (1, 100.0)]
    pyramid = [np.full((1, side, side, 1), value) for side, value in sides_and_values]
    layer = MultigridConv2D([1, 1, 1], kernel_size=1, use_bias=False)
    layer.build(shapes_of(pyramid))
    first_channel = [np.eye(kernel.shape[2], 1).reshape(kernel.shape) for kernel in layer.kernels]
    layer.set_weights(first_channel)
    # The first channel is the pooled finer grid, or the own one where there is no finer grid.
    assert [float(grid[0, 0, 0, 0]) for grid in layer(pyramid)] == [1, 1, 10]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("activation", [None, "gelu"])
def test_one_grid_is_a_plain_convolution(activation, steps, padding):
    rng = np.random.default_rng(0)
    for kernel_size, size in [(3, (8, 7)), (2, (7, 9)), (1, (8, 9))]:
        image = rng.normal(size=(2, *size, 3)).astype("float32")
        options = {"padding": padding, "activation": activation, **steps}
        plain = keras.layers.Conv2D(4, kernel_size, **options)
        layer = MultigridConv2D([4], kernel_size, **options)
        expected = plain(image)
        layer.build([image.shape])
        layer.set_weights(plain.get_weights())
        assert_pyramids_close(layer([image]), [expected])
        for shape in (image.shape, (None, None, 9, 3)):
            assert layer.compute_output_shape([shape]) == [plain.compute_output_shape(shape)]


def test_a_pyramid_stays_one_after_strides():
    for strides in (1, 2, 3, 4, 5):
        layer = MultigridConv2D([1] * 4, strides=strides)
        for side in range(1, 70):
            shapes = [(1, *size, 1) for size in oracle.grid_sizes(side, 2 * side, 4)]
            layer.check_pyramid(layer.compute_output_shape(shapes))


def test_strides_halve_a_pyramid_that_is_pooled_and_convolved_again():
    image = keras.Input((13, 10, 3))
    layers = [MultigridConv2D([4, 3], strides=2, activation="relu"), MultigridConv2D([2, 2])]
    pyramid = layers[0](ImagePyramid(2)(image))
    assert shapes_of(pyramid) == [(None, 7, 5, 4), (None, 4, 3, 3)]
    inputs = np.random.default_rng(0).normal(size=(2, 13, 10, 3)).astype("float32")
    expected = oracle.image_pyramid(inputs, 2)
    model = keras.Model(image, layers[1](pyramid))
    expected = [np.maximum(grid, 0) for grid in expected_outputs(layers[0], expected)]
    assert_pyramids_close(model(inputs), expected_outputs(layers[1], expected))


@pytest.mark.parametrize("formulation", ["transposed", "phases"])
@pytest.mark.parametrize("steps", [{"strides": 2}, {"dilation_rate": 2}], ids=str)
def test_other_formulations_are_for_steps_of_one(steps, formulation):
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 16, 16, [2, 3])
    layer = MultigridConv2D([3, 2], formulation=formulation, **steps)
    layer.build(shapes_of(pyramid))
    assert_pyramids_close(layer(pyramid), expected_outputs(layer, pyramid))


def test_configurations_without_strides_load():
    config = MultigridConv2D([3, 2]).get_config()
    for name in ("strides", "dilation_rate", "activation"):
        del config[name]
    layer = MultigridConv2D.from_config(config)
    assert (layer.strides, layer.dilation_rate) == (1, 1)
    assert layer.activation is keras.activations.linear


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 2)])
@pytest.mark.parametrize("filters", [[2, 3, 1], [2]])
def test_unknown_height_and_width(size, filters):
    inputs = [keras.Input((None, None, channels)) for channels in (2, 1, 3)]
    layer = MultigridConv2D(filters)
    outputs = layer(inputs)
    assert shapes_of(outputs) == [(None, None, None, count) for count in filters]
    pyramid = oracle.random_pyramid(np.random.default_rng(0), *size, [2, 1, 3])
    actual = keras.Model(inputs, outputs).predict(pyramid, verbose=0)
    actual = actual if isinstance(actual, list) else [actual]
    assert_pyramids_close(actual, expected_outputs(layer, pyramid))


def test_unknown_width_alone():
    inputs = [keras.Input((8, None, 2)), keras.Input((4, None, 2))]
    layer = MultigridConv2D([1, 2])
    outputs = layer(inputs)
    assert shapes_of(outputs) == [(None, 8, None, 1), (None, 4, None, 2)]
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 8, 5, [2, 2])
    actual = keras.Model(inputs, outputs)(pyramid)
    assert_pyramids_close(actual, expected_outputs(layer, pyramid))
