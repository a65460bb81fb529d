"""What a network for segmentation was trained to do, kept in its .keras file or beside it."""

import dataclasses
import json
import pathlib
import zipfile

from keras_multigrid.datasets.masks.labels import MaskLabels, SegmentationTask

TASK = "segmentation.json"


def add_task(path, task):
    """Adds a `SegmentationTask` to a `.keras` file, in which Keras reads its own parts alone."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(TASK, json.dumps(dataclasses.asdict(task)))


def write_task(folder, task):
    """Writes the file of a task beside an exported network."""
    pathlib.Path(folder, TASK).write_text(json.dumps(dataclasses.asdict(task)) + "\n")


def read_task(path):
    """Returns the `SegmentationTask` of a `.keras` file or an exported version, or None.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is damaged.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        beside = path / TASK
        return _parsed(beside.read_bytes(), beside) if beside.exists() else None
    try:
        with zipfile.ZipFile(path) as archive:
            return _parsed(archive.read(TASK), path) if TASK in archive.namelist() else None
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is not a .keras file, or is damaged; expected a run's."
        ) from error


def _parsed(data, path):
    try:
        fields = json.loads(data)
        labels = fields.pop("labels")
        lists = {name: tuple(labels[name]) for name in ("names", "values", "colours", "ignored")}
        return SegmentationTask(labels=MaskLabels(**{**labels, **lists}), **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"What {path} says of its classes is damaged; train anew.") from error
