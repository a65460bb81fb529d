"""The image at each level, and its windows, cut without resampling."""

from keras import ops


def image_pyramid(images, base_size, levels):
    """Returns the images of levels 1 to `levels`, coarsest first, by means over areas.

    Args:
        images: `(batch, side, side, channels)`, with a side of `base_size * 2**k`.
        base_size: Side of the image of level 1.
        levels: Number of levels, at most k + 1.
    """
    images = _halved_to(images, base_size * 2 ** (levels - 1))
    pyramid = [images]
    for level in range(levels - 1, 0, -1):
        pyramid.insert(0, _halved_to(pyramid[0], base_size * 2 ** (level - 1)))
    return pyramid


def cut_windows(images, base_size, level, owners, rows, columns):
    """Returns windows of the images of one level, `(count, base_size, base_size, channels)`.

    The lines of an image are cut into pieces of half the base size; a window is two neighbouring
    pieces of `base_size` lines.

    Args:
        images: `(batch, side, side, channels)`, with `side = base_size * 2**(level - 1)`.
        base_size: Side of a window, even.
        level: The level, 1 for the coarsest.
        owners: The number of each window's image, of shape `(count,)`.
        rows, columns: Where a window starts, in units of half the base size, of shape `(count,)`.
    """
    if level == 1:
        return ops.take(images, owners, axis=0)
    half, tiles, side = base_size // 2, 2**level, images.shape[1]
    pieces = ops.reshape(images, (-1, half * images.shape[3]))
    first_lines = owners * side + rows * half
    lines = first_lines[:, None] + ops.arange(base_size, dtype="int32")
    left = lines * tiles + columns[:, None]
    windows = ops.take(pieces, ops.stack([left, left + 1], axis=-1), axis=0)
    return ops.reshape(windows, (-1, base_size, base_size, images.shape[3]))


def _halved_to(images, side):
    while images.shape[1] > side:
        images = ops.average_pool(images, 2, 2, data_format="channels_last")
    return images
