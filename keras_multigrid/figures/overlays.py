"""Images under the colours of their classes."""

import numpy as np

from keras_multigrid import checks

OPACITY = 0.5
IGNORED_LIGHT = 0.35  # of the image that stays where no pixel counts


def draw_overlay(image, labels, colours, opacity=OPACITY):
    """Lays the colours of classes over an image.

    Args:
        image: `(height, width, channels)` of any type; of more than three channels, or two, the
            first is shown. All but uint8 is stretched to what there is.
        labels: Integers `(height, width)`; negative ones, which do not count, leave the image
            dark.
        colours: Sequence of `0xRRGGBB`, one a class.
        opacity: Share of the colours, from 0 to 1.

    Returns:
        Picture `(height, width, 3)` of uint8.

    Raises:
        ValueError: If the sizes differ, or a label has no colour.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.figures import draw_overlay
    >>> image = np.full((1, 3, 1), 100, "uint8")
    >>> draw_overlay(image, np.array([[0, 1, -1]]), [0x000000, 0xff0000]).tolist()
    [[[50, 50, 50], [178, 50, 50], [35, 35, 35]]]
    """
    checks.arrays(image=image, labels=labels)
    checks.lists(colours=colours)
    checks.numbers(opacity=opacity)
    image, labels = np.asarray(image), np.asarray(labels)
    if image.ndim != 3 or labels.shape != image.shape[:2]:
        raise ValueError(
            f"The image has shape {image.shape}, the labels {labels.shape}; expected (height, "
            "width, channels) and (height, width)."
        )
    if labels.max(initial=-1) >= len(colours):
        raise ValueError(f"There is a label {labels.max()}, and there are {len(colours)} colours.")
    picture = shown(image).astype("float32")
    table = np.array([[c >> 16 & 255, c >> 8 & 255, c & 255] for c in colours] or [[0, 0, 0]])
    blended = (1 - opacity) * picture + opacity * table[labels.clip(min=0)]
    blended = np.where(labels[..., None] < 0, IGNORED_LIGHT * picture, blended)
    return np.round(blended + 1e-3).astype("uint8")


def shown(image):
    """Returns an image of any type and number of channels as uint8 RGB."""
    image = image[..., :3] if image.shape[-1] == 3 else image[..., :1]
    if image.dtype != "uint8":
        values = np.nan_to_num(image.astype("float64"), posinf=0, neginf=0)
        low, high = np.percentile(values, (0.5, 99.5))
        image = np.round(255 * ((values - low) / ((high - low) or 1)).clip(0, 1)).astype("uint8")
    return np.broadcast_to(image, (*image.shape[:2], 3))
