"""What is planned for a tensor of the old network: the pyramid that it becomes."""

import dataclasses

from keras_multigrid.flipping.windows import NO_ZEROS
from keras_multigrid.layers.pyramid_layer import half


@dataclasses.dataclass(eq=False)
class Feature:
    """A tensor of the old network, and what it becomes.

    Attributes:
        size: Height and width of the finest grid, None where unknown; () of vectors.
        grids: Number of grids that there can be; 0 if it stays one tensor, such as an image.
        spatial: Whether it is a map, and not a vector for each grid.
        zeros: Those that are to be put around the finest grid, and are not there yet.
        fill: What is put there instead of zeros.
        merged: Whether a merge has put the channels of the second grid beside those of the first.
        needed: Number of grids that something reads.
        merged_needed: Whether something reads the merged channels.
    """

    size: tuple
    grids: int = 0
    spatial: bool = True
    zeros: tuple = NO_ZEROS
    fill: float = 0.0
    merged: bool = False
    needed: int = 0
    merged_needed: bool = False

    @property
    def padded_size(self):
        return tuple(
            None if side is None else side + sum(zeros)
            for side, zeros in zip(self.size, self.zeros)
        )

    def need(self, grids, merged=False):
        """Notes that so many grids are read, as far as they exist."""
        self.needed = max(self.needed, min(grids, self.grids or grids))
        self.merged_needed = self.merged_needed or bool(merged and self.merged)


class Widths:
    """The channels of each grid.

    As in the paper, where grids have merged, the coarsest one goes on as wide as both.

    Args:
        ratios: Width of each grid at the start, relative to the finest.
    """

    def __init__(self, ratios):
        self.ratios = tuple(ratios)

    def of(self, grids, grid):
        """Returns the function from the finest grid's channels to those of a grid, of so many."""
        merged = grid == grids - 1 and grid > 0
        return _together(self.ratios[grid:] if merged else self.ratios[grid : grid + 1])

    @property
    def of_merged(self):
        """As `of`, for the channels that stand beside those of the last grid that is left."""
        return _together(self.ratios[1:])


def _together(ratios):
    """Returns the function from the finest grid's channels to the sum of those by ratios."""
    return lambda channels: sum(max(1, round(channels * ratio)) for ratio in ratios)


def half_of(size, times):
    """Returns the size of the grid that many steps coarser."""
    for _ in range(times):
        size = tuple(map(half, size))
    return size


def fitting(size, grids):
    """Returns how many of the grids have at least a pixel each, where sizes are known."""
    return min([grids, *(side.bit_length() for side in size if side is not None)])
