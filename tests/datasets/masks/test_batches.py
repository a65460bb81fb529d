"""Crops, rare classes, whole images; exact resumption."""

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets.masks.batches import mask_batches
from keras_multigrid.datasets.masks.crops import Crops, rare_classes
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from tests.datasets.masks.folders import image_of, mask_of, save, write_folder
from tests.datasets.seeking import assert_continues, assert_seekable, assert_shared, first_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("masks") / "train", 17, (0, 1, 2)).parent


@pytest.fixture(scope="module")
def mask_set(folder):
    return read_mask_set(folder)


def is_part(part, whole):
    height, width = part.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(whole, (height, width), (0, 1))
    parts = np.moveaxis(windows, (-2, -1), (2, 3)) if whole.ndim == 3 else windows
    parts = windows if whole.ndim == 2 else np.moveaxis(windows, 2, -1)
    return [tuple(at) for at in np.argwhere((parts == part).all((2, 3, 4)[: whole.ndim]))]


def test_a_crop_and_its_mask_are_one_part_of_one_image(mask_set):
    found = set()
    for images, masks in first_of(
        mask_batches(mask_set, "train", 7, crop=(5, 6), rare_share=0, first_batch=0), 4
    ):
        assert images.dtype == "float32" and images.shape == (7, 5, 6, 3)
        assert masks.dtype == "int32" and masks.shape == (7, 5, 6)
        for image, mask in zip(images, masks):
            places = {
                (number, *at)
                for number in range(17)
                for at in is_part(image, image_of(number).astype("float32"))
                if at in is_part(mask, mask_of(number, (0, 1, 2)))
            }
            assert len(places) == 1
            found |= places
    assert len({number for number, *_ in found}) > 10
    assert len({tuple(at) for _, *at in found}) > 15


def test_each_image_comes_once_a_pass(mask_set):
    names = []
    for images, _ in mask_batches(mask_set, "train", 4, crop=(12, 16), rare_share=0):
        names += [image.tobytes() for image in images.numpy()]
    pairs = mask_set.of("train")
    assert len(pairs) == len({*names}) == len(names) == 13


def test_rare_are_the_classes_below_the_median():
    assert rare_classes(np.array([[5, 3, 1, 0], [4, 0, 1, 0]])).tolist() == [2]
    assert rare_classes(np.array([[4, 2], [0, 0]])).tolist() == [1]
    assert rare_classes(np.array([[2, 2]])).tolist() == []
    assert [*rare_classes(np.zeros((2, 3), int))] == []


def test_a_third_of_the_crops_is_centred_on_a_rare_class(mask_set):
    crops = Crops(mask_set, "train", (3, 5), 1 / 3)
    draws = np.random.default_rng(0).random((30, 4))
    rare = [position for position in range(30) if crops._is_rare(position)]
    assert rare == [*range(2, 30, 3)]
    assert rare_classes(mask_set.counts_of("train")).tolist() == [2]
    for position in rare:
        image, mask = crops(0, position, draws[position])
        assert 2 in mask
        assert image.shape == (3, 5, 3)
    pairs = mask_set.of("train")
    draw = np.array([0, 3.5 / 13, 0.999, 0])  # the fourth image that shows it, the last pixel there
    image, mask = crops(0, 2, draw)
    whole, labels = mask_set.read(pairs[3])
    row, column = np.argwhere(labels == 2)[-1]
    top, left = np.clip([row - 1, column - 2], 0, [12 - 3, 16 - 5])
    np.testing.assert_array_equal(mask, labels[top : top + 3, left : left + 5])
    np.testing.assert_array_equal(image, whole[top : top + 3, left : left + 5])


def test_rare_classes_come_oftener_in_batches(mask_set):
    def share_of_crops_with_it(rare_share):
        data = mask_batches(
            mask_set, "train", 13, crop=(2, 2), rare_share=rare_share, first_batch=0
        )
        return np.mean([(masks == 2).any((1, 2)) for _, masks in first_of(data, 20)])

    rare = share_of_crops_with_it(0)
    assert rare < 0.35
    assert share_of_crops_with_it(1) == 1
    np.testing.assert_allclose(share_of_crops_with_it(0.5), 0.5 + rare / 2, atol=0.06)


def test_smaller_images_are_mirrored_and_do_not_count_there(mask_set):
    image, mask = Crops(mask_set, "train", (14, 40), 0)(0, 0, np.zeros(4))
    whole, labels = mask_set.read(mask_set.of("train")[0])
    np.testing.assert_array_equal(mask[:12, :16], labels)
    assert (mask[12:] == -1).all() and (mask[:, 16:] == -1).all()
    np.testing.assert_array_equal(image[12:, :16], whole[:-3:-1])
    np.testing.assert_array_equal(image[:12, 16:32], whole[:, ::-1])


def test_fewer_images_than_a_batch_has(tmp_path):
    small = read_mask_set(write_folder(tmp_path, 3))
    (batch,) = first_of(mask_batches(small, "train", 8, crop=(4, 4), first_batch=3), 1)
    assert batch[0].shape == (8, 4, 4, 3)


def test_whole_images_come_in_order(mask_set):
    batches = [*mask_batches(mask_set, "validation", 2).as_numpy_iterator()]
    assert [len(masks) for _, masks in batches] == [2, 2]
    images = np.concatenate([images for images, _ in batches])
    masks = np.concatenate([masks for _, masks in batches])
    for image, mask, pair in zip(images, masks, mask_set.of("validation"), strict=True):
        np.testing.assert_array_equal(image, image_of(int(pair.name)))
        np.testing.assert_array_equal(mask, mask_of(int(pair.name), (0, 1, 2)))


def test_whole_images_of_several_sizes_come_one_a_batch(tmp_path):
    write_folder(tmp_path, 4)
    save(tmp_path / "images/9.png", image_of(9, (8, 20)))
    save(tmp_path / "masks/9.png", mask_of(9, (0, 1), (8, 20)))
    mask_set = read_mask_set(tmp_path, folds=2, fold=0)
    both = [
        masks.shape
        for split in ("train", "validation")
        for _, masks in mask_batches(mask_set, split, 2)
    ]
    assert sorted(map(tuple, both))[:1] == [(1, 8, 20)] and sum(each[0] for each in both) == 5


@pytest.mark.parametrize("crop", [(5, 6), None])
def test_batches_are_seekable_and_shared(mask_set, crop, tmp_path):
    def load(**options):
        return mask_batches(mask_set, "train", 4, crop=crop, shuffle=True, **options)

    assert_seekable(load, batches=3)
    assert_shared(load)
    assert_continues(load, tmp_path)


def test_augmentation_gets_the_crop_and_a_key_of_its_own(mask_set):
    def shifted(image, mask, key):
        assert image.shape == (5, 6, 3) and mask.shape == (5, 6)
        noise = tf.random.stateless_uniform((), key)
        return tf.zeros_like(image) + noise, mask + 5

    def load(augmentation):
        data = mask_batches(
            mask_set, "train", 4, crop=(5, 6), augmentation=augmentation, first_batch=0
        )
        return first_of(data, 3)

    changed, plain = load(shifted), load(None)
    for (_, mask), (_, before) in zip(changed, plain):
        np.testing.assert_array_equal(mask, before + 5)
    noise = np.concatenate([image[:, 0, 0, 0] for image, _ in changed])
    assert len({*noise.tolist()}) == 12


BAD = {
    "split": (dict(split="dev"), "no split 'dev'; expected one of train, validation, or all"),
    "crop": (dict(crop=5), "crop is 5; expected a height and a width"),
    "side": (dict(crop=(5, 0)), "crop's width is 0; expected a positive integer"),
    "rare_share": (dict(rare_share=2), "rare_share is 2; expected a number from 0 to 1"),
    "augmentation": (dict(augmentation=1), "augmentation is 1; expected a function"),
    "batch_size": (dict(batch_size=0), "batch_size is 0; expected a positive integer"),
}


@pytest.mark.parametrize("options, message", BAD.values(), ids=BAD)
def test_bad_arguments(mask_set, options, message):
    with pytest.raises(ValueError, match=message):
        mask_batches(mask_set, **{"split": "train", "batch_size": 2, **options})
