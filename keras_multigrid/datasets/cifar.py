"""CIFAR-10 and CIFAR-100, whitened, enlarged, cropped and mirrored (paper, section 4.1)."""

import re

import numpy as np
from keras import ops

from keras_multigrid import checks
from keras_multigrid.datasets.downloading import described, load_downloadable
from keras_multigrid.datasets.pipeline import Batching, map_batches
from keras_multigrid.layers.zca_whitening import ZCAWhitening

NAMES = ("cifar10", "cifar100")
SIDE, ENLARGED = 32, 36
SHIFTS = ENLARGED - SIDE + 1  # places of a crop along one axis
INSIDE = slice((ENLARGED - SIDE) // 2, (ENLARGED + SIDE) // 2)
CENTRE = (slice(None), INSIDE, INSIDE)
CHUNK = 1000  # images prepared at once: bounds the memory
WHITE = np.float32(255)


def load_cifar(
    name,
    split,
    batch_size,
    *,
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    augment=None,
    whitening=None,
):
    """Returns batches of CIFAR as the paper prepares it.

    Images are whitened, enlarged to 36x36 and cropped to 32x32: for training anywhere and mirrored
    half of the time, for testing in the centre. What does not change from pass to pass is done
    once, here, and kept in memory: 778 MB for the 50,000 training images, 123 MB for the 10,000 of
    the test. Same seed, same data, whatever the number of threads.

    Args:
        name: `"cifar10"` or `"cifar100"`.
        split: A split of TensorFlow Datasets, such as `"train"`, `"test"` or `"train[45000:]"`.
        batch_size, seed, data_dir, first_batch, share: As for `load`.
        shuffle: Whether each pass has another order; None: if `augment`.
        augment: Whether crops and mirroring are random; None: where `split` starts with "train".
        whitening: An adapted `ZCAWhitening`; None fits one to the whole training set, which takes
            half a minute: fit it once for several splits, with `fit_whitening`.

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, 32, 32, 3)` and int64 labels `(batch,)`.

    Raises:
        ValueError: If there is no such name or split, `whitening` is not an adapted layer, or
            another argument is wrong.
        OSError: If the data can neither be read nor downloaded.

    Example:

    >>> import tensorflow_datasets as tfds
    >>> from keras_multigrid.datasets import load_cifar
    >>> from keras_multigrid.layers import ZCAWhitening
    >>> whitening = ZCAWhitening()
    >>> whitening.build((None, 32, 32, 3))  # the identity; for training, fit_whitening("cifar10")
    >>> with tfds.testing.mock_data(num_examples=6):  # stands in for the data
    ...     data = load_cifar("cifar10", "train", batch_size=4, whitening=whitening)
    >>> [tuple(images.shape) for images, labels in data]
    [(4, 32, 32, 3), (2, 32, 32, 3)]
    """
    checks.optional(checks.flags, augment=augment)
    augment = str(split).startswith("train") if augment is None else augment
    shuffle = augment if shuffle is None else shuffle
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    if whitening is not None and not (isinstance(whitening, ZCAWhitening) and whitening.built):
        raise ValueError(
            f"whitening is {whitening!r}; expected an adapted ZCAWhitening, as fit_whitening "
            "returns, or None."
        )
    import tensorflow as tf

    images, labels = load_raw(name, split, data_dir=data_dir)
    whitening = whitening or fit_whitening(name, data_dir=data_dir)
    images = _whitened_and_enlarged(images, whitening)
    with tf.device("cpu"):  # where pipelines run
        images = tf.constant(images if augment else images[CENTRE])
        labels = tf.constant(labels)

    def of_batch(indices, key):
        batch = tf.gather(images, indices)
        return _random_crops(batch, key) if augment else batch, tf.gather(labels, indices)

    return map_batches(of_batch, len(labels), batching)


def fit_whitening(name, *, data_dir=None):
    """Returns the whitening of a training set, for the `whitening` of `load_cifar`.

    In a model it is saved with a run, in 38 MB: `keras.Sequential([keras.Input((32, 32, 3)),
    whitening])`.

    Args:
        name: `"cifar10"` or `"cifar100"`.
        data_dir: As for `load`.

    Returns:
        A `ZCAWhitening` adapted to the whole split "train", of images in [0, 1].

    Raises:
        ValueError: If there is no such name.
        OSError: If the data can neither be read nor downloaded.

    Example:

    >>> import tensorflow_datasets as tfds
    >>> from keras_multigrid.datasets import fit_whitening
    >>> with tfds.testing.mock_data(num_examples=6):  # stands in for the data
    ...     whitening = fit_whitening("cifar10")
    >>> tuple(whitening.matrix.shape)
    (3072, 3072)
    """
    images, _ = load_raw(name, "train", data_dir=data_dir)
    whitening = ZCAWhitening(dtype="float32")
    whitening.adapt(images / WHITE)
    return whitening


def load_raw(name, split, *, data_dir=None):
    """Returns uint8 images and int64 labels, as arrays."""
    checks.texts(name=name)
    checks.optional(checks.paths, data_dir=data_dir)
    if name not in NAMES:
        raise ValueError(f"There is no data set {name!r}; expected one of {', '.join(NAMES)}.")
    expected = 'expected "train" or "test", or a part or sum of them, such as "train[:45000]"'
    # Where the data are missing, TensorFlow Datasets would try to download them first.
    if not isinstance(split, str) or not re.match(r"(train|test|all)\b", split):
        raise ValueError(f"{name} has no split {split!r}; {expected}.")
    try:
        dataset = load_downloadable(name, data_dir, split=split)
        chunks = list(dataset.batch(CHUNK).as_numpy_iterator())
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{name} has no split {split!r} ({reason}); {expected}.") from error
    except Exception as error:
        raise OSError(
            f"{name} can neither be read from data_dir={data_dir!r} nor downloaded "
            f"({described(error)}). Name the data_dir of a copy that `keras-multigrid data {name} "
            "--data-dir DIR` prepared where there is a network."
        ) from error
    if not chunks:
        raise ValueError(f"{name} has no images in split {split!r}; {expected}.")
    images, labels = zip(*chunks)
    return np.concatenate(images), np.concatenate(labels)


def _whitened_and_enlarged(images, whitening):
    import tensorflow as tf

    enlarged = np.empty((len(images), ENLARGED, ENLARGED, 3), "float32")
    with tf.device("cpu"):  # a GPU would multiply in TensorFloat-32, with three digits
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            white = ops.convert_to_numpy(whitening(images[part] / WHITE))
            enlarged[part] = tf.image.resize(white, (ENLARGED, ENLARGED))
    return enlarged


def _random_crops(images, key):
    """Returns a random window of each image, mirrored half of the time."""
    import tensorflow as tf

    draws = tf.random.stateless_uniform(
        tf.shape(images)[:1], key, minval=0, maxval=SHIFTS * SHIFTS * 2, dtype=tf.int32
    )
    top, left, mirrored = draws % SHIFTS, draws // SHIFTS % SHIFTS, draws // SHIFTS**2
    inside = tf.range(SIDE)
    rows = top[:, None] + inside
    columns = left[:, None] + tf.where(mirrored[:, None] == 1, SIDE - 1 - inside, inside)
    cropped = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(cropped, columns, axis=2, batch_dims=1)
