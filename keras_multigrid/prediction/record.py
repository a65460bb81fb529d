"""By what the predictions in a folder were made."""

import contextlib
import pathlib

import filelock

from keras_multigrid.stored import read_json
from keras_multigrid.whole_files import write_json

RECORD, LOCK = "prediction.json", ".lock"
REMEDY = "remove it, and give --overwrite"


@contextlib.contextmanager
def locked(folder):
    """Makes a folder, and locks it for this prediction.

    Raises:
        OSError: If another process predicts into it, or it cannot be made.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0.2)
    except filelock.Timeout as error:
        raise OSError(f"Another process predicts into {folder}; name another folder.") from error
    try:
        yield
    finally:
        lock.release()


def claim(folder, made_by, targets, overwrite):
    """Writes how predictions are made, or checks that those in a folder were made in the same way.

    Args:
        folder: The folder.
        made_by: Dictionary that JSON can hold.
        targets: Paths of what will be written.
        overwrite: Whether what is there is replaced.

    Raises:
        ValueError: If it has predictions made otherwise, or other files under their names.
    """
    path = pathlib.Path(folder, RECORD)
    if not overwrite and path.exists():
        before = read_json(path, {}, REMEDY)
        changes = [name for name in made_by if before.get(name) != made_by[name]]
        if changes:
            raise ValueError(
                f"{folder} has predictions with other {', '.join(changes)}; name another folder "
                "with --output, or replace them with --overwrite."
            )
    elif not overwrite:
        there = next((target for target in targets if target.exists()), None)
        if there is not None:
            raise ValueError(
                f"{there} is there already, and not of a prediction; name another folder with "
                "--output, or replace it with --overwrite."
            )
    write_json(path, made_by)
