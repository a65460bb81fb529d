"""ImagePyramid against the oracle."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_multigrid.layers import ImagePyramid
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    channels=st.integers(1, 3),
    num_grids=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_equals_the_oracle(height, width, channels, num_grids, seed):
    image = np.random.default_rng(seed).normal(size=(2, height, width, channels))
    layer = ImagePyramid(num_grids)
    outputs = layer(image.astype("float32"))
    assert_pyramids_close(outputs, oracle.image_pyramid(image, num_grids))
    assert layer.compute_output_shape(image.shape) == shapes_of(outputs)


def test_golden():
    image = np.array([[1, 3, 5], [5, 7, 9], [0, 2, 8]], "float32").reshape(1, 3, 3, 1)
    _, half, quarter = ImagePyramid(3)(image)
    # 16/4 and (5+9)/2; (0+2)/2 and 8 alone. The quarter is the mean of all nine pixels,
    # not of the four means.
    assert_close(half, np.array([[4, 7], [1, 8]]).reshape(1, 2, 2, 1))
    assert_close(quarter, np.array(40 / 9).reshape(1, 1, 1, 1))


def test_finest_grid_is_the_image():
    image = np.random.default_rng(0).normal(size=(2, 7, 5, 3)).astype("float32")
    (finest,) = ImagePyramid(1)(image)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(finest), image)


def test_integer_images_are_averaged_in_floating_point():
    image = np.array([[0, 255], [255, 255]], "uint8").reshape(1, 2, 2, 1)
    finest, half = ImagePyramid(2)(image)
    assert keras.backend.standardize_dtype(finest.dtype) == "float32"
    assert_close(half, np.array(191.25).reshape(1, 1, 1, 1))


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 3)])
def test_unknown_height_and_width(size):
    inputs = keras.Input((None, None, 2))
    outputs = ImagePyramid(3)(inputs)
    assert shapes_of(outputs) == [(None, None, None, 2)] * 3
    model = keras.Model(inputs, outputs)
    image = np.random.default_rng(0).normal(size=(1, *size, 2)).astype("float32")
    assert_pyramids_close(model(image), oracle.image_pyramid(image, 3))


def test_channels_first_shapes():
    layer = ImagePyramid(3, data_format="channels_first")
    assert layer.compute_output_shape((None, 3, 9, 6)) == [
        (None, 3, 9, 6),
        (None, 3, 5, 3),
        (None, 3, 3, 2),
    ]


def test_half_precision_keeps_the_partial_windows_exact():
    # The filled share of a window, k / 2^(2i), is exact in float16, so only rounding remains.
    image = np.random.default_rng(0).uniform(size=(1, 13, 11, 1)).astype("float32")
    outputs = ImagePyramid(4, dtype="mixed_float16")(image)
    assert {keras.backend.standardize_dtype(grid.dtype) for grid in outputs} == {"float16"}
    assert_pyramids_close(outputs, oracle.image_pyramid(image, 4), tolerance=3e-3)
