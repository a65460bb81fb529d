"""Image files to arrays, the same everywhere: as Pillow reads them."""

from keras_multigrid.decoding.files import FORMATS, MOST_PIXELS, MOST_SIDE, read_image
from keras_multigrid.decoding.graphs import decode, decode_jpeg_or_png, decode_window

__all__ = [
    "FORMATS",
    "MOST_PIXELS",
    "MOST_SIDE",
    "decode",
    "decode_jpeg_or_png",
    "decode_window",
    "read_image",
]
