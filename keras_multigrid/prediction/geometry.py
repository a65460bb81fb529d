"""How far a network sees, and by how many pixels an image may be shifted without other results."""

import fractions
import functools
import math

import keras
import numpy as np

from keras_multigrid import checks
from keras_multigrid.complexity import replay
from keras_multigrid.copies import functional, is_sequential
from keras_multigrid.prediction.influence import influence_model

LARGE = 2**12 * 3**2 * 5 * 7  # a side that all usual strides divide
FEWEST_SEEN, MOST_SEEN = 2**7, 2**13  # pixels to each side, at which is looked


def total_stride(model):
    """Returns the least common multiple of the steps, in pixels, of all that a network computes.

    An image that is shifted by as many pixels has the same output, shifted alike.

    Args:
        model: A functional model of images, `(batch, height, width, channels)`.

    Returns:
        An integer; None if something has a size that does not grow with the image's, as a mean over
        all of it has.

    Raises:
        ValueError: If the model is not functional, or not for images of any size.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.prediction.total_stride(kmg.applications.PMGSEG())  # of four grids
    8
    """
    checks.functional_models(model=functional(model))
    smaller, larger = (_sides(functional(model), side) for side in (LARGE, 2 * LARGE))
    growths = {fractions.Fraction(b - a, LARGE) for a, b in zip(smaller, larger)}
    if 0 in growths:
        return None
    return math.lcm(*(growth.denominator for growth in growths))


def _sides(model, side):
    """Returns the heights and widths of all tensors, given the image's."""
    sides = []

    def see(layer, outputs, inputs=(), *_, **__):
        for shape in (tuple(each.shape) for each in keras.tree.flatten(outputs)):
            sides.extend(shape[1:3] if len(shape) == 4 else [1])
        if is_sequential(layer) or hasattr(layer, "operations"):
            images = [
                keras.Input(batch_shape=each.shape, dtype=each.dtype)
                for each in keras.tree.flatten(inputs)
            ]
            replay(functional(layer), images, see)

    image = keras.Input((side, side, model.input_shape[-1]), dtype=model.inputs[0].dtype)
    try:
        replay(model, image, see)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{model.name} does not take images of any size: {reason} Expected a network made for "
            "(None, None, channels)."
        ) from error
    return sides


class SeenMargin:
    """How many pixels beside a pixel of the output a network sees, up, down, left and right.

    The margin is measured, exactly: it is how far the change of all pixels beyond a line reaches.

    Args:
        model: A functional model from images to maps of their size.
        stride: Its `total_stride`.
    """

    def __init__(self, model, stride):
        self._model, self._stride = model, stride
        self._of_rest = functools.cache(self._measure)

    def __call__(self, side):
        """Returns the margin, in images of a height or width; `math.inf` if it is all of one.

        Strided convolutions see other pixels where their input has an odd side.
        """
        return self._of_rest(side % self._stride)

    @functools.cached_property
    def _marks(self):
        return influence_model(self._model)

    def _measure(self, rest):
        side = max(FEWEST_SEEN, 16 * self._stride)
        while side <= MOST_SEEN:
            reached = max(self._reach(side, rest, axis) for axis in (0, 1))
            if reached < side:
                return reached
            side *= 4
        return math.inf

    def _reach(self, side, rest, axis):
        """Returns how far changes reach across lines in the middle of an image, either way."""
        shape = [2 * self._stride + rest] * 2
        shape[axis] = 2 * side + rest
        images = np.zeros((2, *shape, self._model.input_shape[-1]), "float32")
        along = np.moveaxis(images, 1 + axis, 1)
        along[0, :side] = 1  # a tile may begin where the stride does,
        along[1, side + rest :] = 1  # and end as the image does
        with keras.device("cpu:0"):
            marks = keras.ops.convert_to_numpy(self._marks(images))
        seen = np.moveaxis(marks, 1 + axis, 1).any(axis=(2, 3))
        after, before = (np.flatnonzero(each) for each in seen)
        return int(
            max(after.max(initial=-1) + 1 - side, side + rest - before.min(initial=side + rest), 0)
        )
