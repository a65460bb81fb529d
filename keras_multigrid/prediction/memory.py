"""How large a tile may be, so that its computation fits into memory."""

import math

import keras

from keras_multigrid.complexity import replay

BUDGET = 3 * 2**29  # bytes of a tile's computation
LIVE = 6  # times the largest result of a layer are in memory, measured
SIDES = (256, 4096)


def usual_tile(model):
    """Returns the side of tiles whose computation takes about 1.5 GiB, from 256 to 4096."""
    return min(max(int(math.sqrt(BUDGET / bytes_per_pixel(model))), SIDES[0]), SIDES[1])


def bytes_per_pixel(model, side=2**10):
    """Returns about how much memory a network needs for each pixel of an image."""
    values = result_sizes(model, (side, side, model.input_shape[-1]))
    return 4 * LIVE * max(values) / side**2


def result_sizes(model, shape):
    """Returns how many values each layer of a network has for an image of a shape, and the image.

    Args:
        model: A functional model.
        shape: Height, width and channels.
    """
    sizes = [math.prod(shape)]

    def see(layer, outputs, *_, **__):
        sizes.append(sum(math.prod(each.shape[1:]) for each in keras.tree.flatten(outputs)))

    replay(model, keras.Input(shape, dtype=model.inputs[0].dtype), see)
    return sizes
