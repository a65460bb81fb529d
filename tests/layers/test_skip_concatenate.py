"""SkipConcatenate: two pyramids joined along channels, the second cropped to the first."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import SkipConcatenate
from tests import oracle
from tests.asserts import assert_pyramids_close, shapes_of


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1), (13, 2)])
def test_joins_and_crops(size):
    rng = np.random.default_rng(0)
    skip = oracle.random_pyramid(rng, *size, [2, 3, 1])
    even = [side + side % 2 for side in size]  # what a transposed convolution gives
    up = oracle.random_pyramid(rng, *even, [1, 2, 4])
    layer = SkipConcatenate()
    outputs = layer(skip, up)
    expected = [
        np.concatenate([down, higher[:, : down.shape[1], : down.shape[2]]], axis=3)
        for down, higher in zip(skip, up)
    ]
    assert_pyramids_close(outputs, expected, tolerance=0)
    assert layer.compute_output_shape(shapes_of(skip), shapes_of(up)) == shapes_of(outputs)


def test_grids_without_partner_go_on_alone():
    rng = np.random.default_rng(0)
    skip = oracle.random_pyramid(rng, 8, 8, [2, 3, 1])
    up = oracle.random_pyramid(rng, 8, 8, [1])
    outputs = SkipConcatenate()(skip, up)
    expected = [np.concatenate([skip[0], up[0]], axis=3), skip[1], skip[2]]
    assert_pyramids_close(outputs, expected, tolerance=0)


def test_unknown_height_and_width():
    skip = [keras.Input((None, None, channels)) for channels in (2, 1)]
    up = [keras.Input((None, None, channels)) for channels in (3, 4)]
    outputs = SkipConcatenate()(skip, up)
    assert shapes_of(outputs) == [(None, None, None, 5)] * 2
    model = keras.Model(skip + up, outputs)
    rng = np.random.default_rng(0)
    arrays = oracle.random_pyramid(rng, 7, 5, [2, 1]) + oracle.random_pyramid(rng, 8, 6, [3, 4])
    assert shapes_of(model(arrays)) == [(2, 7, 5, 5), (2, 4, 3, 5)]


def test_input_lists_stay_as_they_are():
    skip = oracle.random_pyramid(np.random.default_rng(0), 5, 5, [1, 1])
    up = oracle.random_pyramid(np.random.default_rng(1), 6, 6, [1, 1])
    before = [*skip, *up]
    SkipConcatenate()(skip, up)
    assert all(one is other for one, other in zip([*skip, *up], before))
