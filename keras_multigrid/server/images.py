"""Encoded images, safely: they come from strangers."""

from keras_multigrid.decoding.files import open_image, pixels


def decode_image(data, channels, most_pixels, longest_side):
    """Decodes an image file, as `kmg.decoding.read_image` does.

    Args:
        data: The file's bytes.
        channels: 1 for gray, 3 for color.
        most_pixels: The largest number of pixels; files with more are not decoded.
        longest_side: The largest height or width.

    Returns:
        Array of uint8, (height, width, channels).

    Raises:
        ValueError: If it is not an image file, or is damaged or too large.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"The network takes images of {channels} channels; send arrays, not files."
        )
    with open_image(data) as image:
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
        return pixels(image, channels)
