"""Loaders of the drawn data sets: drawn afresh in every pass, or prepared once."""

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
from keras_multigrid.datasets.pipeline import Batching, draw_batches, map_batches
from keras_multigrid.datasets.segmentation import Segmentation
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS, SpatialTransformer

CHUNK = 1000  # prepared samples read at once


def load_segmentation(
    split,
    batch_size,
    *,
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    fresh=None,
):
    """Returns batches of `Segmentation`: digits that overlap, and a mask for each class.

    Args:
        split: `"train"`, `"validation"` or `"test"`: 10,000, 1,000 and 1,000 samples.
        batch_size, source, shuffle, seed, data_dir, first_batch, share: As for `load`.
        fresh: Whether each pass draws other samples; None does not, as the paper. Then the set of
            the TensorFlow Datasets builder `mnist_segmentation` is prepared once, and read into
            memory (0.45 GB to train).

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, 64, 64, 1)` in [0, 1] and float32 masks
        `(batch, 64, 64, 10)`.

    Raises:
        ValueError: If there is no such split or source, or an argument is wrong.
        OSError: If MNIST can neither be read nor downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_segmentation
    >>> data = load_segmentation("test", batch_size=8, source="digits", fresh=True)
    >>> images, masks = next(iter(data))
    >>> images.shape, masks.shape
    (TensorShape([8, 64, 64, 1]), TensorShape([8, 64, 64, 10]))
    """
    checks.optional(checks.flags, fresh=fresh)
    batching = _batching(split, batch_size, shuffle, seed, first_batch, share)
    if not fresh:
        arrays = _prepared("mnist_segmentation", "", split, source, data_dir)
        return _batches(*arrays, batching)
    draw = Segmentation(*load_digits(split, source=source, data_dir=data_dir))
    return draw_batches(draw, Segmentation.SAMPLES[split], **vars(batching))


def load_spatial_transformer(
    split,
    batch_size,
    *,
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    fresh=None,
    variant=None,
):
    """Returns batches of `SpatialTransformer`: a distorted digit, the mask of the untouched one.

    Args:
        split: `"train"`, `"validation"` or `"test"`: 60,000, 1,000 and 10,000 samples.
        batch_size, source, shuffle, seed, data_dir, first_batch, share: As for `load`.
        fresh: As for `load_segmentation`; the builder is `mnist_spatial_transformer` (0.5 GB).
        variant: The distortions: `"all"`, which is None, too, or one alone: `"rotation"`,
            `"scaling"`, `"affine"`, `"translation"`.

    Returns:
        A `tf.data.Dataset` of float32 images in [0, 1] and float32 masks, `(batch, 64, 64, 1)`.

    Raises:
        ValueError: If there is no such split, variant or source, or an argument is wrong.
        OSError: If MNIST can neither be read nor downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_spatial_transformer
    >>> data = load_spatial_transformer(
    ...     "test", 8, source="digits", fresh=True, variant="rotation"
    ... )
    >>> images, masks = next(iter(data))
    >>> images.shape, masks.shape
    (TensorShape([8, 64, 64, 1]), TensorShape([8, 64, 64, 1]))
    """
    checks.optional(checks.flags, fresh=fresh)
    variant = _known_variant(variant, DISTORTIONS)
    batching = _batching(split, batch_size, shuffle, seed, first_batch, share)
    if not fresh:
        arrays = _prepared("mnist_spatial_transformer", variant, split, source, data_dir)
        return _batches(*arrays, batching)
    digits, _ = load_digits(split, source=source, data_dir=data_dir)
    draw = SpatialTransformer(digits, distortion=DISTORTIONS[variant])
    return draw_batches(draw, SpatialTransformer.SAMPLES[split], **vars(batching))


def load_located_digits(
    split,
    batch_size,
    *,
    source="mnist",
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    fresh=None,
    variant=None,
    size=CANVAS,
):
    """Returns batches of `LocatedDigits`: a digit anywhere on a larger canvas, and its class.

    Args:
        split: `"train"`, `"validation"` or `"test"`: of MNIST 55,000, 5,000 and 10,000 digits.
        batch_size, source, shuffle, seed, data_dir, first_batch, share: As for `load`.
        fresh: Whether each pass draws other places and backgrounds; None does, as the paper. If
            not, the set of the TensorFlow Datasets builder `located_mnist` is prepared once.
        variant: The background: `"plain"`, which is None, too, `"noisy"` or `"textured"`.
        size: Side of the images: 56, or downscaled to a divisor of it; the paper's are 14, 28, 56.

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, size, size, 1)` in [0, 1] and int64 labels.

    Raises:
        ValueError: If there is no such split, variant, source or size, or an argument is wrong.
        OSError: If MNIST can neither be read nor downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_located_digits
    >>> data = load_located_digits("test", 100, source="digits", variant="noisy", size=28)
    >>> [tuple(images.shape) for images, labels in data]
    [(100, 28, 28, 1), (100, 28, 28, 1), (100, 28, 28, 1)]
    """
    checks.optional(checks.flags, fresh=fresh)
    check_size(size)
    variant = _known_variant(variant, BACKGROUNDS)
    batching = _batching(split, batch_size, shuffle, seed, first_batch, share)
    if fresh is None or fresh:
        training_digits = LocatedDigits.TRAINING_DIGITS
        digits, labels = load_digits(
            split, source=source, data_dir=data_dir, training_digits=training_digits
        )
        draw = LocatedDigits(digits, labels, variant, size=size)
        return draw_batches(draw, len(digits), **vars(batching))
    arrays = _prepared("located_mnist", variant, split, source, data_dir)
    return _batches(*arrays, batching).map(lambda images, labels: (downscale(images, size), labels))


def _batching(split, batch_size, shuffle, seed, first_batch, share):
    shuffle = split == "train" if shuffle is None else shuffle
    return Batching(batch_size, shuffle, seed, first_batch, share)


def _known_variant(variant, variants):
    variant = next(iter(variants)) if variant is None else variant
    if variant not in variants:
        raise ValueError(f"There is no variant {variant!r}; expected one of {', '.join(variants)}.")
    return variant


def _prepared(name, variant, split, source, data_dir):
    """Returns the images, uint8, and the targets of a prepared set, as arrays."""
    checks.optional(checks.paths, data_dir=data_dir)
    check_source(split, source)
    import tensorflow_datasets as tfds

    from keras_multigrid.datasets.builders import configuration_name  # registers the builders

    builder = tfds.builder(f"{name}/{configuration_name(source, variant)}", data_dir=data_dir)
    if not builder.is_prepared():
        # Missing digits are an error before any work.
        load_digits("test", source=source, data_dir=data_dir)
    builder.download_and_prepare()
    if builder.info.file_format.value == "array_record":  # for random access; no `tf.data` of it
        names = builder.info.supervised_keys
        samples = [[sample[name] for name in names] for sample in builder.as_data_source(split)]
        return tuple(map(np.stack, zip(*samples)))
    dataset = builder.as_dataset(split=split, as_supervised=True).batch(CHUNK)
    images, targets = zip(*dataset.as_numpy_iterator())
    return np.concatenate(images), np.concatenate(targets)


def _batches(images, targets, batching):
    """Returns batches out of arrays; masks become float32."""
    import tensorflow as tf

    with tf.device("cpu"):  # where pipelines run
        images, targets = tf.constant(images), tf.constant(targets)
    dtype = tf.float32 if targets.dtype == tf.bool else targets.dtype

    def of_batch(indices, key):
        pixels = tf.cast(tf.gather(images, indices), tf.float32) / 255
        return pixels, tf.cast(tf.gather(targets, indices), dtype)

    return map_batches(of_batch, len(images), batching)
