"""Images with what the network sees of them (second paper, Figures 3, 5 and 7)."""

import textwrap

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures.style import new_figure, stretched
from keras_multigrid.top_down.attention import Attention
from keras_multigrid.top_down.pictures.drawing import (
    LEVEL_COLOURS,
    level_images,
    outline,
    show,
    window,
)


def seen_image(image, attention, index, levels):
    """Returns an image as the network sees it: each pixel at the finest resolution it was seen in.

    Args:
        image: `(side, side, 1 or 3)`. A side that is a multiple of that of the
            attention's last level is downscaled to it.
        attention: `Attention`.
        index: Which of the attention's images it is.
        levels: Number of levels that are looked at.

    Returns:
        Floats `(side, side, 1 or 3)`, with the side of the attention's last level.

    Raises:
        ValueError: If an argument does not fit the attention.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.top_down import Attention, seen_image
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
    checks.instances(Attention, attention=attention)
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


def draw_attention(path, images, attention, titles=None):
    """Draws images, each with what the network sees of it in 1, 2, ... levels (Figures 3, 5, 7).

    Attended windows are outlined; what none of them covers is blurred.

    Args:
        path: Path of the PNG or PDF file.
        images: `(images, side, side, 1 or 3)`, in any range; each is stretched to its own.
        attention: `Attention` of the same images.
        titles: A text for each image, written beside it.

    Raises:
        ValueError: If the arguments do not fit one another.
        ImportError: If matplotlib is missing.

    Example:

    >>> import pathlib, tempfile
    >>> import keras_multigrid as kmg
    >>> from keras_multigrid.top_down import draw_attention
    >>> model = kmg.applications.TDMNIST3(levels=2)
    >>> data = kmg.datasets.load("located_mnist", "test", 4, source="digits", size=28)
    >>> images, labels = next(data.as_numpy_iterator())
    >>> _, attention = model.predict(images, verbose=0, return_attention=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "attention.png")
    ...     draw_attention(path, images, attention, titles=labels)
    ...     path.read_bytes()[1:4]
    b'PNG'
    """
    checks.paths(path=path)
    checks.instances(Attention, attention=attention)
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
    figure = new_figure(path, groups * (1.3 * panels + 0.35), 1.3 * lines + 0.5, "compressed")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    parts = np.ravel(figure.subfigures(1, groups))
    grids = [part.subplots(lines, panels, squeeze=False) for part in parts]
    for axis in np.ravel(grids):
        axis.axis("off")
    rows = [row for grid in grids for row in grid]
    heads = ["image", *(f"{level} level{'s'[: level > 1]}" for level in range(1, panels))]
    for index, (row, image) in enumerate(zip(rows, images)):
        image = stretched(image)
        show(row[0], image)
        if titles is not None:
            title = textwrap.fill(str(titles[index]), 24)
            row[0].text(-0.06, 0.5, title, fontsize=7, rotation=90, ha="right", va="center")
        for level, axis in enumerate(row[1:], 1):
            show(axis, seen_image(image, attention, index, level))
            for outlined in range(2, level + 1):
                # Windows that several paths lead to are one.
                nodes = attention.nodes(index, outlined)
                for box in {(node.column, node.row, node.side) for node in nodes}:
                    outline(axis, *box, outlined)
        if index % lines == 0:
            for axis, head in zip(row, heads):
                axis.set_title(head, fontsize=8, pad=3)
    _add_legend(figure, levels)
    figure.savefig(path, bbox_inches="tight", pad_inches=0.04)  # beside axes that are off, too


def _enlarged(image, side):
    """Returns the image with this side, bilinearly interpolated between the centres of pixels."""
    own = np.arange(len(image))
    centres = (np.arange(side) + 0.5) * len(image) / side - 0.5
    weights = np.stack([np.interp(centres, own, unit) for unit in np.eye(len(image))], axis=1)
    return np.einsum("ri,cj,ijk->rck", weights, weights, image, optimize=True)


def _add_legend(figure, levels):
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=LEVEL_COLOURS[level - 1], label=f"windows of level {level}")
        for level in range(2, levels + 1)
    ]
    if handles:
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=len(handles),
            fontsize=7,
            frameon=False,
        )
