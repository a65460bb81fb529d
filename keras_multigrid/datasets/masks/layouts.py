"""The folders in which people keep images and their masks."""

import dataclasses
import os
import pathlib

from keras_multigrid.datasets.class_folders import composed, is_left_behind, some
from keras_multigrid.datasets.masks.foreign import foreign_sentence
from keras_multigrid.decoding.pixels import SUFFIXES

SPLITS = ("train", "validation", "test")
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
IMAGES, MASKS, FIELD_OF_VIEW = "images", ("masks", "labels"), "field_of_view"
VOC_IMAGES, VOC_MASKS, VOC_LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
EXPECTED = (
    "expected images with masks or labels, the same below train, val and test, VOC's JPEGImages "
    "with SegmentationClass, or a CSV file with the columns image,mask"
)


@dataclasses.dataclass(frozen=True)
class Part:
    """Folders whose files belong together, and the split that they are named by, or None."""

    split: str | None
    images: pathlib.Path
    masks: pathlib.Path | None
    fields_of_view: pathlib.Path | None


def find_parts(directory):
    """Returns the `Part`s of a directory.

    Raises:
        ValueError: If it has none, or could be meant in two ways.
    """
    if not directory.is_dir():
        raise ValueError(f"{directory} is not a directory; {EXPECTED}.")
    folders = subfolders(directory)
    if VOC_IMAGES.casefold() in folders and VOC_MASKS.casefold() in folders:
        return [Part(None, folders[VOC_IMAGES.casefold()], folders[VOC_MASKS.casefold()], None)]
    parts = [_part(None, directory)] if IMAGES in folders else []
    for name, split in SPLIT_FOLDERS.items():
        if name in folders and IMAGES in subfolders(folders[name]):
            parts.append(_part(split, folders[name]))
    if not parts:
        found = some([path.name for path in folders.values()], 8) or "no folders"
        raise ValueError(f"{directory} has {found}; {EXPECTED}.{foreign_sentence(directory)}")
    splits = [part.split for part in parts]
    if len(set(splits)) < len(splits) or (None in splits and len(splits) > 1):
        raise ValueError(
            f"{directory} has images in {some([str(part.images) for part in parts])}; which are "
            "meant is not clear: keep one of each split, or those without a split alone."
        )
    return parts


def subfolders(directory):
    """Returns the paths of the folders in a directory by their names in small letters."""
    return {
        entry.name.casefold(): pathlib.Path(entry.path)
        for entry in sorted(os.scandir(directory), key=lambda entry: entry.name)
        if entry.is_dir() and not is_left_behind(entry.name)
    }


def masks_below(directory):
    """Returns what `images_below` does of a folder of masks, which must have some."""
    found = images_below(directory)
    if not found:
        others = sorted(path.name for path in directory.iterdir())
        raise ValueError(
            f"{directory} has no image files, but {some(others) or 'nothing'}; expected a mask "
            f"for each image, such as PNG.{foreign_sentence(directory.parent)}"
        )
    return found


def images_below(directory):
    """Returns the paths of images below a directory by their names, as `name_of` gives them.

    Raises:
        ValueError: If two differ in their suffix alone.
    """
    found, visited = {}, set()
    for folder, inside, names in os.walk(directory, followlinks=True):
        own = os.path.realpath(folder)
        inside[:] = sorted(name for name in inside if not is_left_behind(name))
        if own in visited:
            inside.clear()
            continue
        visited.add(own)
        for file in sorted(names):
            path = pathlib.Path(folder, file)
            if is_left_behind(file) or path.suffix.lower() not in SUFFIXES:
                continue
            name = name_of(path, directory)
            if name in found:
                raise ValueError(
                    f"{found[name]} and {path} have one name; remove one of them, or rename it."
                )
            found[name] = path
    return dict(sorted(found.items()))


def name_of(path, directory):
    """Returns the path of a file below a directory without its suffix, accents in one way."""
    return composed(pathlib.Path(path).relative_to(directory).with_suffix("").as_posix())


def voc_splits(directory):
    """Returns the split of each name by VOC's lists, or None if the folder has no such lists."""
    folder = pathlib.Path(directory, VOC_LISTS)
    lists = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not {"train", "trainval"} & {*lists}:
        return None
    if "train" in lists:
        lists.pop("trainval", None)
    splits = {}
    for stem, path in lists.items():
        split = {"trainval": "train", **SPLIT_FOLDERS}.get(stem)
        for line in path.read_text("utf-8-sig").splitlines() if split else ():
            name = composed(line.strip())
            if name and splits.setdefault(name, split) != split:
                raise ValueError(
                    f"{path} has {name}, which {splits[name]} has, too; an image is in one split."
                )
    return splits


def _part(split, directory):
    folders = subfolders(directory)
    masks = [folders[name] for name in MASKS if name in folders]
    if len(masks) > 1:
        raise ValueError(
            f"{directory} has {masks[0].name} and {masks[1].name}; which are the masks is not "
            "clear: keep one of the folders."
        )
    if not masks and split != "test":
        raise ValueError(
            f"{directory} has images, but no folder masks or labels; {EXPECTED}."
            f"{foreign_sentence(directory)}"
        )
    return Part(split, folders[IMAGES], masks[0] if masks else None, folders.get(FIELD_OF_VIEW))
