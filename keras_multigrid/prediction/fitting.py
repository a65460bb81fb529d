"""Image files as a network was trained on them, or a sentence about why they are not."""

import numpy as np

from keras_multigrid.decoding.pixels import read_pixels

ORIENTATION = 274  # the tag's number


def read_fitting(path, task):
    """Reads an image for a network.

    Grey images become coloured, and coloured images whose channels are all alike grey: nothing is
    lost. Numbers of other types are refused, as nobody can tell how they compare.

    Args:
        path: Path of the file.
        task: The network's `SegmentationTask`.

    Returns:
        The array `(height, width, channels)`, and a list of what is to be said about it.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it does not fit.
    """
    image, remarks = read_pixels(path), []
    if image.dtype != task.image_type:
        raise ValueError(
            f"{path} has values of {image.dtype}, and the network was trained on {task.image_type};"
            f" convert the file to {task.image_type}, scaled as the training images are."
        )
    channels = image.shape[-1]
    if channels == 1 and task.channels == 3:
        image = np.repeat(image, 3, axis=-1)
        remarks.append("is grey, and the network takes colours: all three are its grey")
    elif channels == 3 and task.channels == 1 and (image == image[..., :1]).all():
        image = image[..., :1]
        remarks.append("has three channels that are all alike, of which the network takes one")
    elif channels != task.channels:
        raise ValueError(
            f"{path} has {channels} channels, and the network takes {task.channels}; convert the "
            "file."
        )
    if not np.isfinite(image).all():
        raise ValueError(f"{path} has values that are not finite; the network takes numbers.")
    if _orientation(path) > 1:
        remarks.append(
            "has an orientation tag, which is not applied: its mask is as its pixels are stored"
        )
    return image, remarks


def _orientation(path):
    from PIL import Image

    try:
        with Image.open(path) as image:
            return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # it was read before; what the tag says is a courtesy
        return 1
