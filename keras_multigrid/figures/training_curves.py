"""The metrics of trainings over their epochs."""

import math

from keras_multigrid import checks
from keras_multigrid.figures import style

NO_METRICS = ("epoch", "step", "seconds")
MOST_COLUMNS = 4
MOST_CURVES = len(style.COLOURS)
LABEL_INCH = 1.1  # in the legend


def draw_training_curves(path, logs):
    """Draws each metric over the epochs, of training (dotted) and of validation (solid).

    Args:
        path: Path of the PNG or PDF file.
        logs: Mapping from a training's label to its log: a list of dictionaries with `"epoch"` and
            metrics, those of validation with `val_` before their names.

    Raises:
        ValueError: If a log is empty, none has metrics, or there are more than 7.

    Example:

    >>> import keras_multigrid as kmg
    >>> log = [{"epoch": n, "loss": 1 / n, "val_loss": 1.1 / n} for n in (1, 2, 3)]
    >>> kmg.figures.draw_training_curves("curves.png", {"PMG-11": log})
    """
    style.check_file(path)
    checks.mappings(logs=logs)
    if len(logs) > MOST_CURVES:
        raise ValueError(
            f"There are {len(logs)} trainings; expected at most {MOST_CURVES}, for more colours "
            "cannot be told apart."
        )
    for label, log in logs.items():
        if not log:
            raise ValueError(f"The log of {label!r} is empty; expected an epoch or more.")
    names = list(dict.fromkeys(name for log in logs.values() for name in log[-1]))
    metrics = list(
        dict.fromkeys(name.removeprefix("val_") for name in names if name not in NO_METRICS)
    )
    if not metrics:
        raise ValueError("There are no metrics; expected a log with one or more.")
    columns = min(len(metrics), MOST_COLUMNS)
    rows = math.ceil(len(metrics) / columns)
    figure = style.new_figure(2.7 * columns, 2.2 * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, metric in zip(axes, metrics):
        for log, colour in zip(logs.values(), style.COLOURS):
            _draw(axis, log, f"val_{metric}", colour)
            _draw(axis, log, metric, colour, line_style=":")
        axis.set_title(metric.replace("_", " "), fontsize=8)
        axis.set_xlabel("epoch", fontsize=7)
        axis.tick_params(which="both", labelsize=7)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if metric in ("loss", "learning_rate"):
            axis.set_yscale("log", nonpositive="mask")
        style.open_frame(axis)
    for axis in axes[len(metrics) :]:
        axis.axis("off")
    lines = [*zip(logs, style.COLOURS)]
    if any(name.startswith("val_") for name in names):
        lines.append(("validation", style.DARK_GREY))
    lines.append(("training", {"color": style.DARK_GREY, "linestyle": ":"}))
    style.legend_of_lines(figure, lines, ncols=int(2.7 * columns / LABEL_INCH))
    figure.savefig(path)


def _draw(axis, log, name, colour, line_style="-"):
    if name in log[-1]:
        marker = "o" if len(log) < 20 else None
        values = [line.get(name, math.nan) for line in log]
        epochs = [line["epoch"] for line in log]
        axis.plot(
            epochs, values, line_style, color=colour, marker=marker, markersize=2, linewidth=1
        )
