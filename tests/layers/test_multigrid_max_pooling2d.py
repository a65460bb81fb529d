"""MultigridMaxPooling2D against the oracle."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_multigrid.layers import MultigridMaxPooling2D
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    channels=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    merge=st.booleans(),
    seed=st.integers(0, 99),
)
def test_equals_the_oracle(size, channels, merge, seed):
    merge = merge and len(channels) > 1
    pyramid = oracle.random_pyramid(np.random.default_rng(seed), *size, channels)
    layer = MultigridMaxPooling2D(merge=merge)
    outputs = layer(pyramid)
    assert_pyramids_close(outputs, oracle.multigrid_pool(pyramid, merge), tolerance=0)
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(outputs)


def test_golden():
    fine = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "float32").reshape(1, 3, 3, 1)
    coarse = np.array([[-1, -2], [-3, -4]], "float32").reshape(1, 2, 2, 1)
    plain = MultigridMaxPooling2D()([fine, coarse])
    assert_close(plain[0][0, :, :, 0], np.array([[5, 6], [8, 9]]))
    assert_close(plain[1][0, :, :, 0], np.array([[-1]]))
    (merged,) = MultigridMaxPooling2D(merge=True)([fine, coarse])
    assert_close(merged[0, :, :, 0], np.array([[5, 6], [8, 9]]))
    assert_close(merged[0, :, :, 1], np.array([[-1, -2], [-3, -4]]))


def test_padding_of_odd_sides_never_wins():
    # Zero padding would beat negative numbers.
    (pooled,) = MultigridMaxPooling2D()([np.full((1, 3, 3, 1), -5.0, "float32")])
    assert_close(pooled, np.full((1, 2, 2, 1), -5.0))


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1)])
def test_unknown_height_and_width(size, merge):
    inputs = [keras.Input((None, None, channels)) for channels in (1, 2, 3)]
    outputs = MultigridMaxPooling2D(merge=merge)(inputs)
    channels = [1, 5] if merge else [1, 2, 3]
    assert shapes_of(outputs) == [(None, None, None, count) for count in channels]
    pyramid = oracle.random_pyramid(np.random.default_rng(0), *size, [1, 2, 3])
    actual = keras.Model(inputs, outputs)(pyramid)
    assert_pyramids_close(actual, oracle.multigrid_pool(pyramid, merge))


@pytest.mark.parametrize("merge", [False, True])
def test_input_list_stays_as_it_is(merge):
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 5, 5, [1, 1, 1])
    before = list(pyramid)
    outputs = MultigridMaxPooling2D(merge=merge)(pyramid)
    assert len(pyramid) == 3 and all(one is other for one, other in zip(pyramid, before))
    assert outputs is not pyramid
