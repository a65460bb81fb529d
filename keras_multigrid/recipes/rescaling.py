"""The layer that normalizes images which are sent to an exported network."""

import keras
import numpy as np


def rescaling(mean, deviation):
    """Returns the layer from values of 0 to 255 to those of 0 to 1, less a mean, over a deviation.

    Args:
        mean: A number, or one per channel.
        deviation: The same.
    """
    mean, deviation = np.array(mean), np.array(deviation)
    scale, offset = 1 / (255 * deviation), -mean / deviation
    return keras.layers.Rescaling(scale.tolist(), offset.tolist(), dtype="float32")
