"""Predicts the masks of image files."""

import contextlib
import dataclasses
import pathlib

import numpy as np

from keras_multigrid.decoding.pixels import SUFFIXES
from keras_multigrid.prediction.fitting import read_fitting
from keras_multigrid.prediction.images import blending_sentence
from keras_multigrid.prediction.mask_files import (
    encoded_mask,
    mask_suffix,
    probability_file,
    read_classes,
    write_overlay,
)
from keras_multigrid.prediction.predictor import Predictor
from keras_multigrid.whole_files import whole

TABLE = "pixels.csv"
HEADER = ("image", "class", "pixels", "share")
OVERLAYS, PROBABILITIES = "overlays", "probabilities"


@dataclasses.dataclass(frozen=True)
class Targets:
    """Paths of what is written of an image; None of what is not asked for."""

    mask: pathlib.Path
    overlay: pathlib.Path | None
    probabilities: pathlib.Path | None

    def all(self):
        return [path for path in dataclasses.astuple(self) if path is not None]


class MaskPrediction:
    """The masks of image files, and what goes with them.

    Args:
        trained: List of `Trained` networks of the same classes, whose mean is taken.
        output: Folder of what is written.
        tile, flips: As for `predict_image`.
        overlays, probabilities: Whether these are written, too.

    Raises:
        ValueError: If the networks are of different tasks.
    """

    SUFFIXES = SUFFIXES
    TABLE, HEADER = TABLE, HEADER

    def __init__(
        self, trained, output, *, tile=None, flips=None, overlays=False, probabilities=False
    ):
        first = trained[0]
        for other in trained[1:]:
            if other.task != first.task:
                raise ValueError(
                    f"{first.path} and {other.path} were trained for other classes or images; an "
                    "ensemble is of networks that were trained alike."
                )
        self._task, self._tile = first.task, tile
        self._predictor = Predictor([each.model for each in trained], flips)
        self._output, self._overlays = pathlib.Path(output), overlays
        self._probabilities = probabilities
        self.table_rows = len(self._task.labels.names)

    def targets(self, name):
        """Returns the paths of what is written of an image."""
        return self._targets(name).all()

    def _targets(self, name):

        def below(folder, suffix):
            path = self._output / folder / name
            return path.with_name(path.name + suffix)

        return Targets(
            mask=below("", mask_suffix(self._task.labels)),
            overlay=below(OVERLAYS, ".jpg") if self._overlays else None,
            probabilities=below(PROBABILITIES, ".npy") if self._probabilities else None,
        )

    def read(self, file, progress):
        """Returns the array of an `ImageFile`; errors as of `read_fitting`."""
        image, remarks = read_fitting(file.path, self._task)
        for remark in remarks:
            progress.remark(file.path, remark)
        return image

    def predict(self, image, file, progress):
        """Writes what is asked for of an image; returns its rows of the table."""
        labels, targets = self._task.labels, self._targets(file.name)
        size = image.shape[:2]
        plan = self._predictor.plan(size, self._tile)
        if not plan.exact:
            progress.remark(file.path, f"is larger than a tile: {blending_sentence(plan)}")
        for path in targets.all():
            path.parent.mkdir(parents=True, exist_ok=True)
        classes = np.empty(size, "uint8" if len(labels.names) <= 256 else "uint16")
        with contextlib.ExitStack() as stack:
            write = None
            if targets.probabilities:
                file_of = probability_file(targets.probabilities, (*size, len(labels.names)))
                write = stack.enter_context(file_of)
            windows = self._predictor.windows(image, plan)
            for number, (rows, columns, probabilities) in enumerate(windows, start=1):
                if not np.isfinite(probabilities).all():
                    raise FloatingPointError(f"{file.path}: the network's answer is not finite.")
                classes[rows, columns] = probabilities.argmax(-1)
                if write:
                    write(rows, columns, probabilities)
                pixels = probabilities.shape[0] * probabilities.shape[1]
                progress.tile(file.name, number, len(plan), pixels)
        if targets.overlay:
            write_overlay(targets.overlay, image, classes, labels)
        with whole(targets.mask) as unfinished:
            unfinished.write_bytes(encoded_mask(classes, labels))
        return self._rows(classes)

    def recorded(self, name):
        """Returns the rows of the table of an image whose outputs are there."""
        return self._rows(read_classes(self._targets(name).mask, self._task.labels))

    def _rows(self, classes):
        counts = np.bincount(classes.ravel(), minlength=self.table_rows)
        return [
            (name, int(count), f"{count / classes.size:.6f}")
            for name, count in zip(self._task.labels.names, counts)
        ]
