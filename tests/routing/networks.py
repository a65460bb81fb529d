"""Small networks to look into."""

import keras

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from tests.random_weights import randomize


def network(filters, size=(8, 8), kernel_size=3, widths=(2, 3, 1, 2), grids=None, **arguments):
    """Returns a random model of two multigrid convolutions: `widen`, then `conv`.

    Args:
        filters: Of `conv`.
        widths: Of `widen`, cut off at `grids`; None are as many as `filters`.
    """
    grids = grids or len(filters)
    image = keras.Input((*size, 2))
    pyramid = MultigridConv2D(widths[:grids], 1, name="widen")(ImagePyramid(grids)(image))
    outputs = MultigridConv2D(filters, kernel_size, name="conv", **arguments)(pyramid)
    model = keras.Model(image, outputs, name="net")
    randomize(model)
    return model


def read_by(model, name):
    """Returns a model that returns the pyramid that a layer reads."""
    return keras.Model(model.input, model.get_layer(name).input)
