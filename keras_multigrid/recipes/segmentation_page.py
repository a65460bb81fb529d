"""The page on a finished training for segmentation: scores, confusions, and images to look at."""

import numpy as np

from keras_multigrid import html_page
from keras_multigrid.figures import draw_training_curves
from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.prediction import predict_image
from keras_multigrid.recipes.evaluation import SCORES
from keras_multigrid.whole_files import write_text

PAGE, CURVES = "report.html", "curves.png"
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
    curves = []
    try:
        draw_training_curves(folder / CURVES, {recipe.model: log})
        curves = [html_page.picture((folder / CURVES).read_bytes(), "Loss and mean IoU by epoch")]
    except ImportError:
        curves = [html_page.paragraph("pip install 'keras_multigrid[plot]' draws curves here.")]
    matrix = evaluation.matrix
    write_text(
        folder / PAGE,
        html_page.page(
            f"Segmentation of {recipe.folder_name().partition('-')[2]}",
            html_page.paragraph(_summary(recipe, metrics, log, evaluation)),
            html_page.heading("Scores"),
            _scores(matrix),
            *_absent(matrix),
            html_page.heading("Which class is taken for which"),
            html_page.paragraph("Rows are true classes, in percent of their pixels."),
            _confusion(matrix),
            html_page.heading("Training"),
            *curves,
            html_page.heading("Images"),
            html_page.colour_key([*recipe.class_names, "wrong"], [*recipe.class_colours, WRONG]),
            *_images(recipe, model, evaluation),
            html_page.heading("Plan"),
            html_page.listed(recipe.plan or ("All settings were given.",)),
        ),
    )


def _summary(recipe, metrics, log, evaluation):
    matrix = evaluation.matrix
    return (
        f"Mean IoU {_percent(matrix.mean_iou)}, pixel accuracy {_percent(matrix.pixel_accuracy)} "
        f"on {len(evaluation.images)} {recipe.TEST_SPLIT} images of their original size. "
        f"{recipe.model} with {metrics['trainable_params']:,} parameters, {len(log)} epochs of "
        f"{recipe.steps_per_epoch} batches of {recipe.batch_size} crops of "
        f"{recipe.crop[0]} x {recipe.crop[1]}, {metrics['training_seconds']:.0f} s of training."
    )


def _scores(matrix):
    rows = [
        [name, *(_percent(scores[score]) for score in SCORES), f"{pixels:,}"]
        for (name, scores), pixels in zip(matrix.per_class.items(), matrix.counts.sum(axis=1))
    ]
    return html_page.table(["class", "IoU", "Dice", "precision", "recall", "pixels"], rows)


def _absent(matrix):
    if not matrix.absent:
        return []
    names = ", ".join(matrix.absent)
    return [html_page.paragraph(f"No pixel of these images is of: {names}.")]


def _confusion(matrix):
    shares = matrix.counts / np.maximum(matrix.counts.sum(axis=1, keepdims=True), 1)
    rows = [
        [name, *(f"{100 * share:.1f}" for share in row)]
        for name, row in zip(matrix.class_names, shares)
    ]
    return html_page.table(["", *matrix.class_names], rows, shades=shares)


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
        caption = f"{kind}: {pair.name}, mean IoU {_percent(score)}; {PANELS}"
        parts.append(html_page.picture(np.concatenate(panels, axis=1), caption))
    return parts


def _percent(value):
    return "undefined" if value is None else f"{100 * value:.2f} %"
