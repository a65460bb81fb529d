"""What a network says of one image."""

import math
import warnings

import numpy as np

from keras_multigrid import checks
from keras_multigrid.prediction.predictor import Predictor


def predict_image(model, image, tile=None, *, flips=None):
    """Returns the probabilities of each pixel of an image of any size.

    An image that is larger than a tile is cut. The tiles overlap by as much as the network sees,
    and are aligned to its total stride, so that the answer is that of the whole image but for
    rounding. A network that sees more than a tile can have beside what is kept of it has tiles that
    overlap by half, blended by Gaussian weights; a warning says so.

    Args:
        model: A functional `keras.Model` from images to maps of their size; or a list of those, the
            mean of which is returned.
        image: `(height, width, channels)`, as the model takes it.
        tile: Largest side of a tile; None is one whose computation takes about 1.5 GiB.
        flips: None, `"horizontal"` to average with the answer to the mirrored image, or `"both"`
            with that to the image upside down as well.

    Returns:
        A float32 array `(height, width, classes)`.

    Raises:
        ValueError: If the model is of another kind, or an argument does not fit it.

    Example:

    >>> import keras, numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(classes=3, width_multiplier=0.1)
    >>> image = np.random.default_rng(0).normal(size=(250, 301, 1))
    >>> probabilities = kmg.prediction.predict_image(model, image, tile=200)
    >>> probabilities.shape
    (250, 301, 3)
    >>> whole = kmg.prediction.predict_image(model, image)
    >>> bool(np.allclose(probabilities, whole, atol=1e-5))
    True
    """
    checks.arrays(image=image)
    checks.optional(checks.positive_integers, tile=tile)
    predictor = Predictor(model if isinstance(model, list | tuple) else [model], flips)
    image = predictor.checked(image)
    plan = predictor.plan(image.shape[:2], tile)
    if not plan.exact:
        warnings.warn(blending_sentence(plan), stacklevel=2)
    probabilities = np.empty((*image.shape[:2], predictor.classes), "float32")
    for rows, columns, values in predictor.windows(image, plan):
        probabilities[rows, columns] = values
    return probabilities


def blending_sentence(plan):
    """Returns what is to be said where an answer is not that of the whole image."""
    most = max(plan.margins)
    seen = "all of an image" if most == math.inf else f"{most} pixels to each side"
    height, width = plan.tile
    return (
        f"The network sees {seen}, more than tiles of {height} x {width} can have beside them: "
        "they are blended by Gaussian weights, and the answer is not exactly that of the whole "
        "image; larger tiles may be."
    )
