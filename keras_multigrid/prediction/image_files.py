"""The image files of a prediction, and the names of what is written of them."""

import dataclasses
import glob
import os
import pathlib

from keras_multigrid.datasets.class_folders import LEFT_BEHIND, printable


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image file.

    Attributes:
        path: Its path.
        name: Where it lies below the folder that was given, without its suffix.
    """

    path: pathlib.Path
    name: pathlib.PurePath


def list_image_files(given, suffixes, output):
    """Returns the `ImageFile`s of files, folders and patterns, in the order in which they came.

    Args:
        given: List of paths of files, of folders, which are searched with all below them, and of
            patterns such as `photographs/**/*.png`.
        suffixes: Those of images.
        output: Folder that is written into, which is not searched.

    Raises:
        ValueError: If there is no such file, or two would be written under one name.
    """
    output = pathlib.Path(output).resolve()
    found = {}  # once each, in order
    for each in given:
        for path, base in _expanded(each, suffixes, output):
            found[path.resolve(), path.relative_to(base).with_suffix("")] = path
    files = [ImageFile(path, name) for (_, name), path in found.items()]
    _check_names(files)
    return files


def _expanded(given, suffixes, output):
    """Yields the paths of images, each with the folder that its name is below."""
    path = pathlib.Path(given)
    if path.is_dir():
        if path.resolve() == output:
            raise ValueError(
                f"{_shown(path)} is the folder of images and that of --output; name another one."
            )
        images = sorted(_below(path, suffixes, output))
        if not images:
            raise ValueError(f"{_shown(path)} has no images; expected {', '.join(suffixes)}.")
        yield from ((image, path) for image in images)
    elif path.exists():
        if not _is_image(path, suffixes):
            raise ValueError(f"{_shown(path)} is not an image; expected {', '.join(suffixes)}.")
        yield path, path.parent
    elif glob.has_magic(str(given)):
        base = next(each for each in path.parents if not glob.has_magic(str(each)))
        matches = [pathlib.Path(match) for match in glob.glob(str(given), recursive=True)]
        images = sorted(each for each in matches if _is_image(each, suffixes))
        if base.resolve() in output.parents:
            images = [each for each in images if output not in each.resolve().parents]
        if not images:
            raise ValueError(f"No image matches {_shown(path)}; expected {', '.join(suffixes)}.")
        yield from ((image, base) for image in images)
    else:
        raise ValueError(f"There is no file or folder {_shown(path)}.")


def _below(folder, suffixes, output):
    for root, folders, names in os.walk(folder):
        root = pathlib.Path(root)
        folders[:] = [
            each for each in folders if not _is_hidden(each) and (root / each).resolve() != output
        ]
        for name in names:
            if not _is_hidden(name) and _is_image(root / name, suffixes):
                yield root / name


def _is_image(path, suffixes):
    return path.suffix.lower() in suffixes and path.is_file()


def _is_hidden(name):
    return name.startswith(".") or name.casefold() in LEFT_BEHIND


def _check_names(files):
    named = {}
    for file in files:
        other = named.setdefault(file.name, file)
        if other is not file:
            raise ValueError(
                f"{_shown(other.path)} and {_shown(file.path)} would both be written as "
                f"{_shown(file.name)}; rename one, predict them into two folders, or give the "
                "folder above both."
            )


def _shown(path):
    return printable(str(path))
