"""Files of predicted masks: class values with a palette, overlays, probabilities."""

import contextlib
import io

import numpy as np

from keras_multigrid.figures import overlay, shown_image
from keras_multigrid.whole_files import whole

MOST_INDEX = 255  # of a PNG with a palette
FEW_PIXELS = 2**16  # enough to find the range of an image's values by
ROWS = 256  # of an overlay, drawn at a time


def mask_suffix(labels):
    """Returns the suffix of mask files: `.png`, or `.tif` where classes have values above 255."""
    return ".png" if max(labels.written) <= MOST_INDEX else ".tif"


def encoded_mask(classes, labels):
    """Returns the bytes of a mask file, of the kind of `mask_suffix`.

    It holds the values that masks of training have for the classes, or else their numbers.

    Args:
        classes: Integers `(height, width)`, the class of each pixel.
        labels: A `MaskLabels`.
    """
    file = io.BytesIO()
    if mask_suffix(labels) == ".tif":
        import tifffile

        dtype = "uint16" if max(labels.written) < 2**16 else "uint32"
        values = np.array(labels.written, dtype)[classes]
        tifffile.imwrite(file, values, compression="zlib")
        return file.getvalue()
    from PIL import Image

    image = Image.fromarray(np.array(labels.written, "uint8")[classes])
    palette = np.zeros((max(labels.written) + 1, 3), "uint8")
    palette[[*labels.written]] = colour_table(labels)
    image.putpalette(palette.tobytes())
    image.save(file, "PNG")
    return file.getvalue()


def read_classes(path, labels):
    """Returns the class of each pixel of a mask file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it has other values.
    """
    if mask_suffix(labels) == ".tif":
        import tifffile

        values = tifffile.imread(path)
    else:
        from PIL import Image

        with Image.open(path) as image:
            values = np.asarray(image)
    order = np.argsort(labels.written)
    written = np.array(labels.written)[order]
    places = np.searchsorted(written, values).clip(max=len(written) - 1)
    if values.ndim != 2 or (written[places] != values).any():
        raise ValueError(f"{path} is not a mask of these classes; remove it.")
    return order[places]


def colour_table(labels):
    """Returns the colours of the classes, uint8 `(classes, 3)`."""
    colours = np.array(labels.colours, "int64")[:, None]
    return (colours >> np.array([16, 8, 0]) & 255).astype("uint8")


def write_overlay(path, image, classes, labels):
    """Writes an image under the colours of its classes, a JPEG of its size.

    Args:
        path: Path of the file.
        image: `(height, width, channels)`; if not of 8 bits, it is shown between its 1st and its
            99th percentile.
        classes: Integers `(height, width)`.
        labels: A `MaskLabels`.
    """
    from PIL import Image

    value_range = (0, 255)
    if image.dtype != "uint8":
        step = max(1, classes.size // FEW_PIXELS)
        values = image.reshape(classes.size, -1)[::step]
        value_range = np.percentile(values, (1, 99))
    drawn = np.empty((*classes.shape, 3), "uint8")
    for start in range(0, len(drawn), ROWS):  # a large image as a whole would take much memory
        band = slice(start, start + ROWS)
        shown = shown_image(image[band], value_range, max(classes.shape))
        drawn[band] = overlay(shown, classes[band], labels.colours)
    with whole(path) as unfinished:
        Image.fromarray(drawn).save(unfinished, "JPEG", quality=90)


@contextlib.contextmanager
def probability_file(path, shape):
    """Makes a `.npy` file of float16 to write parts into, of any size without its memory.

    Yields:
        A function of rows and columns, as slices, and the probabilities there.
    """
    with whole(path) as unfinished, open(unfinished, "wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start, (height, width, classes) = file.tell(), shape
        file.truncate(start + 2 * height * width * classes)

        def write(rows, columns, probabilities):
            for row, values in zip(range(rows.start, rows.stop), probabilities.astype("<f2")):
                file.seek(start + 2 * classes * (row * width + columns.start))
                file.write(values.tobytes())

        yield write
