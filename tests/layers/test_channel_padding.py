"""ChannelPadding: zeros after the input's channels."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ChannelPadding
from tests.asserts import assert_close


@pytest.mark.parametrize(
    "shape, filters", [((2, 3, 4, 2), 5), ((1, 1, 1, 1), 2), ((1, 2, 2, 3), 3)]
)
def test_appends_zeros(shape, filters):
    inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = ChannelPadding(filters)
    outputs = layer(inputs)
    expected = np.zeros((*shape[:3], filters))
    expected[..., : shape[3]] = inputs
    assert_close(outputs, expected, tolerance=0)
    assert layer.compute_output_shape(shape) == expected.shape
    assert not layer.weights


def test_channels_first():
    inputs = np.random.default_rng(0).normal(size=(2, 2, 3, 4)).astype("float32")
    layer = ChannelPadding(5, data_format="channels_first")
    outputs = keras.ops.convert_to_numpy(layer(inputs))
    assert outputs.shape == (2, 5, 3, 4) == layer.compute_output_shape(inputs.shape)
    assert_close(outputs[:, :2], inputs, tolerance=0)
    assert not outputs[:, 2:].any()


def test_unknown_height_and_width():
    inputs = keras.Input((None, None, 2))
    outputs = ChannelPadding(3)(inputs)
    assert outputs.shape == (None, None, None, 3)
    assert keras.Model(inputs, outputs)(np.ones((1, 5, 7, 2), "float32")).shape == (1, 5, 7, 3)
