"""CIFAR batches: crops of the whitened and enlarged images, the same for the same seed."""

import re

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets.cifar import fit_whitening, load_cifar
from keras_multigrid.layers import ZCAWhitening
from tests.datasets.seeking import assert_seekable, assert_shared

SAMPLES = {"train": 40, "test": 10}


def stored(split):
    """Returns the images of a split in place of CIFAR's, and their numbers as labels."""
    rng = np.random.default_rng(list(SAMPLES).index(split))
    images = rng.integers(0, 256, (SAMPLES[split], 32, 32, 3)).astype("uint8")
    return images, np.arange(SAMPLES[split], dtype="int64")


@pytest.fixture(autouse=True)
def data(monkeypatch):
    """Replaces TensorFlow Datasets; knows splits and their beginnings, such as "train[:7]"."""

    def load(name, split, data_dir, **options):
        base, count = re.fullmatch(r"(\w+)(?:\[:(\d+)\])?", split).groups()
        samples = tf.data.Dataset.from_tensor_slices(stored(base))
        return samples.take(int(count or SAMPLES[base]))

    monkeypatch.setattr("tensorflow_datasets.load", load)


@pytest.fixture(scope="module")
def whitening():
    """A layer that moves pixels about, which does not commute with enlarging."""
    layer = ZCAWhitening()
    layer.build((None, 32, 32, 3))
    layer.mean.assign(np.linspace(0, 1, 3072))
    layer.matrix.assign(np.eye(3072)[np.random.default_rng(5).permutation(3072)])
    return layer


def enlarged(split, whitening):
    """Returns what is cropped: images of 36x36."""
    white = whitening(stored(split)[0] / np.float32(255))
    return tf.image.resize(white, (36, 36)).numpy()


def to_arrays(batches):
    images, labels = zip(*[(images.numpy(), labels.numpy()) for images, labels in batches])
    return np.concatenate(images), np.concatenate(labels)


def assert_same(first, second):
    for array, expected in zip(to_arrays(first), to_arrays(second), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_test_images_are_centre_crops_in_order(name, whitening):
    data = load_cifar(name, "test", 4, whitening=whitening)
    assert [len(labels) for _, labels in data] == [4, 4, 2]
    assert data.cardinality() == 3
    assert data.element_spec == (
        tf.TensorSpec((None, 32, 32, 3), tf.float32),
        tf.TensorSpec((None,), tf.int64),
    )
    images, labels = to_arrays(data)
    np.testing.assert_array_equal(labels, np.arange(10))
    np.testing.assert_allclose(images, enlarged("test", whitening)[:, 2:34, 2:34], atol=1e-6)
    assert_same(data, data)


def test_training_images_are_windows_mirrored_or_not(whitening):
    windows = [
        enlarged("train", whitening)[:, top : top + 32, left : left + 32][:, :, ::mirror]
        for top in range(5)
        for left in range(5)
        for mirror in (1, -1)
    ]
    data = load_cifar("cifar10", "train", 16, whitening=whitening).repeat(20)
    found = []
    for images, labels in data:
        equal = np.stack([np.isclose(images, w[labels], atol=1e-6) for w in windows])
        places = equal.all(axis=(2, 3, 4))
        np.testing.assert_array_equal(places.sum(axis=0), 1)
        found.append(places.argmax(axis=0))
    assert all(len(set(batch)) > 1 for batch in found)  # each image has its own
    counts = np.bincount(np.concatenate(found), minlength=50)
    assert counts.sum() == 800
    # Of 800 draws from 50 places, 16 each; five standard deviations would be 20.
    assert counts.min() > 0 and counts.max() < 36


def test_each_pass_has_all_images_in_another_order(whitening):
    data = load_cifar("cifar10", "train", 16, whitening=whitening, augment=False, shuffle=True)
    first, second = to_arrays(data), to_arrays(data)
    for images, labels in (first, second):
        np.testing.assert_array_equal(np.sort(labels), np.arange(40))
        expected = enlarged("train", whitening)[labels, 2:34, 2:34]
        np.testing.assert_allclose(images, expected, atol=1e-6)
    assert np.any(first[1] != second[1])


def test_training_images_that_are_not_augmented_are_in_order_unless_asked(whitening):
    data = load_cifar("cifar10", "train", 16, whitening=whitening, augment=False)
    np.testing.assert_array_equal(to_arrays(data)[1], np.arange(40))


def test_each_pass_has_other_crops(whitening):
    data = load_cifar("cifar10", "train", 16, whitening=whitening, shuffle=False)
    first, second = to_arrays(data), to_arrays(data)
    np.testing.assert_array_equal(first[1], np.arange(40))
    np.testing.assert_array_equal(second[1], np.arange(40))
    assert np.any(first[0] != second[0])


def test_same_seed_same_batches(whitening):
    def load(seed):
        return load_cifar("cifar10", "train[:20]", 8, seed=seed, whitening=whitening).repeat(2)

    first, other = load(3), to_arrays(load(4))
    tf.random.set_seed(7)  # of no influence
    assert_same(first, load(3))
    assert np.any(to_arrays(load(3))[1] != other[1])


def test_interrupted_iterators_go_on_exactly(whitening, tmp_path):
    def load():
        return load_cifar("cifar10", "train", 16, seed=2, whitening=whitening).repeat(2)

    batches = iter(load())
    for _ in range(4):
        next(batches)
    path = tf.train.Checkpoint(batches=batches).save(tmp_path / "checkpoint")
    again = iter(load())
    tf.train.Checkpoint(batches=again).restore(path).assert_consumed()
    assert_same(list(batches), list(again))
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert size < 40 * 36 * 36 * 3  # not the images


def test_batches_are_seekable_and_shared(whitening):
    def load(**options):
        return load_cifar("cifar10", "train", 16, seed=2, whitening=whitening, **options)

    assert_seekable(load, batches=2)
    assert_shared(load)


@pytest.mark.parametrize("split", ["test", "train[:7]"])
def test_whitening_is_fitted_to_the_whole_training_set_alone(split, monkeypatch):
    fitted = []

    def adapt(self, images):
        fitted.append(images)
        self.build((None, *images.shape[1:]))

    monkeypatch.setattr(ZCAWhitening, "adapt", adapt)
    load_cifar("cifar10", split, 4)
    assert isinstance(fit_whitening("cifar10"), ZCAWhitening)
    assert len(fitted) == 2
    for images in fitted:
        assert images.dtype == np.float32
        np.testing.assert_allclose(images, stored("train")[0] / 255, atol=1e-6)


ERRORS = {
    "name": (
        lambda: load_cifar("cifar-10", "train", 4),
        r"^There is no data set 'cifar-10'; expected one of cifar10, cifar100\.$",
    ),
    "name to fit": (lambda: fit_whitening("mnist"), "no data set 'mnist'; expected one of"),
    "split": (
        lambda: load_cifar("cifar10", "validation", 4),
        r"^cifar10 has no split 'validation'; expected \"train\" or \"test\".*\[:45000\]\"\.$",
    ),
    "split: none": (lambda: load_cifar("cifar10", None, 4), "no split None; expected"),
    "split: empty": (lambda: load_cifar("cifar10", "test[:0]", 4), r"no images .*'test\[:0\]'"),
    "batch size: zero": (
        lambda: load_cifar("cifar10", "test", 0),
        "^batch_size is 0; expected a positive integer.$",
    ),
    "batch size: fraction": (
        lambda: load_cifar("cifar10", "test", 2.5),
        r"^batch_size is 2\.5; expected a positive integer.$",
    ),
    "share": (lambda: load_cifar("cifar10", "test", 4, share=(0, 3)), "expected a multiple of 3"),
    "first batch": (
        lambda: load_cifar("cifar10", "test", 4, first_batch=-1),
        "first_batch is -1; expected an integer from 0",
    ),
    "whitening: not adapted": (
        lambda: load_cifar("cifar10", "test", 4, whitening=ZCAWhitening()),
        "expected an adapted ZCAWhitening, as fit_whitening returns, or None",
    ),
    "whitening: a flag": (
        lambda: load_cifar("cifar10", "test", 4, whitening=True),
        "whitening is True; expected an adapted ZCAWhitening",
    ),
}


@pytest.mark.parametrize("attempt, message", ERRORS.values(), ids=ERRORS.keys())
def test_bad_input(attempt, message):
    with pytest.raises(ValueError, match=message) as raised:
        attempt()
    assert "\n" not in str(raised.value)


def fail_with(error, monkeypatch):
    def load(*args, **options):
        raise error

    monkeypatch.setattr("tensorflow_datasets.load", load)


def test_part_of_a_split_that_does_not_exist(monkeypatch):
    fail_with(ValueError("Requested slice [7:5] incompatible.\nSee there."), monkeypatch)
    with pytest.raises(ValueError, match=r"'test\[7:5\]' \(Requested .*\); expected") as raised:
        load_cifar("cifar10", "test[7:5]", 4)
    assert "\n" not in str(raised.value)


def test_missing_data_is_one_line_that_names_the_way_out(monkeypatch):
    fail_with(ConnectionError("no route\nto host"), monkeypatch)
    message = (
        r"^cifar100 can neither be read from data_dir='/there' .*`keras-multigrid data cifar100"
    )
    with pytest.raises(OSError, match=message) as raised:
        load_cifar("cifar100", "test", 4, data_dir="/there")
    assert "\n" not in str(raised.value)
