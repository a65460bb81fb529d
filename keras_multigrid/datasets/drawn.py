"""Pipelines of the drawn data sets: drawn afresh in every pass, or prepared once."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.digits import check_source, load_digits
from keras_multigrid.datasets.located_digits import (
    BACKGROUNDS,
    CANVAS,
    LocatedDigits,
    check_size,
    downscale,
)
from keras_multigrid.datasets.pipeline import check_loading, draw_batches, map_batches
from keras_multigrid.datasets.segmentation import Segmentation
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS, SpatialTransformer

CHUNK = 1000  # prepared samples read at once


def load_segmentation(
    split,
    batch_size,
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    fresh=False,
    first_batch=None,
    share=(0, 1),
):
    """Returns batches of `Segmentation`: digits that overlap, and a mask for each class.

    Args:
        split: `"train"`, `"validation"` or `"test"`: 10,000, 1,000 and 1,000 samples.
        batch_size: Samples per batch; the last one of a pass may have fewer.
        source: Source of digits: `"mnist"`, or `"digits"` of scikit-learn, for which nothing is
            downloaded.
        shuffle: Whether each pass has another order; None shuffles the split "train".
        seed: Seed of the order, and of what is drawn afresh.
        data_dir: Where TensorFlow Datasets keeps its data; None is its own default.
        fresh: Whether each pass draws other samples; if not, the set of the TensorFlow Datasets
            builder `mnist_segmentation` is prepared once, and read into memory (0.45 GB to train).
        first_batch, share: As for `load`.

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, 64, 64, 1)` in [0, 1] and float32 masks
        `(batch, 64, 64, 10)`.

    Raises:
        ValueError: If there is no such split or source, or `first_batch` or `share` is not
            as for `load`.
        OSError: If MNIST is neither prepared nor to be downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_segmentation
    >>> data = load_segmentation("test", batch_size=8, source="digits", fresh=True)
    >>> images, masks = next(iter(data))
    >>> images.shape, masks.shape
    (TensorShape([8, 64, 64, 1]), TensorShape([8, 64, 64, 10]))
    """
    checks.flags(fresh=fresh)
    check_loading(batch_size, shuffle, seed, data_dir, first_batch, share)
    shuffle = split == "train" if shuffle is None else shuffle
    if not fresh:
        arrays = _prepared("mnist_segmentation", "", split, source, data_dir)
        return _batches(*arrays, batch_size, shuffle, seed, first_batch, share)
    draw = Segmentation(*load_digits(split, source, data_dir))
    return draw_batches(
        draw, Segmentation.SAMPLES[split], batch_size, shuffle, seed, first_batch, share
    )


def load_spatial_transformer(
    split,
    batch_size,
    variant="all",
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    fresh=False,
    first_batch=None,
    share=(0, 1),
):
    """Returns batches of `SpatialTransformer`: a distorted digit, the mask of the untouched one.

    Args:
        split: `"train"`, `"validation"` or `"test"`: 60,000, 1,000 and 10,000 samples.
        batch_size: Samples per batch; the last one of a pass may have fewer.
        variant: The distortions: `"all"`, or one alone: `"rotation"`, `"scaling"`, `"affine"`,
            `"translation"`.
        source: As for `load_segmentation`.
        shuffle: Whether each pass has another order; None shuffles the split "train".
        seed: Seed of the order, and of what is drawn afresh.
        data_dir: Where TensorFlow Datasets keeps its data; None is its own default.
        fresh: Whether each pass draws other samples; if not, the set of the TensorFlow Datasets
            builder `mnist_spatial_transformer` is prepared once, and read into memory (0.5 GB).
        first_batch, share: As for `load`.

    Returns:
        A `tf.data.Dataset` of float32 images in [0, 1] and float32 masks, `(batch, 64, 64, 1)`.

    Raises:
        ValueError: If there is no such split, variant or source, or `first_batch` or `share` is not
            as for `load`.
        OSError: If MNIST is neither prepared nor to be downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_spatial_transformer
    >>> data = load_spatial_transformer("test", 8, "rotation", source="digits", fresh=True)
    >>> images, masks = next(iter(data))
    >>> images.shape, masks.shape
    (TensorShape([8, 64, 64, 1]), TensorShape([8, 64, 64, 1]))
    """
    checks.flags(fresh=fresh)
    _check_variant(variant, DISTORTIONS)
    check_loading(batch_size, shuffle, seed, data_dir, first_batch, share)
    shuffle = split == "train" if shuffle is None else shuffle
    if not fresh:
        arrays = _prepared("mnist_spatial_transformer", variant, split, source, data_dir)
        return _batches(*arrays, batch_size, shuffle, seed, first_batch, share)
    digits, _ = load_digits(split, source, data_dir)
    draw = SpatialTransformer(digits, distortion=DISTORTIONS[variant])
    return draw_batches(
        draw, SpatialTransformer.SAMPLES[split], batch_size, shuffle, seed, first_batch, share
    )


def load_located_digits(
    split,
    batch_size,
    variant="plain",
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    fresh=True,
    size=CANVAS,
    first_batch=None,
    share=(0, 1),
):
    """Returns batches of `LocatedDigits`: a digit anywhere on a larger canvas, and its class.

    Args:
        split: `"train"`, `"validation"` or `"test"`: of MNIST 55,000, 5,000 and 10,000 digits.
        batch_size: Samples per batch; the last one of a pass may have fewer.
        variant: The background: `"plain"`, `"noisy"` or `"textured"`.
        source: As for `load_segmentation`.
        shuffle: Whether each pass has another order; None shuffles the split "train".
        seed: Seed of the order, and of what is drawn afresh.
        data_dir: Where TensorFlow Datasets keeps its data; None is its own default.
        fresh: Whether each pass draws other places and backgrounds, as in the paper; if not, the
            set of the TensorFlow Datasets builder `located_mnist` is prepared once.
        size: Side of the images: 56, or downscaled to a divisor of it; the paper's are 14, 28, 56.
        first_batch, share: As for `load`.

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, size, size, 1)` in [0, 1] and int64 labels.

    Raises:
        ValueError: If there is no such split, variant, source or size, or `first_batch` or `share`
            is not as for `load`.
        OSError: If MNIST is neither prepared nor to be downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_located_digits
    >>> data = load_located_digits("test", 100, "noisy", source="digits", size=28)
    >>> [tuple(images.shape) for images, labels in data]
    [(100, 28, 28, 1), (100, 28, 28, 1), (100, 28, 28, 1)]
    """
    checks.flags(fresh=fresh)
    checks.integers(size=size)
    _check_variant(variant, BACKGROUNDS)
    check_loading(batch_size, shuffle, seed, data_dir, first_batch, share)
    shuffle = split == "train" if shuffle is None else shuffle
    if fresh:
        digits, labels = load_digits(split, source, data_dir, LocatedDigits.TRAINING_DIGITS)
        draw = LocatedDigits(digits, labels, variant, size)
        return draw_batches(draw, len(digits), batch_size, shuffle, seed, first_batch, share)
    check_size(size)
    arrays = _prepared("located_mnist", variant, split, source, data_dir)
    batches = _batches(*arrays, batch_size, shuffle, seed, first_batch, share)
    return batches.map(lambda images, labels: (downscale(images, size), labels))


def _check_variant(variant, variants):
    if variant not in variants:
        raise ValueError(f"There is no variant {variant!r}; expected one of {', '.join(variants)}.")


def _prepared(name, variant, split, source, data_dir):
    """Returns the images, uint8, and the targets of a prepared set, as arrays."""
    import tensorflow_datasets as tfds

    from keras_multigrid.datasets.builders import configuration_name

    check_source(split, source)
    builder = tfds.builder(f"{name}/{configuration_name(source, variant)}", data_dir=data_dir)
    if not builder.is_prepared():
        load_digits("test", source, data_dir)  # missing ones are an error before any work
    builder.download_and_prepare()
    if builder.info.file_format.value == "array_record":  # for random access; no `tf.data` of it
        names = builder.info.supervised_keys
        samples = [[sample[name] for name in names] for sample in builder.as_data_source(split)]
        return tuple(map(np.stack, zip(*samples)))
    dataset = builder.as_dataset(split=split, as_supervised=True).batch(CHUNK)
    images, targets = zip(*dataset.as_numpy_iterator())
    return np.concatenate(images), np.concatenate(targets)


def _batches(images, targets, batch_size, shuffle, seed, first_batch=None, share=(0, 1)):
    """Returns batches out of arrays; masks become float32."""
    import tensorflow as tf

    with tf.device("cpu"):  # where pipelines run
        images, targets = tf.constant(images), tf.constant(targets)
    dtype = tf.float32 if targets.dtype == tf.bool else targets.dtype

    def of_batch(indices, key):
        pixels = tf.cast(tf.gather(images, indices), tf.float32) / 255
        return pixels, tf.cast(tf.gather(targets, indices), dtype)

    return map_batches(of_batch, len(images), batch_size, shuffle, seed, first_batch, share)
