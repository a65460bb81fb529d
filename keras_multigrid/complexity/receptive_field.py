"""The receptive field of networks for dense prediction, theoretical and effective."""

import math
from typing import NamedTuple

from keras_multigrid import checks


class FieldSides(NamedTuple):
    """Sides, in pixels, of the square that a pixel of an output sees.

    Attributes:
        theoretical: What can reach it, whatever the weights; `math.inf` for all of an image.
        effective: Root of the number of pixels with at least 4.55 % of the largest influence, of
            trained weights; None if it was not measured.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.complexity.FieldSides(17, 8.5).theoretical
    17
    """

    theoretical: float
    effective: float | None = None


def receptive_field(model, images=None):
    """Measures how far a network sees.

    Args:
        model: A functional model from images to maps of their size, made for images of any size.
        images: `(images, height, width, channels)`, a few, to measure the effective field on, by
            `kmg.attention_maps.receptive_field`; None does not measure it.

    Returns:
        `FieldSides`.

    Raises:
        ValueError: If the model is not for maps or for images of any size.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.SGSEG(width_multiplier=0.1)
    >>> kmg.complexity.receptive_field(model)  # eight convolutions see eight pixels to each side
    FieldSides(theoretical=17, effective=None)
    """
    # Imported here, since both packages import this one.
    from keras_multigrid.attention_maps import receptive_field as measured_field
    from keras_multigrid.prediction.geometry import SeenMargin, total_stride

    checks.functional_models(model=model)
    checks.optional(checks.arrays, images=images)
    stride = total_stride(model)
    theoretical = math.inf if stride is None else 2 * SeenMargin(model, stride)(0) + 1
    if images is None:
        return FieldSides(theoretical)
    pixels = measured_field(model, images, verbose=0).effective_pixels
    return FieldSides(theoretical, math.sqrt(pixels))
