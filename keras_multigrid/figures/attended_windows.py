"""Images with what a top-down network sees of them (second paper, Figures 3, 5 and 7)."""

import textwrap

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

LEVEL_COLOURS = (style.GREY, style.ORANGE, style.SKY, style.GREEN, style.PURPLE, style.YELLOW)


def seen_image(image, attention, index, levels):
    """Returns an image as the network sees it: each pixel at the finest resolution it was seen in.

    Args:
        image: `(side, side, 1 or 3)`. A side that is a multiple of that of the
            attention's last level is downscaled to it.
        attention: A `kmg.top_down.Attention`.
        index: Which of the attention's images it is.
        levels: Number of levels that are looked at.

    Returns:
        Floats `(side, side, 1 or 3)`, with the side of the attention's last level.

    Raises:
        ValueError: If an argument does not fit the attention.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import seen_image
    >>> from keras_multigrid.top_down import Attention
    >>> upper_left = np.arange(9)[None] == 0
    >>> attention = Attention((np.ones([1, 1], bool), upper_left), (upper_left[:, None],), 2)
    >>> checkerboard = np.indices([4, 4, 1]).sum(0) % 2
    >>> seen_image(checkerboard, attention, index=0, levels=2)[..., 0]
    array([[0. , 1. , 0.5, 0.5],
           [1. , 0. , 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5]])
    """
    checks.arrays(image=image)
    check_attention(attention)
    checks.integers(0, len(attention.attended[0]) - 1, index=index)
    checks.integers(1, attention.levels, levels=levels)
    pyramid = level_images(image, attention)
    side = len(pyramid[-1])
    seen = _enlarged(pyramid[0], side)
    for level in range(2, levels + 1):
        sharper = _enlarged(pyramid[level - 1], side)
        for node in attention.nodes(index, level):
            inside = window(node, side)
            seen[inside] = sharper[inside]
    return seen


def draw_attended_windows(path, images, attention, titles=None):
    """Draws images, each with what the network sees of it in 1, 2, ... levels (Figures 3, 5, 7).

    Attended windows are outlined; what none of them covers is blurred.

    Args:
        path: Path of the PNG or PDF file.
        images: `(images, side, side, 1 or 3)`, in any range; each is stretched to [0, 1].
        attention: The `kmg.top_down.Attention` of the same images.
        titles: A text for each image, written beside it.

    Raises:
        ValueError: If the arguments do not fit one another.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.TDMNIST3(levels=2)
    >>> data = kmg.datasets.load("located_mnist", "test", 4, source="digits", size=28)
    >>> images, labels = next(data.as_numpy_iterator())
    >>> _, attention = model.predict(images, verbose=0, return_attention=True)
    >>> kmg.figures.draw_attended_windows("attention.png", images, attention, titles=labels)
    """
    style.check_file(path)
    check_attention(attention)
    checks.optional(checks.lists, titles=titles)
    count, levels = len(attention.attended[0]), attention.levels
    if np.ndim(images) != 4 or len(images) != count or not count:
        raise ValueError(
            f"The images have shape {np.shape(images)}; expected ({count}, side, side, 1 or 3), "
            "those of the attention, and at least one."
        )
    if titles is not None and len(titles) != count:
        raise ValueError(f"There are {len(titles)} titles; expected {count}, one for each image.")
    # A tall page is hard to look at: many images go side by side, in two groups.
    groups = 1 if count <= 4 else 2
    lines, panels = -(-count // groups), levels + 1
    figure = style.new_figure(groups * (1.3 * panels + 0.35), 1.3 * lines + 0.5, "compressed")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    parts = np.ravel(figure.subfigures(1, groups))
    grids = [part.subplots(lines, panels, squeeze=False) for part in parts]
    for axis in np.ravel(grids):
        axis.axis("off")
    rows = [row for grid in grids for row in grid]
    heads = ["image", *(f"{level} level{'s'[: level > 1]}" for level in range(1, panels))]
    for index, (row, image) in enumerate(zip(rows, images)):
        image = style.stretched(image)
        style.show(row[0], image, extent=(0, 1, 1, 0))
        if titles is not None:
            title = textwrap.fill(str(titles[index]), 24)
            row[0].text(-0.06, 0.5, title, fontsize=7, rotation=90, ha="right", va="center")
        for level, axis in enumerate(row[1:], 1):
            style.show(axis, seen_image(image, attention, index, level), extent=(0, 1, 1, 0))
            for outlined in range(2, level + 1):
                # Windows that several paths lead to are one.
                nodes = attention.nodes(index, outlined)
                for place in {(node.column, node.row, node.side) for node in nodes}:
                    outline_window(axis, *place, outlined)
        if index % lines == 0:
            for axis, head in zip(row, heads):
                axis.set_title(head, fontsize=8, pad=3)
    if levels > 1:
        labels = [f"windows of level {level}" for level in range(2, levels + 1)]
        style.legend_of_lines(figure, zip(labels, LEVEL_COLOURS[1:]))
    figure.savefig(path, bbox_inches="tight", pad_inches=0.04)  # beside axes that are off, too


def check_attention(attention):
    """Raises a `ValueError` for what is not an `Attention`."""
    needed = ("attended", "base_size", "nodes", "tree")
    style.check_result("kmg.top_down.Attention", needed, attention=attention)


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
    for level in range(levels):
        side = base * 2**level
        areas = image.reshape(side, shape[0] // side, side, shape[0] // side, shape[2])
        pyramid.append(areas.mean((1, 3)))
    return pyramid


def window(node, side):
    """Returns where the window of a node is in an image of this side, as slices."""
    starts = round(node.row * side), round(node.column * side)
    return tuple(slice(start, start + round(node.side * side)) for start in starts)


def outline_window(axis, left, top, side, level):
    """Outlines a window in the colour of its level."""
    # Not clipped: at the border of the image half the line's width would be.
    style.outline(axis, left, top, side, color=LEVEL_COLOURS[level - 1], lw=0.8, clip_on=False)


def _enlarged(image, side):
    """Returns the image with this side, bilinearly interpolated between the centres of pixels."""
    own = np.arange(len(image))
    centres = (np.arange(side) + 0.5) * len(image) / side - 0.5
    weights = np.stack([np.interp(centres, own, unit) for unit in np.eye(len(image))], axis=1)
    return np.einsum("ri,cj,ijk->rck", weights, weights, image, optimize=True)
