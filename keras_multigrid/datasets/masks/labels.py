"""What the values in mask files mean."""

import dataclasses

import numpy as np

IGNORED = -1  # the label of pixels that do not count


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskLabels:
    """The classes of masks, and how files hold them.

    Attributes:
        names: Names of the classes, in the order of a network's outputs.
        values: What files hold for each class: an index, or for `coloured` masks the colour as
            `0xRRGGBB`.
        colours: What pictures show of each class, `0xRRGGBB`.
        ignored: Values of pixels that do not count.
        coloured: Whether files hold colours.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    colours: tuple[int, ...]
    ignored: tuple[int, ...] = ()
    coloured: bool = False

    def labels(self, stored):
        """Returns the class of each pixel, int32, `IGNORED` where it does not count.

        Args:
            stored: Integers `(height, width)` as a mask file holds them.

        Raises:
            ValueError: If there are other values; the sentence begins with "has".
        """
        known = np.array([*self.values, *self.ignored], "int64")
        labels = np.array([*range(len(self.values)), *[IGNORED] * len(self.ignored)], "int32")
        order = np.argsort(known)
        places = np.searchsorted(known[order], stored).clip(max=len(known) - 1)
        if (unknown := known[order][places] != stored).any():
            values, counts = np.unique(stored[unknown], return_counts=True)
            shown = ", ".join(
                f"{self.text_of(value)} ({count} pixels)"
                for value, count in zip(values, counts[:5])
            )
            raise ValueError(
                f"has values that no class has: {shown}; the classes have "
                f"{', '.join(self.text_of(value) for value in known[:20])}"
            )
        return labels[order][places]

    def text_of(self, value):
        """Returns a value of a file as people write it."""
        return f"#{value:06x}" if self.coloured else str(value)

    @property
    def written(self):
        """The value of each class in masks that are predicted: as in training, or its number."""
        return tuple(range(len(self.names))) if self.coloured else self.values


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentationTask:
    """What a network was trained to do: how images come, and what its outputs mean.

    Attributes:
        labels: A `MaskLabels`.
        channels: Of an image.
        image_type: Of its values as files hold them: `"uint8"`, `"uint16"` or `"float32"`.
        averaged_flips: Mirror images that predictions are averaged over, as `flips` of
            `kmg.prediction.predict_image`.
    """

    labels: MaskLabels
    channels: int
    image_type: str
    averaged_flips: str | None = None
