"""Predictions over validation images, in TensorBoard."""

import keras
import numpy as np

from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.prediction import predict_image


class OverlaySummaries(keras.callbacks.Callback):
    """Writes each image after each epoch: as it is, its truth, and what is predicted.

    Args:
        folder: Path of TensorBoard's logs.
        recipe: A `Segmentation`.
        pairs: The images, `Pair`s.
    """

    def __init__(self, folder, recipe, pairs):
        super().__init__()
        self._folder, self._recipe, self._pairs = folder, recipe, pairs
        self._writer = None

    def on_epoch_end(self, epoch, logs=None):
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder / "images"))
        with self._writer.as_default():
            for pair in self._pairs:
                tf.summary.image(pair.name, self._panels(pair)[None], step=epoch)
        self._writer.flush()

    def _panels(self, pair):
        colours = self._recipe.class_colours
        image, labels = self._recipe.mask_set.read(pair)
        picture = shown_image(image, self._recipe.value_range)
        predicted = predict_image(self.model, image).argmax(axis=-1)
        masks = [overlay(picture, classes, colours) for classes in (labels, predicted)]
        return np.concatenate([picture, *masks], axis=1)
