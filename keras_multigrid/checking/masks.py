"""Checks images with masks: all that would be wrong is told at once."""

import numpy as np

from keras_multigrid.checking.images import (
    check_copies,
    check_values,
    form_facts,
    look_at_all,
    look_at_image,
)
from keras_multigrid.checking.report import ClassRow, Findings, Report, Sample, noted
from keras_multigrid.datasets.class_folders import some
from keras_multigrid.datasets.masks.class_files import find_class_table
from keras_multigrid.datasets.masks.found_labels import find_labels
from keras_multigrid.datasets.masks.image_forms import image_form, size_sentence
from keras_multigrid.datasets.masks.layouts import SPLITS
from keras_multigrid.datasets.masks.mask_files import look_into
from keras_multigrid.datasets.masks.pairs import find_pairs, refuse_without_masks
from keras_multigrid.datasets.masks.splits import with_splits

SAMPLES = 12


def check_masks(data_dir, *, mask_pattern, field_of_view_pattern, seed, folds, fold, **of_labels):
    """Returns the `Report` on images with masks; arguments as for `read_mask_set`."""
    findings = Findings()
    try:
        listing = find_pairs(
            data_dir, mask_pattern=mask_pattern, field_of_view_pattern=field_of_view_pattern
        )
    except ValueError as error:
        findings.error(str(error))
        return Report(str(data_dir), "masks", findings.sorted())
    pairs, fold_of = listing.pairs, {}
    drawn = folds is not None or not {"train", "validation"} <= {pair.split for pair in pairs}
    _check_listing(listing, findings)
    with noted(findings):
        _check_groups(pairs, findings)
        fold_of = _folds(pairs, seed, folds)
        pairs = with_splits(pairs, seed=seed, folds=folds, fold=fold)
    images = look_at_all(look_at_image, [(pair.image,) for pair in pairs], findings)
    with_masks = [pair for pair in pairs if pair.mask is not None]
    contents = look_at_all(
        look_into, [(pair.mask, pair.field_of_view) for pair in with_masks], findings
    )
    contents = {
        pair.mask: content for pair, content in zip(with_masks, contents) if content is not None
    }
    read = [(pair, facts) for pair, facts in zip(pairs, images) if facts is not None]
    _check_sizes(read, contents, findings)
    if read:
        paths, facts = [pair.image for pair, _ in read], [each for _, each in read]
        check_values(paths, facts, findings)
        with noted(findings):
            image_form([pair for pair, _ in read], [(each.shape, each.kind) for each in facts])
        parts = [fold_of.get(pair.image, pair.split) for pair, _ in read]
        copies = check_copies(paths, facts, parts, findings, drawn)
        _check_copied_masks(
            [[read[index][0] for index in each] for each in copies], contents, findings
        )
    labels, rows = None, ()
    with noted(findings):
        labels = (
            find_labels(contents, find_class_table(data_dir), **of_labels) if contents else None
        )
    if labels is not None:
        rows = _classes(pairs, contents, labels, findings)
    facts = (*_facts(pairs, drawn, [each for _, each in read]), *_uncounted(contents, rows))
    return Report(
        str(data_dir), "masks", findings.sorted(), facts, rows, _samples(pairs, contents), labels
    )


def _check_listing(listing, findings):
    if listing.orphans:
        findings.error(
            f"{len(listing.orphans)} masks have no image: {some(listing.orphans)}; remove them, or "
            "add the images.",
            listing.orphans,
        )
    try:
        refuse_without_masks(listing.pairs)
    except ValueError as error:
        findings.error(str(error), [pair.image for pair in listing.pairs if pair.mask is None])


def _folds(pairs, seed, folds):
    """Returns the fold that each image is in, by its path; of no folds nothing."""
    return {
        pair.image: f"fold {fold}"
        for fold in range(folds or 0)
        for pair in with_splits(pairs, seed=seed, folds=folds, fold=fold)
        if pair.split == "validation"
    }


def _check_groups(pairs, findings):
    splits = {}
    for pair in pairs:
        if pair.group is not None:
            splits.setdefault(pair.group, {})[pair.split] = pair.image
    for group, images in splits.items():
        if len(images) > 1:
            findings.error(
                f"The group {group} is in the splits {' and '.join(sorted(map(str, images)))}: "
                "scores would be too good; keep a group in one split.",
                images.values(),
            )


def _check_sizes(read, contents, findings):
    wrong, turned = [], []
    for pair, facts in read:
        content = contents.get(pair.mask)
        if content is not None and content.shape != facts.shape[:2]:
            wrong.append((pair, facts.shape, content.shape))
        elif content is not None and _is_unclear(facts):
            turned.append(pair.image)
    if wrong:
        more = [pair.image for pair, _, _ in wrong[1:]]
        findings.error(
            size_sentence(*wrong[0])
            + (f" {len(more)} more are alike: {some(more)}." if more else ""),
            [pair.image for pair, _, _ in wrong],
        )
    if turned:
        findings.error(
            f"{len(turned)} images have an EXIF orientation, by which programs show them turned, "
            "and from the size it is not clear which way their masks were drawn: "
            f"{some(turned)}; save them upright, without the tag.",
            turned,
        )


def _is_unclear(facts):
    """Returns whether a mask of the same size may belong to the image as programs show it."""
    height, width, _ = facts.shape
    return facts.orientation in (2, 3, 4) or (facts.orientation >= 5 and height == width)


def _check_copied_masks(copies, contents, findings):
    for pairs in copies:
        held = [contents[pair.mask] for pair in pairs if pair.mask in contents]
        first = held[0] if held else None
        if any(
            not np.array_equal(each.values, first.values)
            or not np.array_equal(each.counts, first.counts)
            for each in held
        ):
            findings.error(
                f"{pairs[0].image} and {pairs[1].image} are the same image with different masks; "
                "keep the right one.",
                [pair.image for pair in pairs],
            )


def _classes(pairs, contents, labels, findings):
    """Returns the `ClassRow`s, and notes what classes lack."""
    splits = [split for split in SPLITS if any(pair.split == split for pair in pairs)]
    found, empty = {split: [] for split in splits}, []
    for pair in pairs:
        if pair.mask in contents and pair.split is not None:
            try:
                own = contents[pair.mask].class_counts(labels)
            except ValueError as error:  # of colours that one table has and another has not
                findings.error(f"{pair.mask} {error}.", [pair.mask])
                continue
            found[pair.split].append(own)
            if not any(own):
                empty.append(pair.mask)
    if empty:
        findings.warning(
            f"{len(empty)} masks have no pixel that counts: {some(empty)}; look at them.", empty
        )
    counts = {split: np.array(of_split) for split, of_split in found.items() if of_split}
    total = {split: of_split.sum(axis=0) for split, of_split in counts.items()}
    for split, of_split in total.items():
        absent = [name for name, count in zip(labels.names, of_split) if not count]
        if absent:
            kept = (
                "they are kept, but cannot be learned"
                if split == "train"
                else "their scores will not be known"
            )
            findings.warning(f"No mask of the split {split} has {some(absent, 20)}; {kept}.")
    return tuple(
        ClassRow(
            name,
            labels.colours[index],
            labels.text_of(labels.values[index]),
            {split: int(each[index]) for split, each in total.items()},
            {split: float(each[index] / max(each.sum(), 1)) for split, each in total.items()},
            {split: int((counts[split][:, index] > 0).sum()) for split in total},
        )
        for index, name in enumerate(labels.names)
    )


def _facts(pairs, drawn, facts):
    parts = [
        f"{sum(pair.split == split for pair in pairs)} {split}"
        for split in SPLITS
        if any(pair.split == split for pair in pairs)
    ]
    how = " (drawn)" if drawn and len(parts) > 1 else ""
    counted = ("images", f"{len(pairs)}: {', '.join(parts)}{how}" if parts else str(len(pairs)))
    return (counted, *(form_facts(facts) if facts else ()))


def _uncounted(contents, rows):
    """Returns the fact of what does not count, if there is some."""
    total = sum(int(content.counts.sum()) for content in contents.values())
    counted = sum(pixels for row in rows for pixels in row.pixels.values())
    if not rows or counted == total:
        return ()
    return (("not counting", f"{(total - counted) / total:.2%} of the pixels"),)


def _samples(pairs, contents):
    usable = [pair for pair in pairs if pair.mask in contents]
    step = max(1, len(usable) // SAMPLES)
    return tuple(
        Sample(f"{pair.name} ({pair.split})" if pair.split else pair.name, pair.image, pair)
        for pair in usable[::step][:SAMPLES]
    )
