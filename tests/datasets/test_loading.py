"""`kmg.datasets.load`, and the contact sheets of what it returns."""

import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg
from keras_multigrid.datasets import builders, drawn

FEW = {"train": 12, "validation": 5, "test": 7}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    for task in (drawn.Segmentation, drawn.SpatialTransformer):
        monkeypatch.setattr(task, "SAMPLES", FEW)
    assert builders.Segmentation is drawn.Segmentation


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("tfds"))


def load(name, split, batch_size=5, **options):
    return kmg.datasets.load(name, split, batch_size, source="digits", **options)


def arrays(dataset):
    images, targets = zip(*dataset.as_numpy_iterator())
    return np.concatenate(images), np.concatenate(targets)


def in_any_order(images):
    return sorted(image.tobytes() for image in images)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    ("name", "masks"),
    [("mnist_segmentation", 10), ("mnist_spatial_transformer/affine", 1)],
)
def test_masks(name, masks, fresh, data_dir):
    dataset = load(name, "test", fresh=fresh, data_dir=data_dir)
    assert len(dataset) == 2
    images, targets = arrays(dataset)
    assert images.shape == (7, 64, 64, 1) and targets.shape == (7, 64, 64, masks)
    assert images.dtype == targets.dtype == np.float32
    assert images.min() == 0 and 0.9 < images.max() <= 1
    assert set(np.unique(targets)) == {0, 1}


def test_labels(data_dir):
    images, labels = arrays(load("located_mnist/noisy", "validation", 64, size=14))
    assert images.shape == (200, 14, 14, 1) and labels.dtype == np.int64
    np.testing.assert_array_equal(labels, kmg.datasets.load_digits("validation")[1])


def test_prepared_located_digits_can_be_downscaled(data_dir):
    large, labels = arrays(load("located_mnist", "test", fresh=False, data_dir=data_dir))
    small, same = arrays(load("located_mnist", "test", fresh=False, data_dir=data_dir, size=28))
    np.testing.assert_array_equal(labels, same)
    means = large.reshape(300, 28, 2, 28, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(small, means, atol=1e-6)


def test_fresh_passes_differ_and_prepared_ones_hold_the_same(data_dir):
    fresh = load("mnist_segmentation", "train", fresh=True)
    assert in_any_order(arrays(fresh)[0]) != in_any_order(arrays(fresh)[0])
    prepared = load("mnist_segmentation", "train", data_dir=data_dir)
    first, second = arrays(prepared)[0], arrays(prepared)[0]
    assert np.any(first != second)  # the order
    assert in_any_order(first) == in_any_order(second)


def test_only_training_data_are_shuffled(data_dir):
    test = load("mnist_segmentation", "test", data_dir=data_dir)
    np.testing.assert_array_equal(arrays(test)[0], arrays(test)[0])
    train = load("mnist_segmentation", "train", data_dir=data_dir, shuffle=False)
    np.testing.assert_array_equal(arrays(train)[0], arrays(train)[0])


def test_same_seed_same_data(data_dir):
    one, again, other = (
        arrays(load("mnist_spatial_transformer", "train", fresh=True, seed=seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert np.any(one[0] != other[0])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("mnist", "train"), {}, "There is no data set 'mnist'; expected one of mnist_segm"),
        (("cifar10", "train"), {"fresh": True}, "cifar10 has no option 'fresh'; expected one of"),
        (("located_mnist/sandy", "train"), {}, "no variant 'sandy'; expected one of plain, n"),
        (("mnist_segmentation/all", "train"), {}, "has no option 'variant'; expected one of"),
        (("mnist_segmentation", "dev"), {"fresh": True}, "no split 'dev'; expected one of train"),
        (("mnist_segmentation", "dev"), {}, "no split 'dev'; expected one of train"),
        (("located_mnist", "test"), {"size": 13}, "size is 13; expected a divisor of 56"),
        (("located_mnist", "test", 0), {}, "batches of 0; expected at least 1"),
    ],
)
def test_misuse_is_one_line(arguments, options, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(*arguments, **options)
    assert "\n" not in str(raised.value)


def test_unknown_source():
    with pytest.raises(ValueError, match="no source 'svhn'; expected one of mnist, digits"):
        kmg.datasets.load("mnist_segmentation", "test", 4, source="svhn")


def test_contact_sheets_show_images_and_masks(tmp_path):
    from matplotlib import image

    heights = []
    for name, samples in (("located_mnist", 8), ("located_mnist", 16), ("mnist_segmentation", 8)):
        path = tmp_path / "sheet.png"
        dataset = load(name, "train", fresh=True)
        kmg.datasets.draw_contact_sheet(path, dataset, samples, title=name)
        pixels = image.imread(path)
        heights.append(pixels.shape[0])
        colours = np.ptp(pixels[..., :3], axis=-1).max()
        assert (colours > 0.2) == (name == "mnist_segmentation")
    assert heights[0] < heights[1] == heights[2]


def test_contact_sheet_of_normalized_images_and_of_ten_crops(tmp_path):
    crops = tf.random.normal((3, 10, 8, 8, 3))
    dataset = tf.data.Dataset.from_tensor_slices((crops, [0, 1, 2])).batch(2)
    kmg.datasets.draw_contact_sheet(tmp_path / "sheet.png", dataset)
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_contact_sheet_of_nothing(tmp_path):
    empty = tf.data.Dataset.from_tensor_slices((tf.zeros((0, 4, 4, 1)), tf.zeros(0))).batch(2)
    with pytest.raises(ValueError, match="no samples"):
        kmg.datasets.draw_contact_sheet(tmp_path / "sheet.png", empty)
