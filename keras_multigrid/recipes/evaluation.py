"""A network for segmentation, tested on whole images."""

import dataclasses

import numpy as np

from keras_multigrid.prediction import predict_image
from keras_multigrid.progress import progress_bar
from keras_multigrid.recipes.own_data import named_scores
from keras_multigrid.segmentation_scores import ConfusionMatrix

SCORES = ("iou", "dice", "precision", "recall")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a test has found.

    Attributes:
        matrix: The `ConfusionMatrix` of all pixels.
        images: For each image its `Pair`, mean IoU and pixel accuracy, None where nothing counts.
    """

    matrix: ConfusionMatrix
    images: list

    def results(self):
        """Returns all scores by name, without those that are undefined."""
        overall = {
            "mean_iou": self.matrix.mean_iou,
            "mean_dice": self.matrix.mean_dice,
            "pixel_accuracy": self.matrix.pixel_accuracy,
        }
        overall = {name: value for name, value in overall.items() if value is not None}
        return {**overall, **named_scores(self.matrix.per_class)}


def evaluate_images(model, mask_set, pairs, class_names, *, flips=None, verbose="auto"):
    """Predicts whole images, and compares with their masks.

    Args:
        model: A model from images to probabilities.
        mask_set: A `MaskSet`.
        pairs: Which of its pairs.
        class_names: Names of the classes.
        flips: Mirror images that a prediction is averaged over, as for `predict_image`.
        verbose: As for `keras.Model.evaluate`.

    Returns:
        An `Evaluation`.
    """
    matrix, images = ConfusionMatrix(class_names), []
    progress = progress_bar(len(pairs), verbose, unit="image")
    for pair in pairs:
        image, labels = mask_set.read(pair)
        predicted = np.argmax(predict_image(model, image, flips=flips), axis=-1)
        own = ConfusionMatrix(class_names)
        own.add(labels, predicted)
        matrix.counts += own.counts
        images.append((pair, own.mean_iou, own.pixel_accuracy))
        progress.add(1)
    return Evaluation(matrix, images)
