"""Folders of images as people have them; corrupt files; exact resumption."""

import io
import os

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import image_folder
from keras_multigrid.datasets.image_augmentation import network_input
from keras_multigrid.datasets.image_folder import list_images, load_image_folder
from tests.datasets.seeking import (
    assert_continues,
    assert_seekable,
    assert_shared,
    drawn_from_the_key,
    first_of,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype("uint8")
JPEG = tf.io.encode_jpeg(IMAGE).numpy()
PNG = tf.io.encode_png(IMAGE).numpy()


def write(directory, files):
    """Writes files, their contents by their paths."""
    for path, content in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory


def grey_jpeg(level):
    return tf.io.encode_jpeg(tf.fill((20, 30, 3), tf.cast(level, tf.uint8))).numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns a folder of 17 good images, which their grey levels tell apart, and 3 bad files."""
    files = {f"class{k % 3}/{k:02}.jpg": grey_jpeg(10 * k) for k in range(17)}
    bad = {
        "class0/empty.jpg": b"",
        "class1/truncated.jpg": JPEG[: len(JPEG) * 9 // 10],
        "class2/text é.png": b"no image",
    }
    return write(tmp_path_factory.mktemp("folder"), files | bad)


def load(folder, batch_size=4, image_size=8, on_error="skip", **options):
    options = {"image_size": image_size, "on_error": on_error, **options}
    return load_image_folder(folder, ".", batch_size, **options)


def values(batches):
    """Returns the batches as lists, which compare exactly."""
    return [(images.numpy().tolist(), labels.numpy().tolist()) for images, labels in batches]


def labels_of(dataset):
    return [label for _, labels in values(dataset) for label in labels]


def test_list_of_a_folder_as_people_have_them(tmp_path):
    names = ["b/2.JPEG", "b/1.jpg", "b/sub/deep/0.PNG", "a b/é.gif", "a b/x.Bmp", "c/y.webp"]
    ignored = [
        "loose.jpg",
        "b/.hidden.jpg",
        "b/notes.txt",
        ".git/1.jpg",
        "b/.thumbs/1.jpg",
        "c/jpg",
    ]
    write(tmp_path, dict.fromkeys(names + ignored, b""))
    class_names, paths, labels = list_images(tmp_path)
    assert class_names == ["a b", "b", "c"]
    expected = ["a b/x.Bmp", "a b/é.gif", "b/1.jpg", "b/2.JPEG", "b/sub/deep/0.PNG", "c/y.webp"]
    assert [os.path.relpath(path, tmp_path) for path in paths] == expected
    assert labels == [0, 0, 1, 1, 1, 2]


def test_linked_folders_are_read(tmp_path):
    write(tmp_path, {"store/1.jpg": b"", "data/a/0.jpg": b""})
    (tmp_path / "data/b").symlink_to(tmp_path / "store")
    class_names, _, labels = list_images(tmp_path / "data")
    assert class_names == ["a", "b"] and labels == [0, 1]


def test_class_without_images_keeps_its_label_and_is_named(tmp_path):
    write(tmp_path, {"cat/1.jpg": b"", "dog/notes.txt": b"", "eel/1.jpg": b""})
    with pytest.warns(UserWarning, match="classes without images: dog"):
        class_names, _, labels = list_images(tmp_path)
    assert class_names == ["cat", "dog", "eel"]
    assert labels == [0, 2]


def test_kinds_of_images(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    pillow.fromarray(IMAGE).convert("CMYK").save(file, "JPEG")
    files = {
        "a/0.JPEG": JPEG,
        "a/1.JPEG": PNG,  # as one of ImageNet's
        "a/2.jpg": file.getvalue(),
        "a/3.jpeg": tf.io.encode_jpeg(IMAGE[..., :1]).numpy(),
        "a/4.png": PNG,
        "a/5.png": JPEG,
    }
    dataset = load(write(tmp_path, files), on_error="raise")
    images = np.concatenate([images for images, _ in dataset])
    for image, content in zip(images, files.values()):
        np.testing.assert_allclose(image, network_input(8)(content, None), atol=1e-5)


@pytest.mark.parametrize("augment", [False, True])
def test_bad_files_are_skipped_named_and_counted_once(folder, augment, capfd):
    dataset = load(folder, augment=augment)
    for _ in range(2):
        assert sorted(labels_of(dataset)) == [0] * 6 + [1] * 6 + [2] * 5
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("skipped")]
    assert [line.split(" so far: ")[0] for line in lines] == [f"skipped {k}" for k in (1, 2, 3)]
    expected = ("class0/empty.jpg", "class1/truncated.jpg", "class2/text é.png")
    assert {line.split(" so far: ")[1] for line in lines} == {
        f"{folder / name} cannot be decoded" for name in expected
    }


def test_bad_file_raises_an_error_that_names_it(folder):
    iterator = iter(load(folder, on_error="raise"))
    next(iterator)  # the first is class0/empty.jpg's turn in the second batch
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"empty\.jpg cannot be decoded; rep"):
        next(iterator)


def test_unreadable_file_is_an_error_even_if_bad_ones_are_skipped(tmp_path):
    dataset = load(write(tmp_path, {"a/0.jpg": JPEG, "a/1.jpg": JPEG}))
    (tmp_path / "a/1.jpg").unlink()
    with pytest.raises(tf.errors.NotFoundError, match=r"a/1\.jpg"):
        labels_of(dataset)


def test_evaluation_is_in_order_and_normalized(folder):
    images, labels = next(iter(load(folder, batch_size=17)))
    assert images.shape == (17, 8, 8, 3) and images.dtype == tf.float32
    assert labels.numpy().tolist() == [0] * 6 + [1] * 6 + [2] * 5
    expected = [k / 25.5 for label in range(3) for k in range(label, 17, 3)]
    levels = images[:, 0, 0].numpy() * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406]
    np.testing.assert_allclose(levels.mean(axis=1), expected, atol=0.01)


def test_ten_crops(tmp_path):
    dataset = load(write(tmp_path, {"a/0.png": PNG, "b/1.png": PNG}), 2, ten_crop=True)
    images, _ = next(iter(dataset))
    assert images.shape == (2, 10, 8, 8, 3)
    np.testing.assert_allclose(images[0], network_input(8, ten_crop=True)(PNG, None), atol=1e-5)


def test_cardinality(folder):
    assert load(folder, batch_size=8, on_error="raise").cardinality() == 3
    assert load(folder).cardinality() == tf.data.UNKNOWN_CARDINALITY


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(image_folder, "input_function", drawn_from_the_key)


@pytest.mark.usefixtures("quick")
def test_passes_and_seeds_differ_but_not_threads_nor_the_global_seed(folder):
    def with_threads(threads):
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return load(folder, augment=True, seed=1).with_options(options)

    one_thread = with_threads(1)
    first, second = values(one_thread), values(one_thread)
    assert first != second
    assert first != values(load(folder, augment=True, seed=2))
    tf.random.set_seed(5)
    four_threads = with_threads(4)
    assert [first, second] == [values(four_threads), values(four_threads)]


@pytest.mark.usefixtures("quick")
def test_checkpoint_continues_exactly(folder, tmp_path):
    """Within a pass, at its end (five batches each), and in later ones."""

    def iterator():
        return iter(load(folder, augment=True).repeat())

    interrupted = iterator()
    checkpoint = tf.train.Checkpoint(iterator=interrupted)
    batches, saved = [], {}
    for position in range(14):
        if position in (2, 5, 8):
            saved[position] = checkpoint.save(tmp_path / "iterator")
        batches += values([next(interrupted)])
    for position, path in saved.items():
        resumed = iterator()
        tf.train.Checkpoint(iterator=resumed).restore(path)
        assert values(next(resumed) for _ in range(14 - position)) == batches[position:]
    assert sum(file.stat().st_size for file in tmp_path.glob("iterator-3*")) < 20_000


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_batches_are_seekable_and_shared(folder, good, on_error, tmp_path):
    def part(**options):
        directory = folder if on_error == "skip" else good
        return load(directory, 8, on_error=on_error, augment=True, **options)

    assert_seekable(part, batches=2)
    assert_shared(part)
    assert_continues(part, tmp_path)


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good", {f"a/{k:02}.jpg": grey_jpeg(10 * k) for k in range(17)})


def test_only_the_own_share_is_read(good, monkeypatch):
    read = []
    can_be_decoded = image_folder._can_be_decoded
    monkeypatch.setattr(
        image_folder, "_can_be_decoded", lambda file: read.append(file) or can_be_decoded(file)
    )
    first_of(load(good, 8, on_error="raise", first_batch=5, share=(1, 2)), 1)
    expected = [(good / f"a/{k:02}.jpg").read_bytes() for k in (12, 13, 14, 15, 4, 5, 6, 7)]
    assert expected[0] in read and set(read) <= set(expected)


BAD_ARGUMENTS = {
    "batch_size": (dict(batch_size=0), "batch_size is 0; expected a positive integer"),
    "image_size": (dict(image_size=-1), "image_size is -1; expected a positive integer"),
    "on_error": (dict(on_error="ignore"), "on_error is 'ignore'; expected one of raise, skip"),
    "ten_crop": (dict(ten_crop=True, augment=True), "expected augment=False"),
    "share": (dict(share=(0, 3)), "expected a multiple of 3"),
    "first_batch": (dict(first_batch=0, batch_size=18), "There are 17 samples in batches of 18"),
}


@pytest.mark.parametrize("options, message", BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_bad_arguments(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load(folder, **options)


@pytest.mark.parametrize("files", [{}, {"1.jpg": JPEG}, {"a/notes.txt": b""}])
def test_folder_without_classes_is_one_line_that_says_what_is_expected(tmp_path, files):
    write(tmp_path, files)
    with pytest.raises(
        ValueError, match="no sub-folders with images; expected one folder"
    ) as error:
        load_image_folder(tmp_path, ".", 4)
    assert "\n" not in str(error.value)


def test_missing_folder(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere is not a directory; expected one folder"):
        load_image_folder(tmp_path, "nowhere", 4)
