"""Predicts many image files into a folder, and goes on where it was interrupted."""

import dataclasses
import os
import pathlib
import sys

from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.prediction.image_files import list_image_files
from keras_multigrid.prediction.progress import Progress
from keras_multigrid.prediction.record import claim, locked
from keras_multigrid.prediction.tables import Table


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a job did: how many images it predicted, found done, and left out for errors."""

    predicted: int
    done: int
    failed: int


def run_job(prediction, images, output, made_by, *, overwrite=False, on_error="skip"):
    """Predicts image files.

    Args:
        prediction: A `MaskPrediction` or `ClassPrediction`.
        images: List of files, folders and patterns; see `list_image_files`.
        output: Folder of what is written.
        made_by: Dictionary of what the predictions depend on, kept with them.
        overwrite: Whether predictions that are there are made anew.
        on_error: `"skip"` says what is wrong with an image and goes on, `"raise"` ends.

    Returns:
        The `Outcome`.

    Raises:
        ValueError: If images or output cannot be meant.
        OSError: If something cannot be written, or, with `"raise"`, an image be predicted.
    """
    output = pathlib.Path(output)
    files = list_image_files(images, prediction.SUFFIXES, output)
    targets = {file: prediction.targets(file.name) for file in files}
    _check_targets(files, targets)
    predicted = done = failed = 0
    with locked(output):
        claim(output, made_by, [path for paths in targets.values() for path in paths], overwrite)
        removed = [file.name for file in files] if overwrite else ()
        path = output / prediction.TABLE
        table = Table(path, prediction.HEADER, prediction.table_rows, removed)
        progress = Progress(len(files))
        for file in files:
            paths = targets[file]
            if not overwrite and (all(map(os.path.exists, paths)) if paths else file.name in table):
                if file.name not in table:  # the process ended between the two
                    table.add(file.name, prediction.recorded(file.name))
                done += 1
                continue
            try:
                image = prediction.read(file, progress)
            except (ValueError, OSError) as error:
                if on_error == "raise":
                    raise OSError(str(error)) from error
                failed += 1
                sentence = printable(" ".join(str(error).split()))
                print(f"keras-multigrid: {sentence}", file=sys.stderr, flush=True)
                continue
            table.add(file.name, prediction.predict(image, file, progress))
            predicted += 1
            progress.image()
    return Outcome(predicted, done, failed)


def _check_targets(files, targets):
    """Raises a `ValueError` if an image would be replaced by its own mask, or another's."""
    images = {file.path.resolve(): file.path for file in files}
    for paths in targets.values():
        for path in paths:
            if path.resolve() in images:
                raise ValueError(
                    f"{printable(str(path))} is one of the images, and would be written; name "
                    "another folder with --output."
                )
