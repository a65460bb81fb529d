"""Diagrams of networks, drawn from the models themselves (paper, Figure 3)."""

import collections
import dataclasses
import math

from keras_multigrid import checks
from keras_multigrid.figures import style
from keras_multigrid.figures.wiring import wiring

COLUMN, ROW = 0.36, 0.42  # inches
MARGIN, MOST_NARROW = 0.24, 3.4
WIDTH = 0.62  # of a box, in columns
LIFT = 0.56  # of a box that another one is in the way of, in rows
SAME, FINER, COARSER = "from the same size", "from a finer grid", "from a coarser grid"
EDGES = {SAME: style.DARK_GREY, FINER: style.VERMILION, COARSER: style.BLUE}


def draw_network(path, model, input_shape=None, title=None):
    """Draws a network as a diagram (paper, Figure 3).

    A column for each layer with kernels, from the first to the last, and a row for each size of
    grids, the finest above; in the boxes are the numbers of channels, and the kernel's side where
    it is not 3. Lines lead from a grid to those that read it, in colour where their sizes differ,
    also by pooling on the way; circles are sums. A model within the model is one box.

    Args:
        path: Path of the PNG or PDF file.
        model: A functional model of images.
        input_shape: Shape of one image without the batch, if the model leaves it open.
        title: Line above; None is the model's name.

    Raises:
        ValueError: If the model is not functional, or the size of its input is not known.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.figures.draw_network("network.png", kmg.applications.PMG(depth=9))
    """
    style.check_file(path)
    checks.optional(checks.lists, input_shape=input_shape)
    checks.optional(checks.texts, title=title)
    boxes = wiring(model, input_shape)
    if not boxes:
        raise ValueError(f"'{model.name}' has no layers with kernels; expected one or more.")
    columns = math.ceil(max(box.column for box in boxes))
    first, last = (end(box.row for box in boxes) for end in (min, max))
    width = max(COLUMN * (columns + 0.8), MOST_NARROW)
    height = ROW * (last - first + 1.3) + 2 * MARGIN
    figure = style.new_figure(width, height, layout=None)
    axis = figure.add_axes((0, MARGIN / height, 1, 1 - 2 * MARGIN / height))
    axis.set(xlim=(0.1, 0.1 + width / COLUMN), ylim=(last + 0.5, first - 0.8))
    axis.axis("off")
    boxes = _apart(boxes)
    occupied = {(box.column, box.row) for box in boxes if not box.is_sum}
    for box in boxes:
        for source in box.reads:
            _connect(axis, boxes[source], box, occupied)
    for box in boxes:
        _draw_box(axis, box)
    figure.text(0.1 / width, 1 - 0.06 / height, title or model.name, fontsize=8, va="top")
    options = {"loc": "lower left", "borderpad": 0.1, "handlelength": 1.5}
    style.legend_of_lines(figure, EDGES.items(), fontsize=5.5, **options)
    figure.savefig(path)


def _apart(boxes):
    """Lifts what would be drawn over another box, such as a convolution in a shortcut."""
    lifted, places = [], collections.Counter()
    for box in boxes:
        place = (box.column, box.row)
        lifted.append(dataclasses.replace(box, row=box.row - LIFT * places[place]))
        places[place] += 1
    return lifted


def _draw_box(axis, box):
    from matplotlib.patches import Rectangle

    if box.is_sum:
        options = {"color": "white", "markeredgecolor": style.DARK_GREY, "markersize": 3.5}
        axis.plot(box.column, box.row, "o", zorder=4, **options)
        return
    half = _height(box) / 2
    colour = style.LIGHT_GREY if box.kernel is None else style.PALE_BLUE
    corner = (box.column - WIDTH / 2, box.row - half)
    options = {"facecolor": colour, "edgecolor": style.DARK_GREY, "lw": 0.5}
    axis.add_patch(Rectangle(corner, WIDTH, 2 * half, zorder=4, **options))  # above the lines
    lifted = box.row != round(box.row)
    shows_kernel = box.kernel not in (3, None)
    middle = box.row - 0.04 if shows_kernel and not lifted else box.row
    options = {"ha": "center", "zorder": 5}
    axis.text(box.column, middle, str(box.channels), fontsize=5.5, va="center", **options)
    if shows_kernel:  # in a lifted box there is no room
        place = box.row - half - 0.03 if lifted else box.row + half - 0.03
        text = f"{box.kernel}x{box.kernel}"
        axis.text(box.column, place, text, fontsize=3.8, va="bottom", **options)


def _connect(axis, source, target, occupied):
    """Draws a line, round the boxes that are in its way."""
    if math.ceil(source.row) == math.ceil(target.row):  # one of them may be lifted
        colour = EDGES[SAME]
    else:
        finer = source.row < target.row
        colour = EDGES[FINER if finer else COARSER]
    start, end = _side(source, 1), _side(target, -1)
    between = range(math.floor(source.column) + 1, math.ceil(target.column))
    options = {"arrowstyle": "-|>,head_length=0.12,head_width=0.06", "color": colour}
    if source.row == target.row and any((column, source.row) in occupied for column in between):
        top = source.row - 0.47
        bend = min(0.5, (end - start) / 2)
        axis.plot(
            [start, start + bend, end - bend, end],
            [source.row, top, top, target.row],
            color=colour,
            linewidth=0.6,
            solid_joinstyle="round",
        )
        return
    arrow = {"arrowprops": {**options, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}}
    axis.annotate("", (end, target.row), (start, source.row), **arrow)


def _side(box, sign):
    return box.column + sign * (0.06 if box.is_sum else WIDTH / 2)


def _height(box):
    """Coarser grids are lower, but not so much that no number would fit."""
    return max(0.66 - 0.07 * box.row, 0.36) if box.row == round(box.row) else 0.22
