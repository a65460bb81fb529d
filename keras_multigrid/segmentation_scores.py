"""Scores of segmentation, from one confusion matrix of all pixels."""

import numpy as np

from keras_multigrid import checks


class ConfusionMatrix:
    """Counts pixels by their true and their predicted class, image by image.

    The scores of a class are those of Everingham et al., "The PASCAL Visual Object Classes
    Challenge" (IoU), Dice (1945), and van Rijsbergen (precision and recall): with true positives
    TP, false positives FP and false negatives FN, IoU = TP / (TP + FP + FN), Dice = 2 TP / (2 TP +
    FP + FN), precision = TP / (TP + FP), recall = TP / (TP + FN).

    Args:
        class_names: Names of the classes.

    Attributes:
        counts: Int64 array: row = true class, column = predicted class.

    Raises:
        ValueError: If it is not a list of names.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> matrix = kmg.segmentation_scores.ConfusionMatrix(["ground", "tree"])
    >>> matrix.add(np.array([[0, 0, 1, -1]]), np.array([[0, 1, 1, 1]]))
    >>> matrix.mean_iou, round(matrix.pixel_accuracy, 4), matrix.per_class["tree"]["recall"]
    (0.5, 0.6667, 1.0)
    """

    def __init__(self, class_names):
        checks.lists(class_names=class_names)
        self.class_names = list(class_names)
        self.counts = np.zeros([len(self.class_names)] * 2, "int64")

    def add(self, truth, predicted):
        """Counts the pixels of an image.

        Args:
            truth: Integers of any shape; negative ones do not count.
            predicted: Integers of that shape.

        Raises:
            ValueError: If the shapes differ, or a class does not exist.
        """
        checks.arrays(truth=truth, predicted=predicted)
        truth, predicted = np.asarray(truth), np.asarray(predicted)
        if truth.shape != predicted.shape:
            raise ValueError(
                f"The truth has shape {truth.shape} and the prediction {predicted.shape}; expected "
                "them equal."
            )
        classes = len(self.class_names)
        counted = truth >= 0
        truth, predicted = truth[counted].astype("int64"), predicted[counted].astype("int64")
        for name, labels in (("truth", truth), ("predicted", predicted)):
            if labels.size and not 0 <= labels.min() <= labels.max() < classes:
                raise ValueError(
                    f"{name} has the classes {labels.min()} to {labels.max()}; expected 0 to "
                    f"{classes - 1}."
                )
        cells = np.bincount(truth * classes + predicted, minlength=classes**2)
        self.counts += cells.reshape(classes, classes)

    @property
    def per_class(self):
        """Dictionary of `iou`, `dice`, `precision`, `recall` by class; None where undefined."""
        true = self.counts.sum(axis=1)
        predicted = self.counts.sum(axis=0)
        both = self.counts.diagonal()
        return {
            name: {
                "iou": _share(hit, real + found - hit),
                "dice": _share(2 * hit, real + found),
                "precision": _share(hit, found),
                "recall": _share(hit, real),
            }
            for name, hit, real, found in zip(self.class_names, both, true, predicted)
        }

    @property
    def absent(self):
        """Names of the classes that no true pixel has."""
        return [name for name, row in zip(self.class_names, self.counts) if not row.sum()]

    @property
    def mean_iou(self):
        """Mean IoU of the classes that occur, in truth or prediction; None if there are none."""
        return self._mean("iou")

    @property
    def mean_dice(self):
        """Mean Dice of these classes."""
        return self._mean("dice")

    @property
    def pixel_accuracy(self):
        """Share of the pixels that have their true class; None if there are none."""
        return _share(self.counts.trace(), self.counts.sum())

    def _mean(self, name):
        values = [scores[name] for scores in self.per_class.values() if scores[name] is not None]
        return float(np.mean(values)) if values else None


def _share(part, whole):
    return float(part / whole) if whole else None
