"""Splits that a folder does not give, drawn by a seed."""

import dataclasses

from keras_multigrid import checks

VALIDATION_SHARE = 0.2


def with_splits(pairs, *, seed=0, folds=None, fold=None):
    """Gives each pair a split: what is lacking is drawn, whole groups together.

    Without a split, and where there is only one for training, a fifth of the images, or of the
    groups, becomes the validation split. With `folds` the images that are not of the test split
    are parted anew: one fold is the validation split, the others are for training.

    Args:
        pairs: Sequence of `Pair`s.
        seed: Seed of the drawing.
        folds: Number of folds for cross-validation, or None.
        fold: Number of the fold that is the validation split, from 0.

    Returns:
        A tuple of `Pair`s in the same order.

    Raises:
        ValueError: If there are too few images or groups, or an argument is wrong.

    Example:

    >>> from keras_multigrid.datasets.masks.pairs import Pair
    >>> from keras_multigrid.datasets.masks.splits import with_splits
    >>> pairs = [Pair(image=f"{number}.png", name=str(number)) for number in range(5)]
    >>> sorted(pair.split for pair in with_splits(pairs))
    ['train', 'train', 'train', 'train', 'validation']
    """
    checks.integers(seed=seed)
    if (folds is None) != (fold is None):
        raise ValueError(
            f"folds is {folds} and fold {fold}; give both, such as folds=5 and fold=0, or none."
        )
    given = {pair.split for pair in pairs}
    open_pairs = [pair for pair in pairs if pair.split != "test"]
    if folds is not None:
        checks.integers(2, folds=folds)
        checks.integers(0, folds - 1, fold=fold)
        chosen = _fold(open_pairs, seed, folds, fold)
    elif not open_pairs or "validation" in given:
        return tuple(pairs)
    else:
        chosen = _part(open_pairs, seed)
    drawn = {pair: "validation" if _group(pair) in chosen else "train" for pair in open_pairs}
    return tuple(
        dataclasses.replace(pair, split=drawn[pair]) if pair in drawn else pair for pair in pairs
    )


def _part(pairs, seed):
    """Returns the groups of a part for validation: a fifth of the groups, but at least one."""
    from sklearn.model_selection import ShuffleSplit

    groups = _groups(pairs, 2)
    ((_, chosen),) = ShuffleSplit(1, test_size=VALIDATION_SHARE, random_state=seed % 2**32).split(
        groups
    )
    return {groups[index] for index in chosen}


def _fold(pairs, seed, folds, fold):
    """Returns the groups of a fold."""
    from sklearn.model_selection import KFold

    groups = _groups(pairs, folds)
    parts = [*KFold(folds, shuffle=True, random_state=seed % 2**32).split(groups)]
    return {groups[index] for index in parts[fold][1]}


def _groups(pairs, least):
    groups = sorted({_group(pair) for pair in pairs})
    if len(groups) < least:
        kind = "images" if all(pair.group is None for pair in pairs) else "groups"
        raise ValueError(
            f"There are {len(groups)} {kind} to part; expected at least {least}: add images"
            + (", or take fewer folds." if least > 2 else ", of which one is for validation.")
        )
    return groups


def _group(pair):
    """Returns what a pair cannot be parted from: its group, or itself."""
    return (pair.group is None, pair.group or pair.name, "" if pair.group else pair.split or "")
