"""Image files to NumPy arrays, with Pillow. They may come from strangers."""

import io

import numpy as np

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
MOST_PIXELS = 2**28 // 3  # a quarter of a GiB in RGB, beyond which Pillow warns, too
MOST_SIDE = 2**16 - 1  # a JPEG's


def read_image(data, channels=3):
    """Reads an image file as Pillow's `convert("RGB")` or `convert("L")` does.

    Grey of 16 bits keeps its high byte, which Pillow would clip to white. Alpha is dropped,
    orientation tags are not applied, and of an animation the first image is taken.

    Args:
        data: The file's bytes: JPEG, PNG, GIF, BMP or WebP, which its content tells.
        channels: 3 for colour, 1 for grey.

    Returns:
        Array of uint8, `(height, width, channels)`.

    Raises:
        ValueError: If it is not such a file, is broken, or its header says more than `MOST_PIXELS`
            pixels, or `MOST_SIDE` in a row or column. The sentence lacks its subject.

    Example:

    >>> import io
    >>> from PIL import Image
    >>> from keras_multigrid.decoding import read_image
    >>> file = io.BytesIO()
    >>> Image.new("P", (3, 2)).save(file, "BMP")
    >>> read_image(file.getvalue()).shape
    (2, 3, 3)
    """
    if channels not in (1, 3):
        raise ValueError(f"is to have {channels} channels; expected 1 or 3")
    with open_image(data) as image:
        width, height = image.size
        if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
            raise ValueError(
                f"has {height} x {width} pixels; expected at most {MOST_PIXELS}, and {MOST_SIDE} "
                "in a row or column"
            )
        return pixels(image, channels)


def open_image(data):
    """Returns Pillow's image of a file, of which only the header is read; errors as above."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(f"has far more than {MOST_PIXELS} pixels") from error
    except Exception as error:  # Pillow's parsers raise nearly anything
        raise ValueError("is not a JPEG, PNG, GIF, BMP or WebP file, or is cut") from error


def pixels(image, channels):
    """Returns the array of an opened image, or raises a `ValueError` if the file is broken."""
    try:
        if image.mode.startswith("I"):  # grey of 16 bits
            grey = (np.asarray(image) >> 8).astype("uint8")
            return np.repeat(grey[..., None], channels, axis=-1)
        image.load()
        image.info.pop("transparency", None)  # Pillow would warn of it
        array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except Exception as error:
        raise ValueError("is truncated or broken") from error
    return array.reshape(*array.shape[:2], channels)
