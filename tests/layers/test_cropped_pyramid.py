"""Grids that are slightly too large become a pyramid."""

import numpy as np
import pytest

from keras_multigrid.layers import CroppedPyramid
from tests.asserts import assert_pyramids_close, shapes_of


def grids_of(*sizes):
    return [np.random.default_rng(0).normal(size=(1, *size, 2)).astype("float32") for size in sizes]


@pytest.mark.parametrize("sizes", [[(7, 5), (6, 3), (3, 2)], [(8, 8)], [(1, 1), (2, 1), (1, 3)]])
def test_each_is_cropped_to_half_of_the_finer_one(sizes):
    grids = grids_of(*sizes)
    expected = [grids[0]]
    for grid in grids[1:]:
        rows, columns = ((side + 1) // 2 for side in expected[-1].shape[1:3])
        expected.append(grid[:, :rows, :columns])
    layer = CroppedPyramid()
    assert_pyramids_close(layer(grids), expected)
    assert layer.compute_output_shape(shapes_of(grids)) == shapes_of(expected)


@pytest.mark.parametrize("sizes", [[(7, 5), (3, 3)], [(4, 4), (2, 2), (1, 0)]])
def test_too_small_grids_are_named(sizes):
    with pytest.raises(ValueError, match=r"grid [12] is .* expected"):
        CroppedPyramid()(grids_of(*sizes))


@pytest.mark.parametrize("shapes", [(None, 4, 4, 1), [], [(4, 4, 1)]])
def test_what_is_not_a_list_of_grids_is_refused(shapes):
    with pytest.raises(ValueError, match="CroppedPyramid"):
        CroppedPyramid().build(shapes)
