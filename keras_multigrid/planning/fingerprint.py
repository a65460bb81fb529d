"""What a plan is made of: sizes, values and classes of the training data."""

import dataclasses

import numpy as np

MOST_READ = 200  # images; more would change little
SAMPLED_VALUES = 10_000  # of each image and channel, for the range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Facts of the training images and masks.

    Attributes:
        images: How many there are.
        height, width: Medians.
        smallest: Smallest height and width.
        mean, deviation: Of the values, a number for each channel.
        value_range: Percentiles 0.5 and 99.5 of the values.
        shares: Share of each class in the pixels that count.
        thickness: For each class the mean thickness of its regions in pixels: twice the area over
            the length of the boundary; 0 for classes that do not occur.
        upright: How much images have a top and a bottom: by how much the shares of a class in the
            upper and the lower half differ, from 0 to 1, the mean over classes.
    """

    images: int
    height: int
    width: int
    smallest: tuple[int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    value_range: tuple[float, float]
    shares: tuple[float, ...]
    thickness: tuple[float, ...]
    upright: float


def fingerprint(samples, classes, count=None):
    """Measures images and their masks.

    Args:
        samples: Iterable of images `(height, width, channels)` and labels `(height, width)`,
            negative where they do not count.
        classes: Number of classes.
        count: How many images there are; None is how many samples there are.

    Returns:
        A `Fingerprint`.

    Raises:
        ValueError: If there are no samples, or no pixel counts.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.planning import fingerprint
    >>> image, labels = np.zeros((8, 9, 1), "uint8"), np.zeros((8, 9), "int32")
    >>> labels[:, 3:6] = 1  # a stripe
    >>> facts = fingerprint([(image, labels)], classes=2)
    >>> facts.height, facts.thickness[1], round(facts.shares[1], 3)
    (8, 3.0, 0.333)
    """
    sizes, sums, squares, pixels, values = [], 0.0, 0.0, 0, []
    areas, boundaries, upper = np.zeros(classes), np.zeros(classes), np.zeros(classes)
    for image, labels in samples:
        sizes.append(image.shape[:2])
        flat = image.reshape(-1, image.shape[-1]).astype("float64")
        sums, squares = sums + flat.sum(axis=0), squares + (flat**2).sum(axis=0)
        pixels += len(flat)
        values.append(flat[:: max(1, len(flat) // SAMPLED_VALUES)].ravel())
        areas += _pixels(labels, classes)
        upper += _pixels(labels[: len(labels) // 2], classes)
        boundaries += _boundaries(labels, classes)
    if not sizes:
        raise ValueError("There are no training images to plan by.")
    if not areas.any():
        raise ValueError("No pixel of the training masks counts; give masks that have classes.")
    mean = sums / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    low, high = np.percentile(np.concatenate(values), (0.5, 99.5))
    height, width = np.median(sizes, axis=0)
    return Fingerprint(
        images=count or len(sizes),
        height=int(height),
        width=int(width),
        smallest=tuple(int(side) for side in np.min(sizes, axis=0)),
        mean=_rounded(mean),
        deviation=_rounded(np.maximum(deviation, 1e-6)),
        value_range=_rounded((low, high)),
        shares=_rounded(areas / max(areas.sum(), 1)),
        thickness=_rounded(2 * areas / np.maximum(boundaries, 1)),
        upright=float(np.abs(2 * upper / np.maximum(areas, 1) - 1)[areas > 0].mean()),
    )


def _pixels(labels, classes):
    return np.bincount(labels[labels >= 0], minlength=classes)


def _boundaries(labels, classes):
    """Returns for each class how many sides of its pixels border on other classes."""
    counts = np.zeros(classes)
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        differ = (one != other) & (one >= 0) & (other >= 0)
        for side in (one, other):
            counts += np.bincount(side[differ], minlength=classes)
    return counts


def _rounded(values):
    return tuple(float(f"{value:.6g}") for value in values)
