"""What the pages on finished trainings with one's own data have in common."""

import numpy as np

from keras_multigrid import html_page
from keras_multigrid.figures import draw_training_curves

PAGE, CURVES = "report.html", "curves.png"
LABELS = {"iou": "IoU", "dice": "Dice", "f1": "F1"}  # of scores; others as they are called


def training(folder, recipe, log, metric):
    """Returns the part on the training; draws `curves.png` where matplotlib is installed."""
    try:
        draw_training_curves(folder / CURVES, {recipe.network_name(): log})
        caption = f"Loss and {metric} by epoch"
        curves = html_page.picture((folder / CURVES).read_bytes(), caption)
    except ImportError:
        curves = html_page.paragraph("pip install 'keras_multigrid[plot]' draws curves here.")
    return [html_page.heading("Training"), curves]


def scores(per_class, matrix, of):
    """Returns the part on the scores of classes.

    Args:
        per_class: Dictionary from a class to a dictionary of its scores.
        matrix: The `ConfusionMatrix` of what was tested.
        of: What that was: `"pixels"`, `"images"`.
    """
    names = [LABELS.get(name, name) for name in next(iter(per_class.values()))]
    rows = [
        [name, *map(percent, values.values()), f"{count:,}"]
        for (name, values), count in zip(per_class.items(), matrix.counts.sum(axis=1))
    ]
    parts = [html_page.heading("Scores"), html_page.table(["class", *names, of], rows)]
    if matrix.absent:
        parts.append(html_page.paragraph(f"No {of} are of: {', '.join(matrix.absent)}."))
    return parts


def confusions(matrix, in_percent):
    """Returns the part on which class is taken for which, of a `ConfusionMatrix`."""
    shares = matrix.counts / np.maximum(matrix.counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [name, *([f"{100 * share:.1f}" for share in own] if in_percent else map(str, counts))]
        for name, own, counts in zip(matrix.class_names, shares, matrix.counts)
    ]
    unit = "in percent of them" if in_percent else "their numbers"
    return [
        html_page.heading("Which class is taken for which"),
        html_page.paragraph(f"Rows are true classes, {unit}."),
        html_page.table(["", *matrix.class_names], rows, shades=shares),
    ]


def plan(recipe):
    """Returns the part on what was chosen, and why."""
    return [
        html_page.heading("Plan"),
        html_page.listed(recipe.plan or ("All settings were given.",)),
    ]


def percent(value):
    """Returns a share as text."""
    return "undefined" if value is None else f"{100 * value:.2f} %"
