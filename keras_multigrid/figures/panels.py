"""Rows of small images: what goes in, what should come out, and what networks make of it."""

import dataclasses

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

INCH, GAP = 0.62, 0.12  # side of an image; space between panels
LETTER, LINE = 0.058, 0.19  # of labels


@dataclasses.dataclass(frozen=True)
class Panel:
    """Labelled rows of images under one title.

    Attributes:
        rows: Mapping from labels to images `(height, width, 1)` with values from 0 to 1, or with 3
            channels for colours; None leaves a gap, and rows may be of different length.
        title: Line above.
        columns: Titles of the columns.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import Panel
    >>> digits = np.zeros((2, 28, 28, 1))
    >>> panel = Panel({"input": digits, "output": [None, digits[1]]}, title="two digits")
    """

    rows: dict
    title: str = ""
    columns: tuple[str, ...] = ()

    def __post_init__(self):
        checks.fields(self)

    @property
    def size(self):
        """Width and height in inches, with labels and titles."""
        longest = max(len(line) for label in self.rows for line in label.split("\n"))
        images = max(len(images) for images in self.rows.values())
        heads = LINE * (bool(self.title) + bool(self.columns))
        return LETTER * longest + 0.1 + images * INCH, heads + len(self.rows) * INCH


def draw_panels(path, columns):
    """Draws panels of images: columns side by side, in each its panels one below the other.

    Args:
        path: Path of the PNG or PDF file.
        columns: List of columns, each a list of `Panel`.

    Raises:
        ValueError: If there is nothing to draw, or the file is of another kind.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import Panel, draw_panels
    >>> images = np.random.default_rng(0).random((5, 28, 28, 1))
    >>> draw_panels("rows.png", [[Panel({"input": images, "inverse": 1 - images})]])
    """
    style.check_file(path)
    checks.lists(columns=columns)
    if not columns or not all(column and all(panel.rows for panel in column) for column in columns):
        raise ValueError("There is a panel without rows, or no panel; expected images to draw.")
    widths = [max(panel.size[0] for panel in column) + GAP for column in columns]
    height = max(sum(panel.size[1] + GAP for panel in column) for column in columns) + GAP
    figure = style.new_figure(sum(widths) + GAP, height, layout=None)
    right = 0
    for column, width in zip(columns, widths):
        right += width
        top = height - GAP
        for panel in column:
            _draw(figure, panel, right, top)
            top -= panel.size[1] + GAP
    figure.savefig(path)


def _draw(figure, panel, right, top):
    """Draws a panel within a figure, up to a place in inches."""
    width, height = figure.get_size_inches()
    left = right - INCH * max(len(images) for images in panel.rows.values())
    below = top - LINE * (bool(panel.title) + bool(panel.columns))
    if panel.title:
        figure.text(left / width, (top - 0.03) / height, panel.title, fontsize=8, va="top")
    for column, title in enumerate(panel.columns):
        x = (left + (column + 0.47) * INCH) / width
        figure.text(x, (below + 0.04) / height, title, fontsize=7, ha="center")
    side = 0.94 * INCH
    for line, (label, images) in enumerate(panel.rows.items()):
        bottom = below - (line + 1) * INCH + 0.06 * INCH
        place = ((left - 0.06) / width, (bottom + side / 2) / height)
        figure.text(*place, label, fontsize=7, ha="right", va="center")
        for column, image in enumerate(images):
            if image is None:
                continue
            start = left + column * INCH
            axis = figure.add_axes((start / width, bottom / height, side / width, side / height))
            style.show(axis, image)
            style.frame(axis)


def draw_segmentation(path, images, masks, outputs):
    """Draws what networks make of each class in images (paper, Figure 4).

    Each image has a row with the true mask of each class, and below it a row for each network.

    Args:
        path: Path of the PNG or PDF file.
        images: `(images, height, width, 1 or 3)`, in any range.
        masks: `(images, height, width, classes)`, what is true.
        outputs: Mapping from networks to what they return, of the same shape as the masks.

    Raises:
        ValueError: If shapes differ.

    Example:

    >>> import keras_multigrid as kmg
    >>> data = kmg.datasets.load("mnist_segmentation", "test", 2, source="digits", fresh=True)
    >>> images, masks = next(data.as_numpy_iterator())
    >>> kmg.figures.draw_segmentation("figure4.pdf", images, masks, {"the truth again": masks})
    """
    style.check_file(path)
    checks.arrays(images=images, masks=masks)
    checks.mappings(outputs=outputs)
    for network, maps in outputs.items():
        if np.shape(maps) != np.shape(masks):
            raise ValueError(
                f"The output of {network!r} has shape {np.shape(maps)}; expected "
                f"{np.shape(masks)}, that of the masks."
            )
    panels = []
    for index, image in enumerate(images):
        classes = {"truth": masks[index], **{name: maps[index] for name, maps in outputs.items()}}
        rows = {label: [None, *np.moveaxis(maps, -1, 0)] for label, maps in classes.items()}
        rows["truth"][0] = style.stretched(image)
        titles = ("input", *map(str, range(masks.shape[-1])))
        panels.append(Panel(rows, columns=titles))
    draw_panels(path, [panels])
