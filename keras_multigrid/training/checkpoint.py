"""Checkpoints as files that are whole or not there, and tell when they are damaged."""

import json
import os
import pathlib
import sys
import zipfile
import zlib

import ml_dtypes
import numpy as np

KEPT = 2
NOTES = "notes"  # the entry of the JSON text


def save_checkpoint(folder, number, arrays, notes):
    """Writes a checkpoint atomically and verified, and removes all but the last two.

    The file is an `.npz` archive, whose entries carry checksums. It is written under another name,
    flushed to the disk, read back and only then renamed.

    Args:
        folder: The folder; it is made if missing.
        number: Number of the checkpoint, such as the training step; the highest is the last.
        arrays: Mapping from names to NumPy arrays.
        notes: What JSON can hold.

    Returns:
        The file's path.

    Raises:
        OSError: If it cannot be written, for example on a full disk; earlier ones are untouched.

    Example:

    >>> import tempfile
    >>> import numpy as np
    >>> from keras_multigrid.training import load_checkpoint, save_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = save_checkpoint(folder, 300, {"weights": np.ones(2)}, {"epoch": 1})
    ...     load_checkpoint(folder)
    (300, {'weights': array([1., 1.])}, {'epoch': 1})
    """
    folder = pathlib.Path(folder)
    path = folder / f"checkpoint-{number:09}.npz"
    unfinished = path.with_suffix(".unfinished")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            np.savez(file, **arrays, **{NOTES: json.dumps(notes)})
            file.flush()
            os.fsync(file.fileno())
        damage = _damage(unfinished)
        if damage:
            raise OSError(f"what was written reads back damaged ({damage})")
        os.replace(unfinished, path)
        _sync_folder(folder)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        kept = ", ".join(other.name for other in _paths(folder)[-1:]) or "none yet"
        raise OSError(
            f"The checkpoint {path} cannot be written: {error.strerror or error}. The last "
            f"good one is kept ({kept}); mend this and give the same command again."
        ) from error
    for old in _paths(folder)[:-KEPT]:
        old.unlink()
    return path


def load_checkpoint(folder):
    """Returns the last checkpoint of a folder that is whole; says on stderr which are damaged.

    Args:
        folder: The folder; it need not exist.

    Returns:
        The number, the mapping of arrays, and the notes; or None if there is no whole one.

    Example:

    >>> from keras_multigrid.training import load_checkpoint
    >>> print(load_checkpoint("nowhere"))
    None
    """
    for path in reversed(_paths(folder)):
        damage = _damage(path)
        if damage:
            print(f"{path} is damaged ({damage}); the one before it is used.", file=sys.stderr)
            continue
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: _with_dtype(archive[name]) for name in archive.files}
        notes = json.loads(str(arrays.pop(NOTES)))
        return int(path.stem.rpartition("-")[2]), arrays, notes
    return None


def _paths(folder):
    return sorted(pathlib.Path(folder).glob("checkpoint-*.npz"))


def _damage(path):
    """Returns what is wrong with an archive, or None."""
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.testzip()
            if entry is None and f"{NOTES}.npy" not in archive.namelist():
                return "no notes in it"
            return entry and f"wrong checksum of {entry}"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        return str(error) or type(error).__name__


def _with_dtype(array):
    """Gives bfloat16, which NumPy stores as two bytes of no type, its type again."""
    return array.view(ml_dtypes.bfloat16) if array.dtype == np.dtype("V2") else array


def _sync_folder(folder):
    """Makes a renaming last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
