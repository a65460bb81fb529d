"""The handwritten digits that scikit-learn ships, in splits without a common sample."""

import numpy as np

SIDE = 28
# Samples in scikit-learn's order, in which the writers of the last ones wrote none of the first.
SPLITS = {"train": slice(0, 1297), "validation": slice(1297, 1497), "test": slice(1497, 1797)}


def load_digits(split):
    """Returns the digits of a split, enlarged from 8x8 to 28x28 pixels.

    Args:
        split: `"train"` (1,297 samples), `"validation"` (200) or `"test"` (300).

    Returns:
        A tuple of float32 images in [0, 1] of shape `(samples, 28, 28)` and int64 labels.

    Raises:
        ValueError: If there is no such split.

    Example:

    >>> from keras_multigrid.datasets import load_digits
    >>> images, labels = load_digits("test")
    >>> images.shape
    (300, 28, 28)
    """
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}; expected one of {', '.join(SPLITS)}.")
    import scipy.ndimage
    import sklearn.datasets

    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    images, labels = images[SPLITS[split]].reshape(-1, 8, 8), labels[SPLITS[split]]
    enlarged = scipy.ndimage.zoom(
        images / 16, (1, SIDE / 8, SIDE / 8), order=3, mode="grid-constant", grid_mode=True
    )
    return np.clip(enlarged, 0, 1).astype("float32"), labels
