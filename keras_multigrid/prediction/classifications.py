"""Predicts the classes of image files."""

import numpy as np

from keras_multigrid.datasets.class_folders import SUFFIXES
from keras_multigrid.decoding import read_image
from keras_multigrid.prediction.predictor import FLIPS


class ClassPrediction:
    """The classes of image files, in a table.

    Args:
        trained: List of `Trained` networks of the same classes, whose mean is taken.
        flips: As for `predict_image`.

    Raises:
        ValueError: If the networks are of different classes.
    """

    SUFFIXES = SUFFIXES
    TABLE = "classes.csv"
    table_rows = 1

    def __init__(self, trained, flips=None):
        first = trained[0]
        for other in trained[1:]:
            if (other.class_names, other.task) != (first.class_names, None):
                raise ValueError(
                    f"{first.path} and {other.path} were trained for other classes; an ensemble is "
                    "of networks that were trained alike."
                )
        self._models, self._names = [each.model for each in trained], first.class_names
        self._flips = FLIPS[flips]
        self.HEADER = ("image", "class", "probability", *self._names)

    def targets(self, name):
        """Returns the paths of what is written of an image: nothing but a row."""
        return []

    def read(self, file, progress):
        """Returns the array of an `ImageFile`, decoded as in training."""
        try:
            return read_image(file.path.read_bytes(), self._models[0].input_shape[-1])
        except ValueError as error:
            raise ValueError(f"{file.path} {error}.") from error

    def predict(self, image, file, progress):
        """Returns the row of an image: its class, the probability, and those of all classes."""
        answers = [
            model.predict_on_batch(np.flip(image, axes)[None].astype("float32"))[0]
            for model in self._models
            for axes in self._flips
        ]
        probabilities = np.mean(np.asarray(answers, "float32"), axis=0)
        if not np.isfinite(probabilities).all():
            raise FloatingPointError(f"{file.path}: the network's answer is not finite.")
        progress.tile(file.name, 1, 1, image.shape[0] * image.shape[1])
        best = int(probabilities.argmax())
        shown = [f"{each:.6f}" for each in probabilities]
        return [(self._names[best], shown[best], *shown)]
