"""Masks drawn over their images."""

import numpy as np

from keras_multigrid import checks

MOST_SIDE = 480  # of a picture


def shown_image(image, value_range=(0.0, 255.0), most_side=MOST_SIDE):
    """Returns an image of any type as a small picture.

    Args:
        image: Array `(height, width, channels)`; of other than 1 or 3 channels the first is shown.
        value_range: Values that are black and white.
        most_side: Longest side of the picture; pixels are left out.

    Returns:
        Array of uint8 `(height, width, 3)`.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import shown_image
    >>> shown_image(np.full((600, 400, 1), 65535, "uint16"), (0, 65535)).shape
    (300, 200, 3)
    """
    checks.arrays(image=image)
    checks.lists(value_range=value_range)
    checks.positive_integers(most_side=most_side)
    step = _step(image.shape, most_side)
    low, high = value_range
    image = image[::step, ::step, : 3 if image.shape[-1] == 3 else 1].astype("float32")
    shares = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
    return np.broadcast_to((255 * shares).astype("uint8"), (*shares.shape[:2], 3))


def overlay(picture, labels, colours, opacity=0.55):
    """Returns a picture with a mask over it.

    Args:
        picture: Array of uint8 `(height, width, 3)`, as of `shown_image`.
        labels: Classes `(height, width)` of the image, which may be larger by an integer; where
            they are negative, the picture stays.
        colours: The colour of each class, 0xRRGGBB.
        opacity: Of the mask, from 0 to 1.

    Returns:
        Array of uint8 of the picture's shape.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import overlay
    >>> overlay(np.zeros((1, 2, 3), "uint8"), np.array([[0, -1]]), [0xFF0000], 1.0).tolist()
    [[[255, 0, 0], [0, 0, 0]]]
    """
    checks.arrays(picture=picture, labels=labels)
    checks.lists(colours=colours)
    checks.numbers(opacity=opacity)
    step = -(-labels.shape[0] // picture.shape[0])
    labels = labels[::step, ::step]
    palette = np.array([[colour >> 16, colour >> 8 & 255, colour & 255] for colour in colours])
    mixed = (1 - opacity) * picture + opacity * palette[np.maximum(labels, 0)]
    return np.where(labels[..., None] < 0, picture, mixed.astype("uint8"))


def _step(shape, most_side):
    return max(1, -(-max(shape[:2]) // most_side))
