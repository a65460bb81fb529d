"""Sources of handwritten digits, in splits without a common sample."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.downloading import described, load_downloadable

SIDE = 28
CONTRAST = 3
SOURCES = ("mnist", "digits")
# scikit-learn's order keeps writers together, so that test digits are by other hands.
SCIKIT_LEARN_SPLITS = {
    "train": slice(0, 1297),
    "validation": slice(1297, 1497),
    "test": slice(1497, 1797),
}


def load_digits(split, *, source="mnist", data_dir=None, training_digits=50_000):
    """Returns handwritten digits of 28x28 pixels.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        source: `"mnist"` through TensorFlow Datasets, or `"digits"`, the 1,797 of 8x8 pixels that
            scikit-learn ships, enlarged (1,297, 200 and 300 per split; no download).
        data_dir: Where TensorFlow Datasets keeps MNIST; None is its own default.
        training_digits: How many of MNIST's 60,000 training images are for training; the others
            are for validation.

    Returns:
        A tuple of float32 images in [0, 1] of shape `(samples, 28, 28)` and int64 labels.

    Raises:
        ValueError: If there is no such split or source.
        OSError: If MNIST can neither be read nor downloaded.

    Example:

    >>> from keras_multigrid.datasets import load_digits
    >>> images, labels = load_digits("test", source="digits")
    >>> images.shape
    (300, 28, 28)
    """
    checks.optional(checks.paths, data_dir=data_dir)
    checks.positive_integers(training_digits=training_digits)
    check_source(split, source)
    if source == "digits":
        return _load_scikit_learn(split)
    parts = {"train": f"train[:{training_digits}]", "validation": f"train[{training_digits}:]"}
    return _load_mnist(parts.get(split, "test"), data_dir)


def check_source(split, source):
    """Raises a `ValueError` if there is no such split or source of digits."""
    if split not in SCIKIT_LEARN_SPLITS:
        raise ValueError(
            f"There is no split {split!r}; expected one of {', '.join(SCIKIT_LEARN_SPLITS)}."
        )
    if source not in SOURCES:
        raise ValueError(f"There is no source {source!r}; expected one of {', '.join(SOURCES)}.")


def _load_scikit_learn(split):
    import scipy.ndimage
    import sklearn.datasets

    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    part = SCIKIT_LEARN_SPLITS[split]
    images = images[part].reshape(-1, 8, 8) / 16
    enlarged = scipy.ndimage.zoom(
        images, (1, SIDE / 8, SIDE / 8), order=3, mode="grid-constant", grid_mode=True
    )
    # Their values are shares of ink in 4x4 black and white pixels: make the strokes crisp again.
    crisp = np.clip(CONTRAST * (enlarged - 0.5) + 0.5, 0, 1)
    return crisp.astype("float32"), labels[part]


def _load_mnist(part, data_dir):
    try:
        images, labels = load_downloadable("mnist", data_dir, split=part, batch_size=-1)
    except Exception as error:
        raise OSError(
            f"MNIST is neither in data_dir={data_dir!r} nor can it be downloaded "
            f"({described(error)}). Name the data_dir of a copy that `keras-multigrid data "
            "located_mnist --data-dir DIR` prepared where there is a network, or take "
            "source='digits'."
        ) from error
    return images.numpy()[..., 0].astype("float32") / 255, labels.numpy()
