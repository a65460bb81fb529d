"""Tiles along one side of an image."""

import dataclasses
import math

import numpy as np

LEAST_KEPT = 1 / 4  # of a tile's side; what is kept of less costs too much


@dataclasses.dataclass(frozen=True)
class Tile:
    """A tile along one side.

    Attributes:
        start, end: The pixels that the network gets.
        first, last: Those whose output is kept, the last excluded.
    """

    start: int
    end: int
    first: int
    last: int

    @property
    def kept(self):
        """The kept pixels as a slice of the image."""
        return slice(self.first, self.last)

    @property
    def kept_of_tile(self):
        """The kept pixels as a slice of the tile."""
        return slice(self.first - self.start, self.last - self.start)


def tile_side(side, most, stride):
    """Returns the side of all tiles: at most `most`, and like the image's but for whole strides.

    Then all that a network rounds, it rounds in a tile as in the image; mirrored tiles are tiles of
    the mirrored image.

    Raises:
        ValueError: If no tile is so small.
    """
    if side <= most:
        return side
    length = most - (most - side) % stride
    if length < 2 * stride:
        raise ValueError(
            f"tile is {most}; expected at least {2 * stride + side % stride} for a side of {side} "
            f"pixels, as the network's total stride is {stride}."
        )
    return length


def is_exact(side, length, margin, stride):
    """Returns whether tiles of a length can have margins that the network does not see beyond."""
    return length == side or length - 2 * margin >= max(stride, LEAST_KEPT * length)


def exact_tiles(side, length, margin, stride):
    """Returns the tiles whose kept pixels, once each, are as of the whole image.

    Args:
        side: Of the image.
        length: Of the tiles at most, of `tile_side`; as many shorter ones may do.
        margin: How far the network sees.
        stride: Its total stride, to which tiles are aligned.
    """

    def starts(length):
        return _starts(side, length, (length - 2 * margin) // stride * stride)

    count = len(starts(length))
    while length - 2 * margin >= 2 * stride and len(starts(length - stride)) == count:
        length -= stride
    tiles, first = [], 0
    for start in starts(length):
        last = side if start + length == side else start + length - margin
        tiles.append(Tile(start, start + length, first, last))
        first = last
    return tiles


def blended_tiles(side, length, stride):
    """Returns tiles that overlap by half or more, all of which is kept."""
    step = max(length // 2 // stride, 1) * stride
    return [
        Tile(start, start + length, start, start + length) for start in _starts(side, length, step)
    ]


def _starts(side, length, step):
    """Returns where tiles start, of which the last ends with the image."""
    count = 1 if side == length else math.ceil((side - length) / step) + 1
    return [min(number * step, side - length) for number in range(count)]


def gaussian(length):
    """Returns weights that fall from a tile's middle to its ends, the standard deviation an eighth.

    After Isensee et al., "nnU-Net" (2021).
    """
    distance = (np.arange(length) - (length - 1) / 2) / (length / 8)
    return np.exp(-0.5 * distance**2).astype("float32")
