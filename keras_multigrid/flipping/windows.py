"""Zeros around coarser grids: what keeps a pyramid in step where its finest grid is padded."""

import itertools
import math

NO_ZEROS = ((0, 0), (0, 0))


def grid_paddings(padding, spans, strides):
    """Returns the zeros around each grid, of windows that move over the whole pyramid.

    Each coarser grid gets as many as leave it half of the finer one's positions, or one position
    more at the end, and so many of them in front that its windows lie over the finer one's, to
    within half a pixel.

    Args:
        padding: `((top, bottom), (left, right))`, the zeros around the finest grid.
        spans: How many rows and columns each grid's window covers.
        strides: Step of the windows, in rows and in columns.

    Example:

    >>> from keras_multigrid.flipping.windows import grid_paddings
    >>> grid_paddings(((3, 3), (3, 3)), spans=[(7, 7), (7, 7)], strides=(2, 2))
    [((3, 3), (3, 3)), ((3, 3), (3, 3))]
    >>> grid_paddings(((0, 0), (0, 0)), spans=[(3, 3), (3, 3)], strides=(1, 1))
    [((0, 0), (0, 0)), ((1, 0), (1, 0))]
    """
    axes = zip(padding, zip(*spans), strides)
    return list(zip(*(_along(side, counts, step) for side, counts, step in axes)))


def more_than_same(padding, span):
    """Returns by how many positions a padding exceeds what "same" gives, in rows and columns."""
    return [sum(side) - (count - 1) for side, count in zip(padding, span)]


def is_same(padding, span, strides):
    """Whether "same" puts the same zeros around images of all sizes."""
    fits = all(
        count % 2 == 1 and tuple(side) == (count // 2, count // 2)
        for side, count in zip(padding, span)
    )
    return fits and all(1 in pair for pair in zip(span, strides))


def added(padding, more):
    """Returns the sum of two paddings."""
    return tuple(
        tuple(count + extra for count, extra in zip(*sides)) for sides in zip(padding, more)
    )


def _along(side, spans, step):
    before, more = side[0], sum(side) - (spans[0] - 1)
    paddings = [tuple(side)]
    for finer, span in itertools.pairwise(spans):
        more = math.ceil(more / 2)
        # The middle of the first two windows of the finer grid, in pixels of this one.
        middle = ((finer - 1) / 2 - before + step / 2 + 1 / 2) / 2 - 1 / 2
        before = (span - 1) / 2 - middle
        total = max(0, more + span - 1)
        front = min(max(math.floor(before + 0.5), 0), total)
        paddings.append((front, total - front))
    return paddings
