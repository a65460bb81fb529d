"""Accuracy against multiply-adds (second paper, Figures 4 and 6)."""

import itertools

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "K"))
LOG_FROM = 20  # ratio of the largest to the smallest cost


def draw_accuracy_cost(path, curves):
    """Draws accuracy against multiply-adds per image, a curve per network (Figures 4 and 6).

    Args:
        path: Path of the PNG or PDF file.
        curves: Mapping from a label to its points `(macs, accuracy, annotation)`, joined in their
            order; the accuracy is in [0, 1], the annotation a text, such as the mean number of
            locations, or empty.

    Raises:
        ValueError: If there are no points, or one has another form.

    Example:

    >>> from keras_multigrid.figures import draw_accuracy_cost
    >>> curves = {"M1": [(2.1e6, 0.97, "2.2"), (3.4e6, 0.98, "4.1")], "B3": [(9e6, 0.98, "")]}
    >>> draw_accuracy_cost("accuracy.png", curves)
    """
    style.check_file(path)
    checks.mappings(curves=curves)
    for label, points in curves.items():
        for point in points:
            if len(point) != 3 or not 0 < point[0] < np.inf or not 0 <= point[1] <= 1:
                raise ValueError(
                    f"A point of {label!r} is {point}; expected (macs, accuracy, annotation), with "
                    "positive macs, and an accuracy from 0 to 1."
                )
    costs = [cost for points in curves.values() for cost, *_ in points]
    if not costs:
        raise ValueError("The curves have no points; expected one or more.")
    unit, letter = next((unit for unit in UNITS if max(costs) >= unit[0]), (1, ""))
    figure = style.new_figure(4.8, 3.4)
    axis = figure.subplots()
    styles = zip(itertools.cycle(style.COLOURS), itertools.cycle(style.MARKERS))
    for (label, points), (colour, marker) in zip(curves.items(), styles):
        places = [(cost / unit, 100 * accuracy) for cost, accuracy, _ in points]
        options = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.2}
        axis.plot(*zip(*places), **options, label=label)
        others = [other for key in curves if key != label for other in curves[key]]
        for point, place in zip(points, places):
            options = {"textcoords": "offset points", "color": colour, "fontsize": 6.5}
            if _is_above_nearest(point, others):
                axis.annotate(point[2], place, (-3, 5), ha="right", va="center", **options)
            else:
                axis.annotate(point[2], place, (4, -5), ha="left", va="center", **options)
    axis.margins(0.1)
    if max(costs) > LOG_FROM * min(costs):
        style.log_costs(axis)
    axis.set_xlabel(f"multiply-adds per image{letter and f' ({letter})'}")
    axis.set_ylabel("accuracy (%)")
    style.open_frame(axis)
    axis.legend(fontsize=8, frameon=False)
    figure.savefig(path)


def _is_above_nearest(point, others):
    """Returns whether a point is above that of the other curves whose cost is nearest.

    Curves rise to the right: there is room to the upper left of the upper one, and to the lower
    right of the lower one.
    """
    nearest = min(others, key=lambda other: abs(np.log(other[0] / point[0])), default=point)
    return point[1] >= nearest[1]
