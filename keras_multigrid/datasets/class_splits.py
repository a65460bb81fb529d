"""Class folders, parted into images to train on, to choose by, and to test on."""

import dataclasses
import hashlib
import os
import pathlib

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import folder_classes, list_images, printable
from keras_multigrid.datasets.masks.layouts import SPLIT_FOLDERS, SPLITS, subfolders

ALL = "all"
UNPARTED = "."  # the split of folders that have none
VALIDATION_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class ClassSet:
    """The images of class folders.

    Attributes:
        data_dir: The folder.
        class_names: Names of the classes, in the order of the labels.
        splits: From a split's name to its images, pairs of a path and a label.
        drawn: Whether a part for validation was drawn, as the folder has none.
    """

    data_dir: str
    class_names: tuple[str, ...]
    splits: dict[str, tuple[tuple[str, int], ...]]
    drawn: bool

    def of(self, split):
        """Returns the images of a split, or of `"all"`; raises a `ValueError` if there is none."""
        if split == ALL:
            return tuple(image for images in self.splits.values() for image in images)
        if split not in self.splits:
            raise ValueError(
                f"{self.data_dir} has the splits {', '.join(self.splits)}, and no {split}; name "
                "one of these, or all."
            )
        return self.splits[split]

    def rows(self):
        """Yields path below the folder, class and split of each image, as texts."""
        for split, images in self.splits.items():
            for path, label in images:
                yield printable(self._below(path)), printable(self.class_names[label]), split

    def digest(self):
        """Returns a hash by which a continued run sees that images or splits are others."""
        lines = sorted(
            f"{split}/{label}/{self._below(path)}/{os.path.getsize(path)}"
            for split, images in self.splits.items()
            for path, label in images
        )
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]

    def _below(self, path):
        return pathlib.Path(path).relative_to(self.data_dir).as_posix()


def class_splits(data_dir):
    """Returns the paths of class folders' splits by their names; `"."` is the folder itself.

    Raises:
        ValueError: If a split has two folders.
    """
    folders, splits = subfolders(data_dir), {}
    for name, split in SPLIT_FOLDERS.items():
        if name in folders and subfolders(folders[name]):
            if split in splits:
                raise ValueError(
                    f"{data_dir} has {splits[split].name} and {folders[name].name}, which are one "
                    "split; put their images into one of them."
                )
            splits[split] = folders[name]
    if not splits and {*folders} - {*SPLIT_FOLDERS}:
        splits = {UNPARTED: pathlib.Path(data_dir)}
    return {name: splits[name] for name in (UNPARTED, *SPLITS) if name in splits}


def read_class_set(data_dir, *, class_names=None, seed=0):
    """Lists the images of class folders, `data_dir/class/image` or `data_dir/split/class/image`.

    Without a folder for validation, a fifth of the training images of each class is drawn for it;
    a class with a single image keeps it for training.

    Args:
        data_dir: The folder; splits are called `train`, `validation` (or `val`, `valid`), `test`.
        class_names: Names of the classes in the order of their labels; None are the folders of the
            images for training.
        seed: Seed of the drawing.

    Returns:
        A `ClassSet`.

    Raises:
        ValueError: If there are no class folders, or as for `list_images`.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.datasets.class_splits import read_class_set
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         for number in range(5):
    ...             pathlib.Path(folder, name, f"{number}.png").touch()
    ...     class_set = read_class_set(folder)
    >>> class_set.class_names, {name: len(images) for name, images in class_set.splits.items()}
    (('cat', 'dog'), {'train': 8, 'validation': 2})
    """
    checks.paths(data_dir=data_dir)
    checks.integers(seed=seed)
    if not os.path.isdir(data_dir):
        raise ValueError(f"{data_dir} is not a directory; expected one folder of images per class.")
    folders = class_splits(data_dir)
    if not folders:
        raise ValueError(f"{data_dir} has no folders; expected one folder of images per class.")
    if class_names is None:
        class_names = folder_classes(next(iter(folders.values())))
    splits = {}
    for split, folder in folders.items():
        _, paths, labels = list_images(folder, list(class_names))
        splits[split] = tuple(zip(map(str, paths), labels))
    drawn = "validation" not in splits
    return ClassSet(str(data_dir), tuple(class_names), with_validation(splits, seed), drawn)


def with_validation(splits, seed):
    """Returns splits, as of a `ClassSet`, with one for validation, drawn if there is none.

    Raises:
        ValueError: If there are too few images to train on.
    """
    if UNPARTED in splits:
        splits = {"train": splits[UNPARTED]}
    if "train" not in splits or "validation" in splits:
        return splits
    training, validation = _parted(splits["train"], seed)
    return {**splits, "train": training, "validation": validation}


def _parted(images, seed):
    """Returns the images to train on, and a fifth of each class."""
    from sklearn.model_selection import ShuffleSplit

    chosen = set()
    for label in sorted({label for _, label in images}):
        own = [image for image in images if image[1] == label]
        if len(own) > 1:
            drawing = ShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=seed % 2**32)
            ((_, indices),) = drawing.split(own)
            chosen |= {own[index] for index in indices}
    if not chosen:
        raise ValueError(
            f"There are {len(images)} images, one a class at most; expected two or more of a "
            "class, of which one is for validation."
        )
    return (
        tuple(image for image in images if image not in chosen),
        tuple(image for image in images if image in chosen),
    )
