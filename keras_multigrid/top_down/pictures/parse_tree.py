"""The tree of what was attended (second paper, Figure 8)."""

import itertools

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures.style import new_figure, stretched
from keras_multigrid.top_down.attention import Attention
from keras_multigrid.top_down.pictures.drawing import (
    level_images,
    outline,
    show,
    window,
)

MOST_NODES = 1000  # of a tree: more do not fit into a PNG file


def draw_parse_tree(path, image, attention, index=0):
    """Draws the tree of attended windows of an image, with their probabilities (Figure 8).

    Args:
        path: Path of the PNG or PDF file.
        image: `(side, side, 1 or 3)`, in any range.
        attention: `Attention`.
        index: Which of the attention's images it is.

    Raises:
        ValueError: If an argument does not fit the attention, or the tree is too large to draw.
        ImportError: If matplotlib is missing.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from keras_multigrid.top_down import Attention
    >>> from keras_multigrid.top_down import draw_parse_tree
    >>> attended, probabilities = np.arange(9)[None] < 2, np.full([1, 1, 9], 0.4)
    >>> attention = Attention((np.ones([1, 1], bool), attended), (probabilities,), base_size=14)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "tree.pdf")
    ...     draw_parse_tree(path, np.eye(28)[..., None], attention)
    ...     path.read_bytes()[1:4]
    b'PDF'
    """
    checks.paths(path=path)
    checks.arrays(image=image)
    checks.instances(Attention, attention=attention)
    checks.integers(0, len(attention.attended[0]) - 1, index=index)
    count = int(attention.counts()[index].sum())
    if count > MOST_NODES:
        raise ValueError(f"The tree has {count} nodes; expected at most {MOST_NODES} to draw.")
    pyramid = level_images(stretched(image), attention)
    placed, leaves = [], itertools.count()
    _place(attention.tree(index), leaves, placed)
    # Lengths are in inches; crops shrink where many lie side by side.
    pitch = min(max(11 / next(leaves), 0.33), 1.0)
    depth = max(node.level for node, *_ in placed)
    sides = []
    for level in range(1, depth + 1):
        gaps = np.diff([x for node, x, _ in placed if node.level == level])
        sides.append(min(1.0, 0.86 * pitch * min(gaps, default=np.inf)))
    label, edge, margin = 0.15, 0.4, 0.1
    tops = margin + np.cumsum([0, *(side + label + edge for side in sides)])
    halves = [(sides[node.level - 1] / 2, x * pitch) for node, x, _ in placed]
    left = 0.6 + max(half - x for half, x in halves)
    right = margin + max(half + x for half, x in halves)
    figure = new_figure(path, left + right, tops[depth] - edge, layout=None)
    axis = figure.add_axes((0, 0, 1, 1))
    for level in range(depth):
        axis.text(margin, tops[level] + sides[level] / 2, f"level {level + 1}", size=7, va="center")
    for node, x, below in placed:
        side, top, middle = sides[node.level - 1], tops[node.level - 1], left + x * pitch
        of_level, start = pyramid[node.level - 1], middle - side / 2
        crop = of_level[window(node, len(of_level))]
        show(axis, crop, (start, start + side, top + side, top))
        outline(axis, start, top, side, node.level)
        bottom = top + side
        if node.level > 1:
            bottom += label
            text = f"{node.probability:.2f}"
            axis.text(middle, bottom - label / 2, text, size=5.5, ha="center", va="center")
        for child in below:
            ends = (middle, left + child * pitch), (bottom, tops[node.level])
            axis.plot(*ends, color="0.6", linewidth=0.6, zorder=0)
    axis.set(xlim=(0, left + right), ylim=(tops[depth] - edge, 0))
    axis.axis("off")
    figure.savefig(path)


def _place(node, leaves, placed):
    """Lays out a tree: leaves side by side, parents above the middle of their children.

    Appends `(node, place, places of its children)` for each node, and returns the place.
    """
    below = [_place(child, leaves, placed) for child in node.children]
    place = (below[0] + below[-1]) / 2 if below else next(leaves)
    placed.append((node, place, below))
    return place
