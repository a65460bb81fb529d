"""ImageNet through TensorFlow Datasets, on a copy of its format with 60 small images."""

import io
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import imagenet
from keras_multigrid.datasets.image_augmentation import network_input
from keras_multigrid.datasets.imagenet import load_imagenet
from tests.datasets.seeking import (
    assert_continues,
    assert_seekable,
    assert_shared,
    drawn_from_the_key,
    first_of,
)

SYNSETS = ("n01440764", "n01443537", "n01484850")  # classes 0, 1, 2
TRAIN, VALIDATION = 60, 8


def jpeg(seed):
    image = np.random.default_rng(seed).integers(0, 256, (20, 30, 3)).astype("uint8")
    return tf.io.encode_jpeg(image).numpy()


def tar_of(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Returns where ImageNet's own builder has prepared ours, in five files a split."""
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("imagenet")
    images = {
        synset: {f"{synset}_{k}.JPEG": jpeg((label, k)) for k in range(TRAIN // len(SYNSETS))}
        for label, synset in enumerate(SYNSETS)
    }
    train = {f"{synset}.tar": tar_of(files) for synset, files in images.items()}
    validation = {f"ILSVRC2012_val_{k:08}.JPEG": jpeg((3, k)) for k in range(VALIDATION)}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_of(train))
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar_of(validation))
    tfds.builder("imagenet2012", data_dir=str(folder)).download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=str(folder), num_shards=5)
    )
    return str(folder)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(imagenet, "WINDOW", 16)
    monkeypatch.setattr(imagenet, "FILES_AT_ONCE", 2)


def load(data_dir, split="train", batch_size=7, image_size=8, **options):
    return load_imagenet(split, batch_size, data_dir=data_dir, image_size=image_size, **options)


def values(batches):
    """Returns the batches as lists, which compare exactly."""
    return [(images.numpy().tolist(), labels.numpy().tolist()) for images, labels in batches]


def expected_image(seed, ten_crop=False):
    return network_input(8, ten_crop=ten_crop)(jpeg(seed), None).numpy()


def test_each_image_once_with_its_label(data_dir):
    dataset = load(data_dir, shuffle=True, augment=False)
    expected = {
        (label, expected_image((label, k)).round(3).tobytes())
        for label in range(3)
        for k in range(20)
    }
    for _ in range(2):
        found = {
            (int(label), image.numpy().round(3).tobytes())
            for images, labels in dataset
            for image, label in zip(images, labels)
        }
        assert found == expected


def test_validation_is_neither_shuffled_nor_augmented(data_dir):
    dataset = load(data_dir, "validation")
    assert values(dataset) == values(dataset)
    images = np.concatenate([images for images, _ in dataset])
    assert images.shape == (VALIDATION, 8, 8, 3)
    expected = np.array([expected_image((3, k)) for k in range(VALIDATION)])
    nearest = np.abs(images[:, None] - expected).max(axis=(2, 3, 4))
    assert sorted(nearest.argmin(axis=1)) == list(range(VALIDATION))
    assert nearest.min(axis=1).max() < 1e-4


def test_ten_crops(data_dir):
    images, _ = next(iter(load(data_dir, "validation", ten_crop=True)))
    assert images.shape == (7, 10, 8, 8, 3)


def test_splits_of_tensorflow_datasets(data_dir):
    parts = [load(data_dir, f"train[{part}]", shuffle=False) for part in (":25%", "25%:")]
    assert [part.cardinality().numpy() for part in parts] == [3, 7]  # 15 and 45 images
    labels = [label for part in parts for _, labels in values(part) for label in labels]
    assert sorted(labels) == [0] * 20 + [1] * 20 + [2] * 20


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(imagenet, "input_function", drawn_from_the_key)


@pytest.mark.usefixtures("quick")
def test_passes_and_seeds_differ_but_not_threads_nor_the_global_seed(data_dir):
    def with_threads(threads):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return load(data_dir, seed=1).with_options(options)

    one_thread = with_threads(1)
    first, second = values(one_thread), values(one_thread)
    assert [labels for _, labels in first] != [labels for _, labels in second]
    assert first != values(load(data_dir, seed=2))
    tf.random.set_seed(5)
    four_threads = with_threads(4)
    assert [first, second] == [values(four_threads), values(four_threads)]


@pytest.mark.usefixtures("quick")
def test_checkpoint_continues_exactly(data_dir, tmp_path):
    """Within a pass, at its end (nine batches each), and in later ones."""

    def iterator():
        return iter(load(data_dir).repeat())

    interrupted = iterator()
    checkpoint = tf.train.Checkpoint(iterator=interrupted)
    batches, saved = [], {}
    for position in range(20):
        if position in (4, 9, 13):
            saved[position] = checkpoint.save(tmp_path / "iterator")
        batches += values([next(interrupted)])
    for position, path in saved.items():
        resumed = iterator()
        tf.train.Checkpoint(iterator=resumed).restore(path)
        assert values(next(resumed) for _ in range(20 - position)) == batches[position:]
    assert sum(file.stat().st_size for file in tmp_path.glob("iterator-3*")) < 20_000


@pytest.fixture
def decoded(monkeypatch):
    """Returns the list of the numbers of the samples that are decoded, into their keys."""
    numbers = []

    def decode(encoded, key):
        numbers.append(key[1])
        return key

    def input_function(*_):
        return lambda *sample: tf.numpy_function(decode, sample, tf.int64)

    monkeypatch.setattr(imagenet, "input_function", input_function)
    return numbers


def test_batches_are_seekable_and_shared(data_dir, decoded, tmp_path):
    def part(**options):
        return load(data_dir, "train[:50%]", 8, **options)

    assert_seekable(part, batches=3)  # and 6 images
    assert_shared(part)
    assert_continues(part, tmp_path)


def test_only_the_own_share_is_decoded(data_dir, decoded):
    part = load(data_dir, "train[:50%]", 8, shuffle=False, first_batch=4, share=(1, 2))
    first_of(part, 4)
    assert {number // 4 for number in decoded} == {1, 3, 5}


def test_missing_data_is_one_line_that_names_the_ways_out(tmp_path):
    with pytest.raises(OSError, match=r"data_dir='.*by hand.*load_image_folder\.$") as raised:
        load(str(tmp_path))
    assert "\n" not in str(raised.value)
    assert repr(str(tmp_path)) in str(raised.value)


def test_bad_arguments(data_dir):
    with pytest.raises(ValueError, match="batch_size is 0; expected a positive integer"):
        load(data_dir, batch_size=0)
    with pytest.raises(ValueError, match="expected augment=False"):
        load(data_dir, ten_crop=True)
    with pytest.raises(ValueError, match="expected a multiple of 2"):
        load(data_dir, share=(0, 2))
    with pytest.raises(ValueError, match="8 samples in batches of 9; expected at least one full"):
        load(data_dir, "validation", 9, first_batch=0)
    with pytest.raises(ValueError, match=r"dev.*train"):
        load(data_dir, "dev")
