"""Zeros around coarser grids leave them half of the finer one's positions, or one more."""

import itertools

import pytest

from keras_multigrid.flipping.windows import grid_paddings, is_same


def positions(side, zeros, span, step):
    return (side + sum(zeros) - span) // step + 1


@pytest.mark.parametrize("span", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_coarser_grids_have_at_least_half_the_positions(span, step):
    for before, after in itertools.product(range(4), range(4)):
        paddings = grid_paddings(((before, after), (0, 0)), [(span, span)] * 4, (step, step))
        for side in range(span, 40):
            halves = side
            count = expected = positions(side, (before, after), span, step)
            for rows, _ in paddings[1:]:
                halves, expected = (halves + 1) // 2, (expected + 1) // 2
                count = positions(halves, rows, span, step)
                assert min(rows) >= 0 and expected <= count <= expected + 1


def test_golden():
    stem = ((3, 3), (3, 3))  # of ResNet50
    assert grid_paddings(stem, [(7, 7)] * 2, (2, 2)) == [stem, stem]
    valid = ((0, 0), (0, 0))
    assert grid_paddings(valid, [(3, 5)] * 2, (1, 1))[1] == ((1, 0), (1, 1))
    assert grid_paddings(((1, 1), (1, 1)), [(3, 3), (1, 1)], (1, 1))[1] == valid


@pytest.mark.parametrize(
    ("zeros", "span", "step", "same"),
    [(1, 3, 1, True), (1, 3, 2, False), (0, 1, 2, True), (0, 3, 1, False), (2, 3, 1, False)],
)
def test_same_at_all_sizes(zeros, span, step, same):
    assert is_same(((zeros, zeros),) * 2, (span, span), (step, step)) == same
