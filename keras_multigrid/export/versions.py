"""Folders of numbered versions, `NAME/1`, `NAME/2`, ..., as TensorFlow Serving watches them."""

import contextlib
import os
import pathlib

from keras_multigrid.whole_files import whole


def model_name(base):
    """Returns the name that a model's folder has on a server; a link's own."""
    return pathlib.Path(os.path.abspath(base)).name


def version_folders(base):
    """Returns the folders of the versions in a model's folder, the newest last."""
    numbered = [path for path in pathlib.Path(base).glob("[0-9]*") if path.name.isdecimal()]
    return sorted((path for path in numbered if path.is_dir()), key=lambda path: int(path.name))


@contextlib.contextmanager
def new_version(base, main_file):
    """Makes a folder to write into, which becomes the next version only when all is written.

    Args:
        base: The model's folder, made if it is missing.
        main_file: Name of the file that tells the format.

    Yields:
        Two paths: the folder to write into, and the version's that it will be.

    Raises:
        ValueError: If the folder has versions of another format.
    """
    base = pathlib.Path(base)
    if base.exists() and not base.is_dir():
        raise ValueError(f"{base} is a file; name a folder.")
    versions = version_folders(base)
    if versions and not (versions[-1] / main_file).exists():
        raise ValueError(
            f"{base} has versions of another format ({versions[-1]} has no {main_file}); name "
            "another folder."
        )
    version = base / str(int(versions[-1].name) + 1 if versions else 1)
    with whole(version) as unfinished:
        unfinished.mkdir(parents=True)
        yield unfinished, version
