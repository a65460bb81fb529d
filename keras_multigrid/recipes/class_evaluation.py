"""A network for classification, tested image by image."""

import dataclasses
from typing import NamedTuple

import numpy as np

from keras_multigrid.progress import progress_bar
from keras_multigrid.recipes.own_data import named_scores
from keras_multigrid.segmentation_scores import ConfusionMatrix

SCORES = {"precision": "precision", "recall": "recall", "f1": "dice"}  # F1 of images is Dice's
LEAST = 1e-7  # probability, as of Keras' loss


class Answer(NamedTuple):
    """What a network says of an image: true class, predicted class and its probability, loss."""

    path: str
    label: int
    predicted: int
    probability: float
    loss: float


@dataclasses.dataclass(frozen=True)
class ClassEvaluation:
    """What a test has found.

    Attributes:
        matrix: The `ConfusionMatrix` of the images.
        answers: An `Answer` for each image.
    """

    matrix: ConfusionMatrix
    answers: list

    def results(self):
        """Returns all scores by name, without those that are undefined."""
        by_class = self.matrix.per_class
        recalls = [each["recall"] for each in by_class.values() if each["recall"] is not None]
        overall = {
            "loss": float(np.mean([answer.loss for answer in self.answers])),
            "accuracy": self.matrix.pixel_accuracy,
            "balanced_accuracy": float(np.mean(recalls)),
            "mean_f1": self.matrix.mean_dice,
        }
        own = {
            name: {score: scores[stored] for score, stored in SCORES.items()}
            for name, scores in by_class.items()
        }
        return {**overall, **named_scores(own)}


def evaluate_classes(model, data, images, class_names, verbose="auto"):
    """Compares the most probable classes with the true ones.

    Args:
        model: A model from images to probabilities.
        data: A `tf.data.Dataset` of batches of images and labels.
        images: The pairs of path and label that it is made of, in their order.
        class_names: Names of the classes.
        verbose: As for `keras.Model.evaluate`.

    Returns:
        A `ClassEvaluation`.
    """
    answers, matrix = [], ConfusionMatrix(class_names)
    progress = progress_bar(len(images), verbose, unit="image")
    for batch, labels in data.as_numpy_iterator():
        outputs = np.asarray(model.predict_on_batch(batch), "float64")
        predicted = outputs.argmax(axis=-1)
        matrix.add(labels, predicted)
        paths = images[len(answers) :]
        for (path, _), label, guess, values in zip(paths, labels, predicted, outputs):
            loss = -float(np.log(max(values[label], LEAST)))
            answers.append(Answer(path, int(label), int(guess), float(values[guess]), loss))
        progress.add(len(labels))
    return ClassEvaluation(matrix, answers)
