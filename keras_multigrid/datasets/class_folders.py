"""Which images a directory holds, and of which class each is: sub-folders are classes."""

import difflib
import os
import unicodedata
import warnings

from keras_multigrid import checks

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
OTHER_IMAGES = (
    *(".tif", ".tiff", ".jfif", ".jpe", ".jif", ".jp2", ".jxl", ".heic", ".heif", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".dib", ".ico", ".svg", ".psd", ".exr"),
    *(".dcm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
# Folders of systems: macOS' archives, Synology, QNAP, Linux, Windows, Python. Hidden ones, too.
LEFT_BEHIND = {
    *("__macosx", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
    *("lost+found", "$recycle.bin", "system volume information", "__pycache__"),
}
MOST_NAMED = 5


def list_images(directory, class_names=None):
    """Lists the images of a directory with one sub-folder per class.

    Images may lie in sub-folders of their class' folder. They are known by their suffix (.jpg,
    .jpeg, .png, .bmp, .gif, .webp, in small or capital letters); other files are ignored, as are
    hidden files and folders, whose names begin with a dot, and folders that systems leave behind,
    such as `__MACOSX`, `@eaDir` and `lost+found`. Links are followed, and each image counts once.

    Args:
        directory: The directory.
        class_names: List of the classes in the order of their labels, by which other data than
            those of training are labelled as these were; None are the folders of the directory.

    Returns:
        A tuple of the class names in the order of their labels, by default the alphabetical one;
        the paths of the files, class by class in alphabetical order; and their labels. A class
        without images keeps its label, with a warning. Images of other kinds, such as .tif, are
        named in a warning.

    Raises:
        ValueError: If there is no such directory, none of its sub-folders holds an image, a folder
            of images is not one of `class_names`, an image is of two classes, or a link leads up or
            nowhere.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.datasets import list_images
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for path in ("cat/tom.JPG", "mouse/grey/jerry.png", "mouse/notes.txt"):
    ...         file = pathlib.Path(directory, path)
    ...         file.parent.mkdir(parents=True, exist_ok=True)
    ...         file.touch()
    ...     class_names, paths, labels = list_images(directory)
    ...     _, _, of_other_names = list_images(directory, ["mouse", "bird", "cat"])
    >>> class_names, [pathlib.Path(path).name for path in paths], labels
    (['cat', 'mouse'], ['tom.JPG', 'jerry.png'], [0, 1])
    >>> of_other_names
    [0, 2]
    """
    checks.paths(directory=directory)
    class_names = class_names if class_names is None else check_class_names(class_names)
    folders = _class_folders(directory)
    class_names = class_names or sorted(folders)
    found = _Images(directory)
    of_class = {name: found.below(folder) for name, folder in folders.items()}
    known = {composed(name) for name in class_names}
    unknown = sorted(name for name in folders if composed(name) not in known)
    _refuse_unknown(directory, [name for name in unknown if of_class[name]], class_names)
    by_name = {composed(name): paths for name, paths in of_class.items()}
    by_class = [by_name.get(composed(name), []) for name in class_names]
    others = f"{len(found.others)} images of other kinds: {some(found.others)}"
    if not any(by_class):
        found_others = f", but {others}" if found.others else ""
        raise ValueError(
            f"{directory} has no sub-folders with images; {_expected()} It has none of "
            f"{', '.join(SUFFIXES)}{found_others}."
        )
    paths = [path for of_one in by_class for path in of_one]
    labels = [label for label, of_one in enumerate(by_class) for _ in of_one]
    empty = [name for name, of_one in zip(class_names, by_class) if not of_one]
    if empty:
        _say(f"{directory} has classes without images: {some(empty, 20)}")
    if unknown:
        _say(f"{directory} passes over folders without images: {', '.join(unknown)}")
    if found.again:
        _say(
            f"{directory} has {len(found.again)} links to images that their class has already, and "
            f"counts them once: {some(found.again)}"
        )
    if found.others:
        _say(f"{directory} passes over {others}; convert them, or leave them")
    return class_names, paths, labels


def folder_classes(directory):
    """Returns the names of the classes of a directory, its sub-folders, in alphabetical order.

    Raises:
        ValueError: If there is no such directory, or two of its folders have one name.
    """
    return sorted(_class_folders(directory))


def check_class_names(class_names):
    """Returns the names as a list, or raises a `ValueError` if they cannot be those of classes."""
    names = list(class_names) if isinstance(class_names, list | tuple) else []
    texts = all(isinstance(name, str) for name in names)
    if not names or not texts or len({composed(name) for name in names}) < len(names):
        raise ValueError(f"class_names is {class_names!r}; expected a list of different names.")
    return names


def printable(name):
    """Returns a file's name as it can be printed and written: not all are Unicode."""
    return name.encode(errors="backslashreplace").decode().replace("\n", "\\n")


class _Images:
    """The images of a directory, gathered class by class, and what to warn of.

    Attributes:
        again: Paths by which images, or a folder of them, are met once more in the same class.
        others: Paths of images of kinds that are not read.
    """

    def __init__(self, directory):
        self._top = os.path.realpath(directory)
        self._met = {}  # from a file's own path to the one it was met by, and its class
        self.again, self.others = [], []

    def below(self, folder):
        """Returns the sorted paths of the images in a class' folder and its sub-folders."""
        own = os.path.join(self._top, os.path.basename(folder))
        if os.path.islink(folder):
            own = _followed(folder, (self._top,))
        return sorted(self._images(folder, own, (self._top, own), folder, {own}))

    def _images(self, folder, own, above, of_class, visited):
        # Links come last, so that of two paths the link is named.
        for entry in sorted(os.scandir(folder), key=lambda entry: (entry.is_symlink(), entry.name)):
            if is_left_behind(entry.name):
                continue
            if entry.is_symlink():
                target = _followed(entry.path, above)
            else:  # the same text again spares memory, where there are millions
                target = entry.path if own == folder else os.path.join(own, entry.name)
            if entry.is_dir():
                if target in visited:
                    self.again.append(entry.path)
                    continue
                visited.add(target)
                yield from self._images(entry.path, target, (*above, target), of_class, visited)
            elif entry.name.lower().endswith(SUFFIXES):
                if self._is_new(entry.path, target, of_class):
                    yield entry.path
            elif entry.name.lower().endswith(OTHER_IMAGES):
                self.others.append(entry.path)

    def _is_new(self, path, target, of_class):
        before, its_class = self._met.setdefault(target, (path, of_class))
        if its_class != of_class:
            raise ValueError(
                f"{path} and {before} are one file in two classes; an image has one: remove one of "
                "the links."
            )
        if before is not path:
            self.again.append(path)
        return before is path


def _class_folders(directory):
    """Returns the paths of the class folders by their names."""
    if not os.path.isdir(directory):
        raise ValueError(f"{directory} is not a directory; {_expected()}")
    folders = {}
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_symlink() and not is_left_behind(entry.name):
            _followed(entry.path, (os.path.realpath(directory),))
        if entry.is_dir() and not is_left_behind(entry.name):
            folders[entry.name] = entry.path
    by_name = {}
    for name in folders:
        if composed(name) in by_name:
            raise ValueError(
                f"{directory} has two folders of the class {composed(name)}, whose names differ "
                "in how accents are written; put their images into one."
            )
        by_name[composed(name)] = name
    return folders


def _followed(link, above):
    """Returns where a link leads, or raises an error if that is nowhere, or to a folder above."""
    target = os.path.realpath(link)
    if not os.path.exists(link):
        raise ValueError(
            f"{link} is a link to {os.readlink(link)}, which cannot be read; mend or remove it."
        )
    inside = target.rstrip(os.sep) + os.sep
    if any((folder + os.sep).startswith(inside) for folder in above):
        raise ValueError(
            f"{link} is a link to {target}, a folder that it is in; remove it, as all images there "
            "would be of its class."
        )
    return target


def _refuse_unknown(directory, unknown, class_names):
    if unknown:
        near = [
            name for each in unknown for name in class_names if name.casefold() == each.casefold()
        ]
        near = near or difflib.get_close_matches(unknown[0], class_names, n=1)
        raise ValueError(
            f"{directory} has the class{'es' if len(unknown) > 1 else ''} {some(unknown)}, and "
            f"labels are those of the {len(class_names)} classes {some(class_names)}"
            + (f"; did you mean {near[0]}?" if near else "; remove the folder, or name its class.")
        )


def is_left_behind(name):
    """Returns whether a file or folder is hidden, or a folder that systems leave behind."""
    return name.startswith(".") or name.casefold() in LEFT_BEHIND


def composed(name):
    """Returns a name with its accents written in one way; macOS writes them in another."""
    return unicodedata.normalize("NFC", name)


def some(names, most=MOST_NAMED):
    """Returns the first of some names as text, and how many more there are."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _expected():
    return f"expected one folder of images per class, such as {os.path.join('cat', '1.jpg')}."


def _say(text):
    warnings.warn(text, stacklevel=1)  # this line's own, so that each text comes once
