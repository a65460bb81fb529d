"""Checks class folders: images of a class in a folder of its name."""

import collections

from keras_multigrid.checking.images import (
    check_copies,
    check_values,
    form_facts,
    look_at_all,
    look_at_image,
)
from keras_multigrid.checking.report import ClassRow, Findings, Report, Sample, noted
from keras_multigrid.datasets.class_folders import folder_classes, list_images, some
from keras_multigrid.datasets.class_splits import UNPARTED, class_splits, with_validation
from keras_multigrid.datasets.masks.colour_values import shown_colours
from keras_multigrid.datasets.masks.layouts import SPLIT_FOLDERS, subfolders

MOST_SAMPLES = 24


def check_classes(data_dir, class_names=None, seed=0):
    """Returns the `Report` on class folders, parted as for training."""
    findings, splits = Findings(), {}
    folders = class_splits(data_dir)
    if UNPARTED not in folders:
        _check_beside(data_dir, findings)
    if UNPARTED not in folders and "train" not in folders:
        findings.error(
            f"{data_dir} has the splits {', '.join(folders)}, and no train; add it, or name the "
            "folder of one split."
        )
    names = class_names
    if names is None:
        with noted(findings):
            names = folder_classes(next(iter(folders.values())))
    for split, directory in folders.items() if names else ():
        with noted(findings):
            _, paths, labels = list_images(directory, names)
            splits[split] = tuple(zip(paths, labels))
    with noted(findings):
        splits = with_validation(splits, seed)
    listed = [(*image, split) for split, images in splits.items() for image in images]
    facts = look_at_all(look_at_image, [(path,) for path, _, _ in listed], findings)
    read = [(*each, fact) for each, fact in zip(listed, facts) if fact is not None]
    if not read:
        return Report(str(data_dir), "classes", findings.sorted())
    paths, labels, of_split, facts = zip(*read)
    check_values(paths, facts, findings)
    copies = check_copies(paths, facts, of_split, findings)
    _check_copied_classes(copies, paths, labels, names, findings)
    turned = [path for path, fact in zip(paths, facts) if fact.orientation != 1]
    if turned:
        findings.warning(
            f"{len(turned)} images have an EXIF orientation, and are read as they are stored, "
            f"turned: {some(turned)}; save them upright.",
            turned,
        )
    kinds = collections.Counter(fact.kind for fact in facts)
    if set(kinds) != {"uint8"}:
        deep = [path for path, fact in zip(paths, facts) if fact.kind != "uint8"]
        findings.warning(
            f"{len(deep)} images have more than 8 bits, of which the upper 8 are read: "
            f"{some(deep)}.",
            deep,
        )
    counts = collections.Counter(zip(labels, of_split))
    rows = _rows(names, [*splits], counts)
    _check_classes_of_splits(names, [*splits], counts, findings)
    parts = collections.Counter(of_split)
    counted = ", ".join(f"{count} {split}" for split, count in parts.items())
    total = f"{len(read)}: {counted}"
    return Report(
        str(data_dir),
        "classes",
        findings.sorted(),
        (("images", total), ("classes", str(len(names))), *form_facts(facts)),
        rows,
        _samples(paths, labels, names),
    )


def _check_beside(data_dir, findings):
    beside = sorted({*subfolders(data_dir)} - {*SPLIT_FOLDERS})
    if beside:
        findings.warning(
            f"{data_dir} has {some(beside)} beside its splits, which is passed over; put images "
            "into the splits."
        )


def _check_copied_classes(copies, paths, labels, names, findings):
    mixed = [each for each in copies if len({labels[index] for index in each}) > 1]
    if mixed:
        first, second = (
            mixed[0][0],
            next(index for index in mixed[0] if labels[index] != labels[mixed[0][0]]),
        )
        findings.error(
            f"{paths[first]} and {paths[second]} are the same image, of the classes "
            f"{names[labels[first]]} and {names[labels[second]]}; remove the wrong one."
            + (f" So are {len(mixed) - 1} more." if len(mixed) > 1 else ""),
            [paths[index] for each in mixed for index in each],
        )


def _check_classes_of_splits(names, splits, counts, findings):
    for split in splits:
        absent = [name for label, name in enumerate(names) if not counts[label, split]]
        if absent and split in (UNPARTED, "train"):
            findings.error(
                f"There are no images to learn {some(absent, 20)} from; add some, or remove the "
                "class."
            )
        elif absent:
            findings.warning(f"The split {split} has no images of {some(absent, 20)}.")


def _rows(names, splits, counts):
    totals = {split: sum(counts[label, split] for label in range(len(names))) for split in splits}
    return tuple(
        ClassRow(
            name,
            colour,
            None,
            {},
            {split: counts[label, split] / max(totals[split], 1) for split in splits},
            {split: counts[label, split] for split in splits},
        )
        for label, (name, colour) in enumerate(zip(names, shown_colours()))
    )


def _samples(paths, labels, names):
    """Returns images of as many classes as there is space for."""
    first = {}
    for index, label in enumerate(labels):
        first.setdefault(label, index)
    rest = [index for index in range(len(paths)) if index not in first.values()]
    step = max(1, len(rest) // MOST_SAMPLES)
    chosen = [*first.values(), *rest[::step]][:MOST_SAMPLES]
    return tuple(Sample(names[labels[index]], paths[index]) for index in sorted(chosen))
