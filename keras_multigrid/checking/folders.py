"""Finds out what kind of data a folder has, and checks it."""

import pathlib

from keras_multigrid.checking.classes import check_classes
from keras_multigrid.checking.masks import check_masks
from keras_multigrid.datasets.class_splits import class_splits
from keras_multigrid.datasets.masks.foreign import foreign_sentence
from keras_multigrid.datasets.masks.layouts import (
    IMAGES,
    MASKS,
    SPLIT_FOLDERS,
    VOC_IMAGES,
    VOC_MASKS,
    subfolders,
)
from keras_multigrid.datasets.masks.settings import check_settings

OF_MASKS = {IMAGES, *MASKS, VOC_IMAGES.casefold(), VOC_MASKS.casefold()}


def check_folder(
    data_dir,
    *,
    class_names=None,
    mask_pattern=None,
    field_of_view_pattern=None,
    mask_values=None,
    ignore_index=None,
    seed=0,
    folds=None,
    fold=None,
):
    """Says what is in a folder of one's own data, and what is wrong with it.

    All images and masks are decoded once.

    Args:
        data_dir: Path of a folder or CSV file of images with masks, as for `mask_folder`, or of
            class folders, as for `load_image_folder`.
        class_names: Names of the classes, as for these.
        mask_pattern, field_of_view_pattern, mask_values, ignore_index, seed, folds, fold: As for
            `mask_folder`.

    Returns:
        A `Report`, with all problems at once.

    Raises:
        ValueError: If there is no such folder, or an argument is wrong.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.checking import check_folder
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for name in ("images/1.png", "masks/2.png"):
    ...         pathlib.Path(directory, name).parent.mkdir()
    ...         pathlib.Path(directory, name).touch()
    ...     report = check_folder(directory)
    >>> len(report.errors) > 0
    True
    """
    settings = {
        "class_names": class_names,
        "mask_pattern": mask_pattern,
        "field_of_view_pattern": field_of_view_pattern,
        "mask_values": mask_values,
        "ignore_index": ignore_index,
        "seed": seed,
        "folds": folds,
        "fold": fold,
    }
    check_settings(data_dir=data_dir, **settings)
    if not pathlib.Path(data_dir).exists():
        raise ValueError(f"{data_dir} does not exist; expected a folder, or a CSV file.")
    if kind_of(data_dir) == "classes":
        return check_classes(data_dir, class_names, seed)
    return check_masks(data_dir, **settings)


def kind_of(data_dir):
    """Returns `"classes"` if a path is of class folders alone, else `"masks"`."""
    directory = pathlib.Path(data_dir)
    if directory.is_file():
        return "masks"
    folders = subfolders(directory)
    below = [subfolders(path) for name, path in folders.items() if name in SPLIT_FOLDERS]
    if any(OF_MASKS & {*names} for names in (folders, *below)):
        return "masks"
    are_classes = class_splits(directory) and not foreign_sentence(directory)
    return "classes" if are_classes else "masks"
