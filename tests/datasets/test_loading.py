"""`kmg.datasets.load`: what comes out for each name."""

import inspect
import re

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import (
    Segmentation,
    SpatialTransformer,
    digits,
    load,
    load_digits,
    loading,
)
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS
from tests.datasets.seeking import assert_continues, assert_seekable

SAMPLES = 10
DRAWN = "keras_multigrid.datasets.drawn"
SPLITS = ("train", "validation", "test")
PARTS = {split: slice(SAMPLES * part, SAMPLES * (part + 1)) for part, split in enumerate(SPLITS)}
SHAPES = {
    "mnist_segmentation": ((64, 64, 1), (64, 64, 10)),
    "mnist_spatial_transformer/rotation": ((64, 64, 1), (64, 64, 1)),
    "located_mnist/noisy": ((56, 56, 1), ()),
}
# What they have in common is shown by one of them, and by all with --runslow.
COMMON = [
    pytest.param(name, marks=[] if name.startswith("located") else pytest.mark.slow)
    for name in SHAPES
]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Makes the data sets small."""
    for task in (Segmentation, SpatialTransformer):
        monkeypatch.setattr(task, "SAMPLES", dict.fromkeys(SPLITS, SAMPLES))
    monkeypatch.setattr(digits, "SCIKIT_LEARN_SPLITS", PARTS)
    monkeypatch.setattr("keras_multigrid.datasets.builders.SPLITS", ("train", "test"))
    monkeypatch.setattr("keras_multigrid.datasets.builders.CHUNK", SAMPLES)


@pytest.fixture
def without_xla(monkeypatch):
    """Draws as it comes, without compiling for seconds."""
    compiled = tf.function

    def function(draw=None, jit_compile=None, **options):
        return compiled(draw, **options)

    monkeypatch.setattr(tf, "function", function)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def load_small(name, split="train", batch_size=4, **options):
    return load(name, split, batch_size, source="digits", **options)


def one_pass(dataset):
    """Returns all images and targets of a pass."""
    return [np.concatenate(part) for part in zip(*dataset.as_numpy_iterator())]


def sorted_samples(images):
    return sorted(image.tobytes() for image in images)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_batches_of_digits(name, fresh, without_xla, data_dir):
    dataset = load_small(name, fresh=fresh, data_dir=data_dir)
    assert len(dataset) == 3
    sizes = []
    for images, targets in dataset:
        assert (images.shape[1:], targets.shape[1:]) == SHAPES[name]
        assert len(images) == len(targets)
        sizes.append(len(images))
        assert images.dtype == tf.float32
        assert 0 <= np.min(images) < np.max(images) <= 1
        if name.startswith("located"):
            assert targets.dtype == tf.int64 and set(targets.numpy()) <= set(range(10))
        else:
            assert targets.dtype == tf.float32
            assert set(np.unique(targets)) == {0, 1}
    assert sizes == [4, 4, 2]


@pytest.mark.parametrize("name", COMMON)
def test_prepared_passes_have_the_same_samples(name, without_xla, data_dir):
    dataset = load_small(name, data_dir=data_dir, fresh=False)
    first, second = one_pass(dataset), one_pass(dataset)
    for part in (0, 1):
        assert sorted_samples(first[part]) == sorted_samples(second[part])
    assert np.any(first[0] != second[0])  # in another order
    pairs = [
        {image.tobytes(): target.tobytes() for image, target in zip(*each)}
        for each in (first, second)
    ]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize("name", COMMON)
def test_fresh_passes_have_other_samples(name, without_xla):
    dataset = load_small(name, fresh=True)
    first, second = one_pass(dataset)[0], one_pass(dataset)[0]
    assert not set(sorted_samples(first)) & set(sorted_samples(second))


@pytest.mark.parametrize("name", SHAPES)
def test_only_training_data_are_shuffled_unless_asked(name, monkeypatch):
    asked = []

    def record(draw, samples, batch_size, shuffle, seed, **_):
        asked.append((samples, batch_size, shuffle, seed))

    monkeypatch.setattr("keras_multigrid.datasets.drawn.draw_batches", record)
    for split in SPLITS:
        load_small(name, split, fresh=True, seed=7)
    load_small(name, "train", shuffle=False, fresh=True)
    load_small(name, "test", shuffle=True, fresh=True)
    assert asked == [
        (SAMPLES, 4, True, 7),
        (SAMPLES, 4, False, 7),
        (SAMPLES, 4, False, 7),
        (SAMPLES, 4, False, 0),
        (SAMPLES, 4, True, 0),
    ]


@pytest.mark.parametrize("name", COMMON)
def test_prepared_data_are_in_order_unless_they_are_for_training(name, monkeypatch):
    stored = np.arange(SAMPLES, dtype="uint8")[:, None, None, None] * np.ones((56, 56, 1), "uint8")
    monkeypatch.setattr(
        "keras_multigrid.datasets.drawn._prepared", lambda *_: (stored, np.arange(SAMPLES))
    )

    def order(split, **options):
        images, targets = one_pass(load_small(name, split, fresh=False, **options))
        np.testing.assert_array_equal(np.round(255 * images[:, 0, 0, 0]), targets)
        return targets.tolist()

    in_order = list(range(SAMPLES))
    assert order("validation") == order("test") == order("train", shuffle=False) == in_order
    assert order("train") != in_order and sorted(order("train")) == in_order
    assert order("test", shuffle=True) != in_order
    assert order("train", seed=1) == order("train", seed=1) != order("train", seed=2)


@pytest.mark.parametrize("fresh", [False, True])
def test_batches_are_seekable_and_shared_and_go_on(fresh, without_xla, data_dir, tmp_path):
    def load_any(**options):
        return load_small("located_mnist", data_dir=data_dir, fresh=fresh, size=14, **options)

    assert_seekable(load_any, batches=2)
    assert_continues(load_any, tmp_path)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("fresh", [False, True])
def test_all_pass_on_where_to_begin_and_whose_share_it_is(name, fresh, monkeypatch):
    asked = []

    def record(*arguments, **options):
        batching = options or vars(arguments[-1])
        asked.append((batching["first_batch"], batching["share"]))
        return tf.data.Dataset.range(1).map(lambda number: (tf.zeros([1, 56, 56, 1]), number))

    monkeypatch.setattr(f"{DRAWN}.{'draw_batches' if fresh else '_batches'}", record)
    monkeypatch.setattr(f"{DRAWN}._prepared", lambda *_: ())
    load_small(name, fresh=fresh, first_batch=5, share=(1, 2))
    assert asked == [(5, (1, 2))]


def test_the_seed_decides_what_is_drawn(without_xla):
    first, again, other = (
        one_pass(load_small("located_mnist", "test", fresh=True, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert np.all(np.any(first[0] != other[0], axis=(1, 2, 3)))
    np.testing.assert_array_equal(first[1], other[1])  # the digits are the same


def test_batches_of_located_digits_are_downscaled(without_xla, data_dir):
    for fresh in (False, True):
        large, small = (
            one_pass(
                load_small("located_mnist", "test", data_dir=data_dir, fresh=fresh, size=size)
            )[0]
            for size in (56, 28)
        )
        means = large.reshape(SAMPLES, 28, 2, 28, 2, 1).mean(axis=(2, 4))
        np.testing.assert_allclose(small, means, atol=1e-6)


def test_prepared_samples_are_those_drawn_by_the_builder(without_xla, data_dir):
    import tensorflow_datasets as tfds

    stored = tfds.load("located_mnist/noisy_digits", split="test", data_dir=data_dir, batch_size=-1)
    images, labels = one_pass(
        load_small("located_mnist/noisy", "test", data_dir=data_dir, fresh=False)
    )
    np.testing.assert_array_equal(np.round(255 * images), stored["image"])
    np.testing.assert_array_equal(labels, stored["label"])
    np.testing.assert_array_equal(labels, load_digits("test", source="digits")[1])


@pytest.mark.parametrize("variant", DISTORTIONS)
def test_the_name_or_an_option_says_which_distortion(variant, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "keras_multigrid.datasets.drawn.draw_batches",
        lambda draw, *_, **__: asked.append(draw._distortion),
    )
    load_small(f"mnist_spatial_transformer/{variant}", fresh=True)
    load_small("mnist_spatial_transformer", variant=variant, fresh=True)
    assert asked == [DISTORTIONS[variant]] * 2


def test_the_name_says_which_background(without_xla):
    plain, noisy, textured = (
        one_pass(load_small(f"located_mnist/{variant}", "test"))[0]
        for variant in ("plain", "noisy", "textured")
    )
    np.testing.assert_array_equal(plain, one_pass(load_small("located_mnist", "test"))[0])
    assert np.mean(plain == 0) > 0.8 and np.mean(noisy == 1) > np.mean(plain == 1) + 0.03
    assert np.mean(textured == 0) < 0.5


def test_prepared_variants_are_different_sets(without_xla, data_dir):
    plain, textured = (
        one_pass(load_small(f"located_mnist/{variant}", "test", fresh=False, data_dir=data_dir))[0]
        for variant in ("plain", "textured")
    )
    assert plain.mean() < 0.2 < textured.mean()


@pytest.mark.parametrize(
    "call, message",
    [
        (("mnist", "test", 4), "no data set 'mnist'; expected one of mnist_segmentation, mnist_"),
        (("located_mnist/grass", "test", 4), "no variant 'grass'; expected one of plain, noisy"),
        (
            ("mnist_spatial_transformer/shear", "test", 4),
            "no variant 'shear'; expected one of all, rotation, scaling, affine, translation",
        ),
        (
            ("mnist_segmentation/noisy", "test", 4),
            "mnist_segmentation has no option 'variant'; expected one of .*fresh",
        ),
        (("located_mnist", "dev", 4), "no split 'dev'; expected one of train, validation, test"),
        (("mnist_segmentation", "train[:5]", 4), r"no split 'train\[:5\]'; expected one of"),
        (("located_mnist", "test", 0), "batch_size is 0; expected a positive integer"),
    ],
)
def test_mistakes_are_one_line_that_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(*call, source="digits")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sice": 28}, "located_mnist has no option 'sice'; expected one of .*size"),
        ({"size": 15}, "size is 15; expected a divisor of 56"),
        ({"size": 15, "fresh": False}, "size is 15; expected a divisor of 56"),
        ({"source": "svhn"}, "no source 'svhn'; expected one of mnist, digits"),
        ({"source": "svhn", "fresh": False}, "no source 'svhn'; expected one of mnist, digits"),
        ({"share": (0, 3), "fresh": False}, "batch_size is 4; expected a multiple of 3"),
    ],
)
def test_options_that_make_no_sense(options, message, tmp_path):
    options = {"source": "digits", "data_dir": tmp_path, **options}
    with pytest.raises(ValueError, match=message):
        load("located_mnist", "test", 4, **options)
    assert not list(tmp_path.iterdir())


def test_the_list_of_options_is_that_of_the_functions():
    rows = re.findall(r"^    - (.*), by `\w+`: (.*)$", load.__doc__, re.MULTILINE)
    documented = {}
    for names, options in rows:
        for name in names.split(","):
            documented[name.strip(' `"')] = options.strip()
    assert set(documented) == set(loading.LOADERS)
    for name, options in documented.items():
        options = options.replace("the same", documented["imagenet2012"]).replace(", and", ",")
        accepted = set(inspect.signature(loading.LOADERS[name]).parameters)
        assert {option.strip(" `") for option in options.split(",")} <= accepted, name
        assert not any(
            parameter.kind is inspect.Parameter.VAR_KEYWORD
            for parameter in inspect.signature(loading.LOADERS[name]).parameters.values()
        ), name


def test_image_folders_take_their_options(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype("uint8")
    for split in ("train", "validation"):
        for name in ("cat", "mouse"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            (folder / "1.png").write_bytes(tf.io.encode_png(pixels).numpy())
    ((images, labels),) = load("image_folder", "train", 4, data_dir=tmp_path, image_size=32)
    assert images.shape == (2, 32, 32, 3) and sorted(labels.numpy()) == [0, 1]
    assert np.any(images[0] != images[1])  # augmented
    options = {"image_size": 32, "ten_crop": True, "on_error": "skip"}
    ((images, labels),) = load("image_folder", "validation", 4, data_dir=tmp_path, **options)
    assert images.shape == (2, 10, 32, 32, 3) and labels.numpy().tolist() == [0, 1]
    np.testing.assert_array_equal(images[0], images[1])
    options = {"image_size": 32, "first_batch": 3, "share": (1, 2)}
    dataset = load("image_folder", "validation", 2, data_dir=tmp_path, **options)
    assert next(iter(dataset))[1].numpy().tolist() == [1]
