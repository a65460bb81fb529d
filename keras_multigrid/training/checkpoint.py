"""Checkpoints as files that are whole or not there, and tell when they are damaged."""

import contextlib
import json
import pathlib
import sys
import zipfile
import zlib

import ml_dtypes
import numpy as np

from keras_multigrid import checks
from keras_multigrid.whole_files import remove, unfinished_path, whole

KEPT = 2
NOTES = "notes"  # the entry of the JSON text
ARRAYS = "arrays/"  # begin the entries of the arrays, whatever their names


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
    checks.paths(folder=folder)
    checks.integers(number=number)
    checks.mappings(arrays=arrays)
    checks.json_values(notes=notes)
    folder = pathlib.Path(folder)
    path = folder / f"checkpoint-{number:09}.npz"
    entries = {ARRAYS + name: array for name, array in arrays.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for abandoned in folder.glob(unfinished_path("checkpoint-*").name):  # by a killed process
            remove(abandoned)
        with whole(path, _verify) as unfinished:
            np.savez(unfinished, **entries, **{NOTES: json.dumps(notes)})
    except OSError as error:
        kept = ", ".join(other.name for other in _paths(folder)[-1:]) or "none yet"
        raise OSError(
            f"The checkpoint {path} cannot be written: {error.strerror or error}. The last "
            f"good one is kept ({kept}); mend this and give the same command again."
        ) from error
    for outdated in _paths(folder)[:-KEPT]:
        remove(outdated)
    return path


def load_checkpoint(folder):
    """Returns the last checkpoint of a folder that is whole.

    Those that are damaged are set aside, as `.damaged`, and named on stderr.

    Args:
        folder: The folder; it need not exist.

    Returns:
        The number, the mapping of arrays, and the notes; or None if there is no whole one.

    Raises:
        ValueError: If a file is named as a checkpoint, but for the number.

    Example:

    >>> from keras_multigrid.training import load_checkpoint
    >>> print(load_checkpoint("nowhere"))
    None
    """
    checks.paths(folder=folder)
    for path in pathlib.Path(folder).glob("checkpoint-*.npz"):
        if _number(path) is None:
            raise ValueError(
                f"{path} has no number in its name; rename it as its step says, such as "
                "checkpoint-000000300.npz, or move it away."
            )
    paths = _paths(folder)
    for place, path in reversed([*enumerate(paths)]):
        damage = _damage(path)
        if damage is None:
            try:
                return _number(path), *_read(path)
            except (ValueError, KeyError, AttributeError, RecursionError):
                damage = "not a file of save_checkpoint"
        # Else it would be kept as one of the last two, and the one written next removed.
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".damaged"))
        what = "the one before it is used" if place else "there is none before it"
        print(f"{path} is damaged ({damage}); {what}.", file=sys.stderr)
    return None


def _paths(folder):
    """Returns the paths of the checkpoints, the last one last."""
    paths = pathlib.Path(folder).glob("checkpoint-*.npz")
    return sorted((path for path in paths if _number(path) is not None), key=_number)


def _number(path):
    """Returns the number in the name of a checkpoint, or None."""
    digits = path.stem.removeprefix("checkpoint-")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _read(path):
    """Returns the arrays and the notes of a checkpoint."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {
            name.removeprefix(ARRAYS): _with_dtype(archive[name])
            for name in archive.files
            if name != NOTES
        }
        return arrays, json.loads(str(archive[NOTES]))


def _verify(path):
    damage = _damage(path)
    if damage:
        raise OSError(f"what was written reads back damaged ({damage})")


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
