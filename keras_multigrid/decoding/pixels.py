"""Image files of any depth and number of channels to NumPy arrays, as they are stored."""

import io
import pathlib

import numpy as np

from keras_multigrid.decoding.files import MOST_PIXELS, MOST_SIDE

TIFF = (".tif", ".tiff")
PILLOW = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
SUFFIXES = PILLOW + TIFF
TYPES = ("uint8", "uint16", "float32")
MOST_CHANNELS = 16


def read_pixels(path):
    """Reads an image file without changing its depth or its channels.

    A palette becomes colours, alpha is dropped, orientation tags are not applied, of an animation
    or a stack of pages the first image is taken.

    Args:
        path: Path of a TIFF file, or of one of the formats that Pillow reads here.

    Returns:
        Array `(height, width, channels)` of uint8, uint16 or float32, of 1 to 16 channels.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is broken, of another type, or too large; the sentence begins with its
            path.
    """
    path = pathlib.Path(path)
    data = path.read_bytes()
    try:
        if path.suffix.lower() in TIFF:
            return _checked(_of_tiff(data))
        return _checked(_by_pillow(data))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def _of_tiff(data):
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            if int(np.prod(page.shape)) > MOST_PIXELS * MOST_CHANNELS:
                raise ValueError(f"has {page.shape} values; expected at most {MOST_PIXELS} pixels")
            if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
                return _by_pillow(data)
            array, axes = page.asarray(), page.axes
            extra = len(page.extrasamples)
    except ValueError:
        raise
    except Exception as error:  # its decoders raise nearly anything
        raise ValueError("is not a TIFF file that can be read, or is cut") from error
    if axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[..., None]
    if extra and array.shape[-1] in (2, 4):
        array = array[..., :-1]  # alpha
    return array


def _by_pillow(data):
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MOST_PIXELS or max(image.size) > MOST_SIDE:
            raise ValueError(f"has {image.height} x {image.width} pixels; that is too many")
        if image.mode.startswith("I") or image.mode == "F":
            array = np.asarray(image)
            return array.astype("uint16" if image.mode.startswith("I") else "float32")[..., None]
        image.load()
        image.info.pop("transparency", None)  # Pillow would warn of it
        grey = image.mode in ("1", "L", "LA", "La")
        array = np.asarray(image.convert("L" if grey else "RGB"))
    except ValueError:
        raise
    except Exception as error:
        raise ValueError("is not an image file that can be read, or is cut") from error
    return array.reshape(*array.shape[:2], -1)


def _checked(array):
    kind = "float32" if array.dtype == "float64" else array.dtype.name
    kind = "uint8" if kind == "bool" else kind
    if kind not in TYPES or array.ndim != 3:
        raise ValueError(
            f"has values of {array.dtype} in the shape {array.shape}; expected 8 or 16 bits, or "
            "float32, in height, width and channels"
        )
    if not 1 <= array.shape[-1] <= MOST_CHANNELS:
        raise ValueError(f"has {array.shape[-1]} channels; expected 1 to {MOST_CHANNELS}")
    return np.ascontiguousarray(array, kind)
