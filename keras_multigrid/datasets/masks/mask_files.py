"""Mask files to integers: indices, or colours as `0xRRGGBB`."""

import dataclasses
import pathlib

import numpy as np

from keras_multigrid.decoding.pixels import SUFFIXES, decode_pixels, read_palette

LOSSY = (".jpg", ".jpeg")
GREY = 0x010101  # times a level of grey is its colour


@dataclasses.dataclass(frozen=True)
class Content:
    """What a mask file holds.

    Attributes:
        shape: Height and width.
        values: The integers in it, in order: indices, or colours if `coloured`.
        counts: How many pixels have each.
        inside: The same inside the field of view.
        coloured: Whether it holds colours that are not grey, without a palette.
        palette: Mapping from each index in it to its colour, if it has a palette.
    """

    shape: tuple[int, int]
    values: np.ndarray
    counts: np.ndarray
    inside: np.ndarray
    coloured: bool
    palette: dict[int, int] | None

    def as_colours(self):
        """Returns the values as colours."""
        if self.coloured:
            return self.values
        if self.palette is not None:
            return np.array([self.palette[value] for value in self.values.tolist()], "int64")
        return self.values.astype("int64") * GREY

    def class_counts(self, labels):
        """Returns how many pixels that count are of each class of a `MaskLabels`, as a tuple."""
        stored = self.as_colours() if labels.coloured else self.values
        try:
            found = labels.labels(stored)
        except ValueError:
            labels.labels(np.repeat(stored, self.counts))  # says how many pixels are wrong
            raise
        counts = np.zeros(len(labels.names), "int64")
        np.add.at(counts, found[found >= 0], self.inside[found >= 0])
        return tuple(counts.tolist())


def read_mask(path, coloured=False):
    """Reads a mask file.

    Args:
        path: Path of the file.
        coloured: Whether it is read as colours; else as indices, of a palette or of grey.

    Returns:
        Integers `(height, width)`.

    Raises:
        OSError: If there is no such file.
        ValueError: If it cannot be read, or holds colours where indices are expected.
    """
    values, palette = _stored(path)
    if coloured:
        return packed(palette[values] if palette is not None else _three(values))
    values = _grey(values)
    if values is None:
        raise ValueError(
            f"{path} holds colours; expected the numbers of classes, as other masks have them."
        )
    return values


def look_into(path, field_of_view=None):
    """Returns the `Content` of a mask file."""
    values, palette = _stored(path)
    grey = _grey(values)
    stored = packed(values) if grey is None else grey
    found, counts = _unique(stored)
    inside = counts
    if field_of_view is not None:
        region = read_field_of_view(field_of_view, stored.shape)
        within, within_counts = _unique(stored[region])
        inside = np.zeros_like(counts)
        inside[np.searchsorted(found, within)] = within_counts
    colours = None
    if palette is not None:
        colours = dict(zip(found.tolist(), packed(palette[found]).tolist()))
    return Content(stored.shape, found, counts, inside, grey is None, colours)


def read_field_of_view(path, shape):
    """Returns where pixels count, `(height, width)` of bool: a file that is not 0 there.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is of another shape, or has more than two values.
    """
    values = read_mask(path)
    if values.shape != shape:
        raise ValueError(
            f"{path} has {values.shape[0]} x {values.shape[1]} pixels, its mask {shape[0]} x "
            f"{shape[1]}; expected the same."
        )
    found, _ = _unique(values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0):
        raise ValueError(
            f"{path} has {len(found)} values, from {found[0]} to {found[-1]}; expected 0, and "
            "another where pixels count."
        )
    return values != 0


def packed(colours):
    """Returns colours `(..., 3)` as `0xRRGGBB`, int64."""
    return colours.astype("int64") @ np.array([2**16, 2**8, 1])


def _stored(path):
    """Returns the array of a file, with a palette or None."""
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path} is not an image file; expected one of {', '.join(SUFFIXES)}.")
    try:
        of_palette = read_palette(path)
        if of_palette is not None:
            return of_palette
        array = decode_pixels(path)
    except ValueError as error:
        raise ValueError(_with_path(path, error)) from error
    if array.shape[-1] not in (1, 3):
        raise ValueError(f"{path} has {array.shape[-1]} channels; a mask has 1, or 3 of colours.")
    if array.dtype.kind == "f":
        whole = np.isfinite(array).all() and (array == np.floor(array)).all()
        if not whole:
            raise ValueError(f"{path} has values that are not whole; expected numbers of classes.")
        array = array.astype("int64")
    return array, None


def _with_path(path, error):
    text = str(error)
    return text if text.startswith(str(path)) else f"{path} {text}"


def _grey(values):
    """Returns values without the axis of channels; None if they are colours."""
    if values.ndim == 2:
        return values
    if values.shape[-1] == 1:
        return values[..., 0]
    same = (values[..., :1] == values[..., 1:]).all()
    return values[..., 0] if same else None


def _three(values):
    return values if values.shape[-1] == 3 else np.repeat(values, 3, axis=-1)


def _unique(values):
    """Returns the different values in order, and how many there are of each."""
    if values.dtype == "uint8":  # many times as fast as sorting
        counts = np.bincount(values.ravel(), minlength=256)
        found = np.flatnonzero(counts)
        return found, counts[found]
    return np.unique(values, return_counts=True)
