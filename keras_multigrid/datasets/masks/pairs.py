"""Which image belongs to which mask."""

import dataclasses
import pathlib

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import printable, some
from keras_multigrid.datasets.masks.layouts import (
    EXPECTED,
    FIELD_OF_VIEW,
    SPLIT_FOLDERS,
    SPLITS,
    find_parts,
    images_below,
    masks_below,
    voc_splits,
)
from keras_multigrid.datasets.masks.patterns import check_pattern, filled, suggested
from keras_multigrid.datasets.masks.tables import read_table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """An image and its mask.

    Attributes:
        image, mask, field_of_view: Paths of the files; None where there is none.
        name: The image's path below its folder, without the suffix, printable.
        split: `"train"`, `"validation"`, `"test"`, or None where none is given.
        group: What belongs together, so that it is not parted by drawing; or None.
    """

    image: str
    mask: str | None = None
    field_of_view: str | None = None
    name: str
    split: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class Listing:
    """What `list_pairs` finds, before it is known to be right.

    Attributes:
        pairs: `Pair`s, those without masks included.
        orphans: Paths of masks and fields of view that belong to no image.
    """

    pairs: tuple[Pair, ...]
    orphans: tuple[str, ...] = ()


def list_pairs(data_dir, *, mask_pattern=None, field_of_view_pattern=None):
    """Lists the images of a folder or table with their masks.

    Layouts: `images` with `masks` or `labels`, and `field_of_view`, at the top or below `train`,
    `val` or `validation`, and `test`; `images/train` and so on; VOC's; or a CSV file with the
    columns `image,mask` and if need be `split`, `group` and `field_of_view`. Files belong together
    by their path below these folders without the suffix.

    Args:
        data_dir: Path of the folder or the CSV file.
        mask_pattern: Name of a mask, if it is not that of the image, with `{stem}`, the image's
            name without its suffix, or `{number}`, the first digits in it.
        field_of_view_pattern: The same for files that are not 0 where pixels count.

    Returns:
        A tuple of `Pair`s in the order of splits and names. Images of a test split may lack masks.

    Raises:
        ValueError: If there is no such layout, one file stands for two, or an image or a mask is
            left over.
    """
    listing = find_pairs(
        data_dir, mask_pattern=mask_pattern, field_of_view_pattern=field_of_view_pattern
    )
    if listing.orphans:
        raise ValueError(
            f"{len(listing.orphans)} masks have no image: {some(listing.orphans)}; remove them, or "
            "add the images."
        )
    refuse_without_masks(listing.pairs)
    return listing.pairs


def find_pairs(data_dir, *, mask_pattern=None, field_of_view_pattern=None):
    """Returns the `Listing` of a folder or table; arguments and errors as for `list_pairs`."""
    checks.paths(data_dir=data_dir)
    check_pattern(mask_pattern=mask_pattern, field_of_view_pattern=field_of_view_pattern)
    directory = pathlib.Path(data_dir)
    if directory.is_file():
        if mask_pattern or field_of_view_pattern:
            raise ValueError(
                f"{directory} names each file; leave out mask_pattern and field_of_view_pattern."
            )
        rows = read_table(directory)
        return Listing(tuple(sorted((Pair(**row) for row in rows), key=_order)))
    pairs, orphans = [], []
    for part in find_parts(directory):
        own, left = _of_part(part, mask_pattern, field_of_view_pattern)
        pairs += own
        orphans += left
    if not pairs:
        raise ValueError(f"{data_dir} has no images in its folders; {EXPECTED}.")
    pairs, orphans = _in_voc_lists(directory, _split_by_folders(pairs), orphans)
    printed = [dataclasses.replace(pair, name=printable(pair.name)) for pair in pairs]
    return Listing(tuple(sorted(printed, key=_order)), tuple(orphans))


def refuse_without_masks(pairs):
    """Raises a `ValueError` if images lack masks, but for a whole test split, or fields of view."""
    masked = [pair for pair in pairs if pair.mask is not None]
    may_lack = "test" if all(pair.split != "test" for pair in masked) else None
    without = [pair.image for pair in pairs if pair.mask is None]
    if any(pair.mask is None and (pair.split or "") != may_lack for pair in pairs):
        raise ValueError(
            f"{len(without)} of {len(pairs)} images have no mask: {some(without)}; add the masks, "
            "remove the images, or say how masks are named (--set mask_pattern={stem}_mask.png)."
        )
    outside = [pair.image for pair in masked if pair.field_of_view is None]
    if outside and len(outside) < len(masked):
        raise ValueError(
            f"{len(outside)} of {len(masked)} images have no field of view: {some(outside)}; add "
            "the files, or remove the folder."
        )


def _of_part(part, mask_pattern, field_of_view_pattern):
    """Returns the pairs of a `Part`, and the paths of masks and fields of view left over."""
    if field_of_view_pattern and part.fields_of_view is None:
        raise ValueError(
            f"field_of_view_pattern is given, and {part.images.parent} has no folder "
            f"{FIELD_OF_VIEW}; add it, or leave out the pattern."
        )
    images, found, orphans = images_below(part.images), {}, []
    for kind, folder, pattern in (
        ("mask", part.masks, mask_pattern),
        ("field_of_view", part.fields_of_view, field_of_view_pattern),
    ):
        files = masks_below(folder) if folder and images else {}
        found[kind] = _matched(images, files, kind, pattern)
        taken = {*found[kind].values()}
        orphans += [str(path) for path in files.values() if path not in taken]
    pairs = [
        Pair(
            image=str(image),
            name=name,
            split=part.split,
            **{kind: str(of[name]) for kind, of in found.items() if name in of},
        )
        for name, image in images.items()
    ]
    return pairs, orphans


def _matched(images, files, kind, pattern):
    """Returns the file of each image that has one, by the image's name."""
    if not files:
        return {}
    if pattern is None:
        matched = {name: files[name] for name in images if name in files}
    else:
        by_name = {_beside(name, path.name): path for name, path in files.items()} | files
        wanted = {name: filled(pattern, name.rpartition("/")[2]) for name in images}
        wanted = {name: _beside(name, file) for name, file in wanted.items() if file}
        matched = {name: by_name[file] for name, file in wanted.items() if file in by_name}
    if not matched:
        stems = {name.rpartition("/")[2] for name in images}
        better = suggested(stems, {path.name for path in files.values()})
        first = next(iter(files.values()))
        raise ValueError(
            f"No {kind.replace('_', ' ')} is named as its image: {next(iter(images.values()))} "
            f"has none among {first} and so on; "
            + (
                f"is it --set {kind}_pattern={better}?"
                if better
                else f"say how they are named, such as --set {kind}_pattern={{stem}}_mask.png."
            )
        )
    shared = {}
    for name, path in matched.items():
        if path in shared:
            raise ValueError(
                f"{images[shared[path]]} and {images[name]} both have the {kind} {path}; expected "
                f"one for each: change {kind}_pattern."
            )
        shared[path] = name
    return matched


def _beside(name, file):
    """Returns the name of a file in the same sub-folder as another."""
    folder, slash, _ = name.rpartition("/")
    return f"{folder}{slash}{file}"


def _split_by_folders(pairs):
    """Returns pairs with the splits of `images/train` and so on, if all are in such folders."""
    tops = [pair.name.partition("/")[0].casefold() for pair in pairs]
    named = [top in SPLIT_FOLDERS for top, pair in zip(tops, pairs) if "/" in pair.name]
    if any(pair.split for pair in pairs) or not any(named):
        return pairs
    if len(named) < len(pairs) or not all(named):
        raise ValueError(
            f"{pairs[named.index(True)].image} is in the folder of a split, and other images are "
            "not; move all into folders of splits, or none."
        )
    return [dataclasses.replace(pair, split=SPLIT_FOLDERS[top]) for top, pair in zip(tops, pairs)]


def _in_voc_lists(directory, pairs, orphans):
    """Returns pairs and masks left over as VOC's lists name them, if there are such lists."""
    splits = voc_splits(directory)
    if splits is None:
        return pairs, orphans
    missing = sorted({*splits} - {pair.name for pair in pairs})
    if missing:
        raise ValueError(
            f"The lists in {directory} name images that are not there: {some(missing)}; add them, "
            "or remove the lines."
        )
    listed = [
        dataclasses.replace(pair, split=splits[pair.name]) for pair in pairs if pair.name in splits
    ]
    return listed, []


def _order(pair):
    return (*SPLITS, None).index(pair.split), pair.name
