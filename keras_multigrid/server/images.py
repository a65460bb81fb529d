"""Encoded images, safely: they come from strangers."""

import io

import numpy as np


def decode_image(data, channels, most_pixels, longest_side):
    """Decodes a JPEG or PNG file, as TensorFlow's `decode_image` does.

    Args:
        data: The file's bytes.
        channels: 1 for gray, 3 for color.
        most_pixels: The largest number of pixels; more are refused before decoding.
        longest_side: The largest height or width; the same.

    Returns:
        Array of uint8, (height, width, channels).

    Raises:
        ValueError: If it is no such file, is broken or too large.

    """
    from PIL import Image

    if channels not in (1, 3):
        raise ValueError(
            f"The network takes images of {channels} channels; send arrays, not files."
        )
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"has far more than {most_pixels} pixels; send a smaller one") from error
    except Exception as error:  # Pillow's parsers raise nearly anything
        raise ValueError("is no JPEG or PNG file; send the bytes of one, in base64") from error
    with image:
        width, height = image.size
        if max(width, height) > longest_side:
            raise ValueError(
                f"has {height} x {width} pixels, and a side may have {longest_side}; send a "
                "smaller one"
            )
        if width * height > most_pixels:
            raise ValueError(
                f"has {height} x {width} pixels, and a request's images may have {most_pixels} "
                "together; send smaller or fewer ones"
            )
        if image.mode.startswith(("I", "F")):
            raise ValueError("has 16 bits or more for a color; send one of 8 bits")
        try:
            if channels == 1:
                image.draft("L", None)  # a JPEG's own gray, as TensorFlow has it
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        except Exception as error:
            raise ValueError("is truncated or broken; send the whole file") from error
    return pixels.reshape(height, width, channels)
