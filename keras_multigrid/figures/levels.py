"""What the pictures share: images in levels, windows in them, colours."""

import numpy as np

from keras_multigrid.figures.style import GREEN, ORANGE, PURPLE, SKY, YELLOW

LEVEL_COLOURS = ["#999999", ORANGE, SKY, GREEN, PURPLE, YELLOW]


def level_images(image, attention):
    """Returns the image of each level, coarsest first, by means over areas."""
    image = np.asarray(image, float)
    shape, base, levels = image.shape, attention.base_size, attention.levels
    side = base * 2 ** (levels - 1)
    is_square = len(shape) == 3 and shape[0] == shape[1] > 0 and shape[2] in (1, 3)
    if not is_square or shape[0] % side:
        raise ValueError(
            f"An image has shape {shape}; expected (side, side, 1 or 3), with a side of {side} "
            f"pixels or a multiple, for {levels} levels of windows of {base} pixels."
        )
    pyramid = []
    for level in range(1, levels + 1):
        side = base * 2 ** (level - 1)
        areas = image.reshape(side, shape[0] // side, side, shape[0] // side, shape[2])
        pyramid.append(areas.mean((1, 3)))
    return pyramid


def window(node, side):
    """Returns where the window of a node is in an image of this side, as slices."""
    starts = round(node.row * side), round(node.column * side)
    return tuple(slice(start, start + round(node.side * side)) for start in starts)


def show(axis, image, extent=(0, 1, 1, 0)):
    """Shows an image with values in [0, 1]."""
    image = image[..., 0] if image.shape[-1] == 1 else image
    axis.imshow(image, cmap="gray", vmin=0, vmax=1, extent=extent)


def outline(axis, left, top, side, level):
    """Outlines a window in the colour of its level."""
    from matplotlib.patches import Rectangle

    colour = LEVEL_COLOURS[level - 1]
    # Not clipped: at the border of the image half the line's width would be.
    box = Rectangle((left, top), side, side, fill=False, color=colour, lw=0.8, clip_on=False)
    axis.add_patch(box)
