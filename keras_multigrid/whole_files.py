"""Files that are written whole or not at all, whatever ends the process that writes them."""

import contextlib
import json
import os
import pathlib
import shutil


@contextlib.contextmanager
def whole(path, verify=None):
    """Writes a file or a folder under another name, and gives it its own when it is complete.

    A file is flushed to the disk first, so that it survives a power cut as well. Nothing is left
    behind after an error; what a killed process has left is overwritten by the next one.

    Args:
        path: Path of the file or folder; a file that is there is replaced, a folder must not be.
        verify: Function of a path that raises an error if what is on the disk is not right.

    Yields:
        The path to write to, beside the other; see `unfinished_path`.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.whole_files import whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "names.txt")
    ...     with whole(path) as unfinished:
    ...         _ = unfinished.write_text("dog")
    ...         print(path.exists())
    ...     path.read_text()
    False
    'dog'
    """
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        if unfinished.is_file():
            with open(unfinished, "r+b") as file:  # Windows flushes only what is open for writing
                os.fsync(file.fileno())
        if verify is not None:
            verify(unfinished)
        os.replace(unfinished, path)
        _sync_folder(unfinished.parent)
    except BaseException:
        remove(unfinished)
        raise


def unfinished_path(path):
    """Returns the path under which a file is written; its suffix is the same, for Keras' sake."""
    path = pathlib.Path(path)
    return path.with_name(f"unfinished.{path.name}")


def write_text(path, text):
    """Writes a text file in UTF-8 that is whole or not there."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes a JSON file that is whole or not there."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def remove(path):
    """Removes a file or a folder, if it is there and may be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def _sync_folder(folder):
    """Makes a renaming survive a power cut, where folders can be flushed (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
