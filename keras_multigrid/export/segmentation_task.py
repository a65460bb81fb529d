"""What a network for segmentation was trained to do, kept in its .keras file or beside it."""

import dataclasses
import json
import pathlib

from keras_multigrid.datasets.masks.labels import MaskLabels, SegmentationTask
from keras_multigrid.export.keras_entries import add_entry, read_entry

TASK = "segmentation.json"


def add_task(path, task):
    """Adds a `SegmentationTask` to a `.keras` file."""
    add_entry(path, TASK, dataclasses.asdict(task))


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
    task = read_entry(path, TASK)
    return None if task is None else _parsed(task, path)


def _parsed(data, path):
    try:
        fields = json.loads(data)
        labels = fields.pop("labels")
        lists = {name: tuple(labels[name]) for name in ("names", "values", "colours", "ignored")}
        return SegmentationTask(labels=MaskLabels(**{**labels, **lists}), **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"What {path} says of its classes is damaged; train anew.") from error
