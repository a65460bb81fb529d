"""The two moves between neighbouring grids: pool down, repeat up (paper, Figure 2)."""

from keras import ops


def pool_half(grid, data_format):
    """Returns the 2x2 max-pooling of a grid; odd sides are rounded up."""
    return ops.max_pool(grid, 2, strides=2, padding="same", data_format=data_format)


def repeat_like(grid, finer, data_format):
    """Returns the nearest-neighbour doubling of a grid, cropped to the finer grid's sides."""
    row = 2 if data_format == "channels_first" else 1
    doubled = ops.repeat(ops.repeat(grid, 2, axis=row), 2, axis=row + 1)
    return crop(doubled, ops.shape(finer)[row : row + 2], data_format)


def crop(grid, size, data_format):
    """Returns the top left part of a grid, `size` being its (height, width)."""
    row = 2 if data_format == "channels_first" else 1
    if tuple(grid.shape[row : row + 2]) == tuple(size):
        return grid
    height, width = size
    if data_format == "channels_first":
        return grid[:, :, :height, :width]
    return grid[:, :height, :width, :]
