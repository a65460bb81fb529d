"""Image files of any depth and number of channels to NumPy arrays, as they are stored."""

import contextlib
import io
import pathlib

import numpy as np

from keras_multigrid.decoding.files import MOST_PIXELS, MOST_SIDE

TIFF = (".tif", ".tiff")
PILLOW = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
SUFFIXES = PILLOW + TIFF
TYPES = ("uint8", "uint16", "float32")
MOST_CHANNELS = 16
AXES = ("YX", "YXS", "SYX", "CYX", "YXC")  # of a TIFF that holds one image
PNG = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112  # EXIF's tag


class _Refused(ValueError):
    """What is said of a file here, in place of what a decoder raises."""


def read_pixels(path):
    """Reads an image file without changing its depth or its channels.

    A palette becomes colours, alpha is dropped, orientation tags are not applied, of an animation
    the first image is taken.

    Args:
        path: Path of a TIFF file, or of one of the formats that Pillow reads here.

    Returns:
        Array `(height, width, channels)` of uint8, uint16 or float32, of 1 to 16 channels.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is broken, of another type, too large, or a stack of images; the sentence
            begins with its path.
    """
    with _named(path):
        array = decode_pixels(path)
        return np.ascontiguousarray(array, _type_of(array.dtype, array.shape))


def read_form(path):
    """Returns the shape and the name of the type of what `read_pixels` returns, by the header.

    Raises:
        OSError, ValueError: As of `read_pixels`, as far as the header tells.
    """
    with _named(path):
        if _is_tiff(path):
            with _tiff(path) as series:
                if series is not None:
                    shape = _channels_last(np.broadcast_to(np.uint8(0), series.shape), series).shape
                    return shape, _type_of(series.dtype, shape)
        with _opened(path) as image:
            deep = _channels_of_deep_png(path) or (1 if image.mode.startswith("I") else 0)
            kind = "float32" if image.mode == "F" else "uint16" if deep else "uint8"
            return (image.height, image.width, deep or (1 if _is_grey(image) else 3)), kind


def read_orientation(path):
    """Returns the EXIF orientation of a file; 1 is upright."""
    if _is_tiff(path):
        return 1
    with _named(path), _opened(path) as image:
        return image.getexif().get(ORIENTATION, 1)


def read_palette(path):
    """Returns the indices `(height, width)` and the palette `(colours, 3)` of a file, or None."""
    with _named(path):
        if _is_tiff(path):
            with _tiff(path) as series:
                if series is not None:
                    return None
        with _opened(path) as image:
            return _indices(image) if image.mode == "P" else None


def decode_pixels(path):
    """Returns what `read_pixels` does, but of any type; its errors lack their subject."""
    if _is_tiff(path):
        with _tiff(path) as series:
            if series is not None:
                return _channels_last(series.asarray(), series)
    with _opened(path) as image:
        if channels := _channels_of_deep_png(path):  # Pillow would drop lower bytes of colours
            import imagecodecs

            array = imagecodecs.png_decode(pathlib.Path(path).read_bytes())
            array = array.reshape(*array.shape[:2], -1)[..., :channels]  # without alpha
        elif image.mode.startswith("I"):
            array = np.asarray(image).astype("uint16")
        elif image.mode == "F":
            array = np.asarray(image)
        else:
            image.load()
            image.info.pop("transparency", None)  # Pillow would warn of it
            array = np.asarray(image.convert("L" if _is_grey(image) else "RGB"))
        return array.reshape(*array.shape[:2], -1)


@contextlib.contextmanager
def _named(path):
    """Within it, the sentences of errors get their subject."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


@contextlib.contextmanager
def _tiff(path):
    """Opens the image in a TIFF file; None stands for one with a palette, which Pillow reads."""
    import tifffile

    data = io.BytesIO(pathlib.Path(path).read_bytes())
    broken = "is not a TIFF file that can be read, or is cut"
    with _refusing(broken), tifffile.TiffFile(data) as file:
        series = file.series[0]
        if series.keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE:
            yield None
            return
        if int(np.prod(series.shape)) > MOST_PIXELS * MOST_CHANNELS:
            raise _Refused(f"has {series.shape} values; expected at most {MOST_PIXELS} pixels")
        if series.axes not in AXES:
            raise _Refused(
                f"holds {' x '.join(map(str, series.shape))} values along the axes {series.axes}; "
                "expected one image, its channels last or named C"
            )
        yield series


def _channels_last(array, series):
    if array.ndim == 2:
        return array[..., None]
    if series.axes in ("SYX", "CYX"):
        array = np.moveaxis(array, 0, -1)
    has_alpha = len(series.keyframe.extrasamples) > 0 and array.shape[-1] in (2, 4)
    return array[..., :-1] if has_alpha else array


@contextlib.contextmanager
def _opened(path):
    """Opens a file by Pillow, which reads the header alone."""
    from PIL import Image

    data = io.BytesIO(pathlib.Path(path).read_bytes())
    with _refusing("is not an image file that can be read, or is cut"), Image.open(data) as image:
        if image.width * image.height > MOST_PIXELS or max(image.size) > MOST_SIDE:
            raise _Refused(f"has {image.height} x {image.width} pixels; that is too many")
        yield image


def _indices(image):
    return np.array(image), np.array(image.getpalette("RGB"), "uint8").reshape(-1, 3)


@contextlib.contextmanager
def _refusing(sentence):
    try:
        yield
    except _Refused:
        raise
    except Exception as error:  # decoders raise nearly anything
        raise ValueError(sentence) from error


def _is_tiff(path):
    return pathlib.Path(path).suffix.lower() in TIFF


def _is_grey(image):
    return image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")


def _channels_of_deep_png(path):
    """Returns the channels without alpha of a PNG file of 16 bits, 0 of other files."""
    with open(path, "rb") as file:
        header = file.read(26)
    is_deep = header.startswith(PNG) and header[24] == 16
    return {0: 1, 2: 3, 4: 1, 6: 3}.get(header[25], 0) if is_deep else 0


def _type_of(dtype, shape):
    kind = {"float64": "float32", "bool": "uint8"}.get(np.dtype(dtype).name, np.dtype(dtype).name)
    if kind not in TYPES or len(shape) != 3:
        raise _Refused(
            f"has values of {dtype} in the shape {shape}; expected 8 or 16 bits, or float32, in "
            "height, width and channels"
        )
    if not 1 <= shape[-1] <= MOST_CHANNELS:
        raise _Refused(f"has {shape[-1]} channels; expected 1 to {MOST_CHANNELS}")
    return kind
