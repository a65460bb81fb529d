"""What is drawn by a seed: a validation split, folds; groups are not parted."""

import pytest

from keras_multigrid.datasets.masks.pairs import Pair
from keras_multigrid.datasets.masks.splits import with_splits


def pairs_of(*splits, groups=None):
    return [
        Pair(
            image=f"{number}.png",
            name=str(number),
            split=split,
            group=groups[number] if groups else None,
        )
        for number, split in enumerate(splits)
    ]


def splits_of(pairs, **options):
    return [pair.split for pair in with_splits(pairs, **options)]


@pytest.mark.parametrize("count, expected", [(2, 1), (5, 1), (10, 2), (20, 4)])
@pytest.mark.parametrize("split", [None, "train"])
def test_a_fifth_is_for_validation_but_at_least_one(count, expected, split):
    drawn = splits_of(pairs_of(*[split] * count, "test"))
    assert drawn.count("validation") == expected
    assert drawn[-1] == "test" and drawn.count("train") == count - expected


def test_the_seed_alone_decides():
    pairs = pairs_of(*[None] * 20)
    assert splits_of(pairs, seed=3) == splits_of(pairs, seed=3) != splits_of(pairs, seed=4)
    assert splits_of(pairs[::-1], seed=3)[::-1] == splits_of(pairs, seed=3)


def test_given_splits_stay():
    given = ["train", "validation", "test"]
    assert splits_of(pairs_of(*given)) == given
    assert splits_of(pairs_of("test")) == ["test"]


def test_groups_are_not_parted():
    groups = [f"patient {number // 4}" for number in range(24)]
    pairs = pairs_of(*[None] * 24, groups=groups)
    for options in (dict(seed=1), dict(seed=2), dict(folds=3, fold=1)):
        drawn = splits_of(pairs, **options)
        assert len({*zip(groups, drawn)}) == 6
        assert {*drawn} == {"train", "validation"}


def test_each_image_is_in_one_fold():
    pairs = pairs_of(*["train"] * 9, *["validation"] * 2, "test")
    folds = [splits_of(pairs, folds=4, fold=fold) for fold in range(4)]
    for number in range(11):
        assert sorted(fold[number] for fold in folds) == ["train"] * 3 + ["validation"]
    assert {fold[11] for fold in folds} == {"test"}


def test_images_of_one_name_in_two_splits_are_two():
    pairs = [Pair(image=f"{split}/1.png", name="1", split=split) for split in ("train", "test")]
    pairs.append(Pair(image="validation/1.png", name="1", split="validation"))
    assert sorted(splits_of(pairs, folds=2, fold=0)) == ["test", "train", "validation"]


BAD = {
    "one image": (pairs_of(None), {}, "There are 1 images to part; expected at least 2"),
    "one group": (pairs_of(None, None, groups="aa"), {}, "There are 1 groups to part; expected at"),
    "folds": (pairs_of(None, None), dict(folds=3, fold=0), "2 images to part; expected at least 3"),
    "no fold": (pairs_of(None, None), dict(folds=2), "folds is 2 and fold None; give both"),
    "fold": (pairs_of(None, None), dict(folds=2, fold=2), "fold is 2; expected an integer from 0"),
    "seed": (pairs_of(None, None), dict(seed="x"), "seed is 'x'; expected an integer"),
}


@pytest.mark.parametrize("pairs, options, message", BAD.values(), ids=BAD)
def test_what_cannot_be_drawn(pairs, options, message):
    with pytest.raises(ValueError, match=message):
        with_splits(pairs, **options)
