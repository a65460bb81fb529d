"""The page on a finished training for classification: scores, confusions, and the worst images."""

import pathlib

from keras_multigrid import html_page
from keras_multigrid.decoding import read_image
from keras_multigrid.figures.overlays import shown_image
from keras_multigrid.recipes import report_page
from keras_multigrid.recipes.report_page import percent
from keras_multigrid.whole_files import write_text

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
    matrix = evaluation.matrix
    write_text(
        folder / report_page.PAGE,
        html_page.page(
            f"Classification of {recipe.folder_name().partition('-')[2]}",
            html_page.paragraph(_summary(recipe, metrics, log, evaluation)),
            *report_page.scores(metrics["per_class"], matrix, "images"),
            *report_page.confusions(matrix, in_percent=False),
            *report_page.training(folder, recipe, log, "accuracy"),
            html_page.heading("Worst images"),
            html_page.paragraph("Those of the highest loss; what is wrong may be the label."),
            html_page.gallery(_worst(evaluation, recipe.label_names())),
            *report_page.plan(recipe),
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
        f"Accuracy {percent(results['accuracy'])}, balanced over the classes "
        f"{percent(results['balanced_accuracy'])}, on {len(evaluation.answers)} {split} images."
        f"{chosen} {recipe.model} with {metrics['trainable_params']:,} parameters, {len(log)} "
        f"epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size} images of "
        f"{recipe.image_size} x {recipe.image_size}, {metrics['training_seconds']:.0f} s of "
        "training."
    )


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
        figures.append(html_page.picture(image, caption))
    return figures
