"""Where the nodes of a top-down traversal lie (second paper, section 3 and 5.1).

A node's 9 candidates are a 3x3 grid of half its side, overlapping by half: at offsets 0, 1/4 and
1/2 of its side. In units of half the base size, the window of a node of level l (1 is the root)
starts at q per axis in the image of that level, and its candidate in column j at 2q + j in the next
one. A node is named by its path from the root, a number of base 9 with one digit per level, each
3 * row + column.
"""

import functools

import numpy as np

from keras_multigrid import checks

GRID = 3
CANDIDATES = GRID * GRID
MAX_LEVELS = 6


def windows_per_side(level):
    """Returns how many different windows a level has per axis."""
    return 2**level - 1


def nodes_in(level):
    """Returns how many nodes a level can have in an image."""
    return CANDIDATES ** (level - 1)


def child_places(places, candidates):
    """Returns (row, column) of candidates from those of their parents; works on any arrays."""
    rows, columns = places
    return 2 * rows + candidates // GRID, 2 * columns + candidates % GRID


@functools.cache
def node_places(level):
    """Returns the (row, column) of all nodes of a level, by path, as integer arrays."""
    rows, columns = np.zeros((2, 1), int)
    for _ in range(level - 1):
        parents = rows.repeat(CANDIDATES), columns.repeat(CANDIDATES)
        rows, columns = child_places(parents, np.tile(np.arange(CANDIDATES), len(rows)))
    return rows, columns


def check_levels(levels, most=MAX_LEVELS):
    """Raises a `ValueError` for a number of levels that is not from 1 to `most`."""
    checks.integers(1, most, levels=levels)


def check_images(shape, base_size, channels, levels):
    """Raises a `ValueError` for images of a shape that does not allow so many levels."""
    side = base_size * 2 ** (levels - 1)
    expected = (
        f"expected (batch, side, side, {channels}) with a side of {base_size} x 2^k pixels, at "
        f"least {side} for levels={levels}: {side}, {2 * side}, ..."
    )
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != channels or shape[1] is None:
        raise ValueError(f"The images have shape {tuple(shape)}; {expected}")
    factor, rest = divmod(shape[1], base_size)
    if rest or factor & (factor - 1) or shape[1] < side:
        raise ValueError(f"The images have a side of {shape[1]} pixels; {expected}")
