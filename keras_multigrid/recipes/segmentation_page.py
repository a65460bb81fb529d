"""The page on a finished training for segmentation: scores, confusions, and images to look at."""

import numpy as np

from keras_multigrid import html_page
from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.prediction import predict_image
from keras_multigrid.recipes import report_page
from keras_multigrid.recipes.report_page import percent
from keras_multigrid.whole_files import write_text

PANELS = "image, truth, prediction, errors"
WRONG = 0xD55E00  # of the palette: vermilion


def write_segmentation_page(folder, recipe, model, metrics, log):
    """Writes `report.html`, and `curves.png` where matplotlib is installed.

    Args:
        folder: Path of the run's folder.
        recipe: A `Segmentation` that has evaluated its network.
        model: The network.
        metrics: What `metrics.json` will hold.
        log: List of dictionaries, the metrics of each epoch.
    """
    evaluation = recipe.evaluations[recipe.TEST_SPLIT]
    matrix = evaluation.matrix
    write_text(
        folder / report_page.PAGE,
        html_page.page(
            f"Segmentation of {recipe.folder_name().partition('-')[2]}",
            html_page.paragraph(_summary(recipe, metrics, log, evaluation)),
            *report_page.scores(matrix.per_class, matrix, "pixels"),
            *report_page.confusions(matrix, in_percent=True),
            *report_page.training(folder, recipe, log, "mean IoU"),
            html_page.heading("Images"),
            html_page.colour_key([*recipe.class_names, "wrong"], [*recipe.class_colours, WRONG]),
            *_images(recipe, model, evaluation),
            *report_page.plan(recipe),
        ),
    )


def _summary(recipe, metrics, log, evaluation):
    matrix = evaluation.matrix
    return (
        f"Mean IoU {percent(matrix.mean_iou)}, pixel accuracy {percent(matrix.pixel_accuracy)} "
        f"on {len(evaluation.images)} {recipe.TEST_SPLIT} images of their original size. "
        f"{recipe.network_name()} with {metrics['trainable_params']:,} parameters, "
        f"{len(log)} epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size} crops of "
        f"{recipe.crop[0]} x {recipe.crop[1]}, {metrics['training_seconds']:.0f} s of training."
    )


def _images(recipe, model, evaluation):
    """Returns the worst, the median and the best image: as it is, truth, prediction, errors."""
    ranked = sorted(
        (score, place) for place, (_, score, _) in enumerate(evaluation.images) if score is not None
    )
    if not ranked:
        return [html_page.paragraph("No pixel of these images counts.")]
    parts = []
    places = {"Worst": ranked[0], "Median": ranked[len(ranked) // 2], "Best": ranked[-1]}
    for kind, (score, place) in places.items():
        pair = evaluation.images[place][0]
        image, labels = recipe.mask_set.read(pair)
        predicted = predict_image(model, image).argmax(axis=-1)
        shown = shown_image(image, recipe.value_range)
        wrong = np.where((labels >= 0) & (labels != predicted), 0, -1)
        panels = [
            shown,
            overlay(shown, labels, recipe.class_colours),
            overlay(shown, np.where(labels < 0, -1, predicted), recipe.class_colours),
            overlay(shown, wrong, [WRONG], opacity=1.0),
        ]
        caption = f"{kind}: {pair.name}, mean IoU {percent(score)}; {PANELS}"
        parts.append(html_page.picture(np.concatenate(panels, axis=1), caption))
    return parts
