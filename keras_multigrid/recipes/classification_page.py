"""The page on a finished training for classification: scores, confusions, and the worst images."""

import pathlib

import numpy as np

from keras_multigrid import html_page
from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.decoding import read_image
from keras_multigrid.figures import draw_training_curves
from keras_multigrid.figures.overlays import shown_image
from keras_multigrid.recipes.class_evaluation import SCORES
from keras_multigrid.whole_files import write_text

PAGE, CURVES = "report.html", "curves.png"
WORST = 24  # images
SIDE = 176  # pixels, at most


def write_classification_page(folder, recipe, metrics, log):
    """Writes `report.html`, and `curves.png` where matplotlib is installed.

    Args:
        folder: Path of the run's folder.
        recipe: A `Classification` that has evaluated its network.
        metrics: What `metrics.json` will hold.
        log: List of dictionaries, the metrics of each epoch.
    """
    evaluation = recipe.evaluations[recipe.TEST_SPLIT]
    try:
        draw_training_curves(folder / CURVES, {recipe.model: log})
        curves = html_page.picture((folder / CURVES).read_bytes(), "Loss and accuracy by epoch")
    except ImportError:
        curves = html_page.paragraph("pip install 'keras_multigrid[plot]' draws curves here.")
    matrix = evaluation.matrix
    write_text(
        folder / PAGE,
        html_page.page(
            f"Classification of {recipe.folder_name().partition('-')[2]}",
            html_page.paragraph(_summary(recipe, metrics, log, evaluation)),
            html_page.heading("Scores"),
            _scores(metrics["per_class"], matrix),
            *_absent(recipe, matrix),
            html_page.heading("Which class is taken for which"),
            html_page.paragraph("Rows are true classes; numbers of images."),
            _confusion(matrix),
            html_page.heading("Training"),
            curves,
            html_page.heading("Worst images"),
            html_page.paragraph("Those of the highest loss; what is wrong may be the label."),
            html_page.gallery(_worst(evaluation, recipe.label_names())),
            html_page.heading("Plan"),
            html_page.listed(recipe.plan or ("All settings were given.",)),
        ),
    )


def _summary(recipe, metrics, log, evaluation):
    split = recipe.TEST_SPLIT
    results = metrics["results"]
    chosen = ""
    if split == recipe.VALIDATION_SPLIT and recipe.kept_weights == "best":
        chosen = (
            " The same images chose the best epoch, so that new ones may score a little lower: "
            "images in a folder `test` would tell."
        )
    return (
        f"Accuracy {_percent(results['accuracy'])}, balanced over the classes "
        f"{_percent(results['balanced_accuracy'])}, on {len(evaluation.answers)} {split} images."
        f"{chosen} {recipe.model} with {metrics['trainable_params']:,} parameters, {len(log)} "
        f"epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size} images of "
        f"{recipe.image_size} x {recipe.image_size}, {metrics['training_seconds']:.0f} s of "
        "training."
    )


def _scores(per_class, matrix):
    rows = [
        [printable(name), *(_percent(scores[score]) for score in SCORES), f"{images:,}"]
        for (name, scores), images in zip(per_class.items(), matrix.counts.sum(axis=1))
    ]
    return html_page.table(["class", "precision", "recall", "F1", "images"], rows)


def _absent(recipe, matrix):
    if not matrix.absent:
        return []
    names = ", ".join(map(printable, matrix.absent))
    return [html_page.paragraph(f"No {recipe.TEST_SPLIT} image is of: {names}.")]


def _confusion(matrix):
    shares = matrix.counts / np.maximum(matrix.counts.sum(axis=1, keepdims=True), 1)
    names = [*map(printable, matrix.class_names)]
    rows = [[name, *map(str, row)] for name, row in zip(names, matrix.counts)]
    return html_page.table(["", *names], rows, shades=shares)


def _worst(evaluation, names):
    """Returns pictures of the images of the highest loss, with their true and predicted names."""
    figures = []
    for answer in sorted(evaluation.answers, key=lambda answer: -answer.loss)[:WORST]:
        path = pathlib.Path(answer.path)
        image = shown_image(read_image(path.read_bytes()), most_side=SIDE)
        caption = (
            f"{path.name}: is {names[answer.label]}, said {names[answer.predicted]} "
            f"({answer.probability:.0%})"
        )
        figures.append(html_page.picture(image, printable(caption)))
    return figures


def _percent(value):
    return "undefined" if value is None else f"{100 * value:.2f} %"
