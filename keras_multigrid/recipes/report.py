"""What runs write for people: a one-page report, curves, and pictures of predictions."""

import dataclasses
import importlib.metadata
import math
import platform

import keras

import keras_multigrid

REPORT, CURVES = "report.md", "curves.png"


def versions():
    """Returns the versions of Python and of the packages that a result depends on."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras_multigrid": keras_multigrid.__version__,
        "backend": backend,
        **{name: importlib.metadata.version(name) for name in ("keras", "numpy", backend)},
    }


def write_report(folder, recipe, model, metrics, log):
    """Writes a page about a finished run, with its pictures where matplotlib is installed.

    Args:
        folder: Path of the run's folder.
        recipe: Its `Recipe`.
        model: The trained network.
        metrics: What `metrics.json` will hold.
        log: List of dictionaries, the metrics of each epoch.
    """
    pictures = []
    try:
        draw_curves(folder / CURVES, log)
        pictures.append(("Training", CURVES))
        pictures += recipe.draw(folder, model)
    except ImportError:
        print("The report has no pictures: pip install 'keras_multigrid[plot]' for them.")
    (folder / REPORT).write_text(_report(recipe, metrics, log, pictures))


def draw_curves(path, log):
    """Draws each metric over the epochs, of training and of validation, one axis per metric.

    Args:
        path: Path of the PNG file.
        log: List of dictionaries, one per epoch.
    """
    from matplotlib.figure import Figure  # no pyplot: no display is needed

    left_out = ("epoch", "step", "seconds")
    names = [name for name in log[-1] if name not in left_out and not name.startswith("val_")]
    columns = min(len(names), 4)
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), dpi=120, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    epochs = [line["epoch"] for line in log]
    for axis, name in zip(axes, names):
        marker = "o" if len(log) < 20 else None
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in log[-1]:
                values = [line.get(key, math.nan) for line in log]
                axis.plot(epochs, values, label=label, marker=marker, markersize=3)
        axis.set(title=name.replace("_", " "), xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        if name in ("loss", "learning_rate"):
            axis.set_yscale("log", nonpositive="mask")
        if f"val_{name}" in log[-1]:
            axis.legend()
    for axis in axes[len(names) :]:
        axis.axis("off")
    figure.savefig(path)


def draw_predictions(path, rows):
    """Draws images in rows, one column per sample.

    Args:
        path: Path of the PNG file.
        rows: Mapping from a row's label to its images, of shape `(samples, height, width, 1)`, or
            with 3 channels for colours.
    """
    from matplotlib.figure import Figure

    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(1.0 + columns, len(rows)), dpi=150, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (label, images) in zip(axes, rows.items()):
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, image in zip(row, images):
            axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    figure.savefig(path)


def _report(recipe, metrics, log, pictures):
    from keras_multigrid.recipes.paper_tables import PAPER_TABLES

    paper = next(
        (
            dict(zip(table.columns, table.rows[recipe.model]))
            for table in PAPER_TABLES.values()
            if table.recipe.NAME == recipe.NAME and recipe.model in table.rows
        ),
        {},
    )
    scores = [
        f"| {name} | {value:.2f} | {'' if paper.get(name) is None else f'{paper[name]:.2f}'} |"
        for name, value in metrics["scores"].items()
    ]
    defaults = {field.name: field.default for field in dataclasses.fields(recipe)}
    changes = [
        f"| {name} | {value} | {defaults[name]} |"
        for name, value in metrics["fields"].items()
        if value != defaults[name] and name not in ("data_dir", "checkpoint_seconds")
    ]
    figures = ", ".join(f"{name} {value}" for name, value in metrics["versions"].items())
    return "\n".join(
        [
            f"# {recipe.model} on {recipe.NAME}",
            "",
            f"{metrics['trainable_params']:,} parameters, {metrics['macs']:,} multiply-adds. "
            f"{len(log)} epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size}, "
            f"{metrics['training_seconds']:.0f} s of training, seed {recipe.seed}.",
            "",
            f"| on the {recipe.TEST_SPLIT} data, percent | here | paper |",
            "|---|---|---|",
            *scores,
            "",
            *(["| setting | here | paper |", "|---|---|---|", *changes] if changes else []),
            "" if changes else "All settings are the paper's.",
            *[f"![{title}]({name})\n" for title, name in pictures],
            f"Run with: {figures}.",
            "",
        ]
    )
