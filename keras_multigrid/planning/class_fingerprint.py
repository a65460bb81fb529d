"""What a plan for classification is made of: sizes, values and classes of the training images."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassFingerprint:
    """Facts of the training images.

    Attributes:
        counts: How many there are of each class.
        side: Median of the shorter sides.
        mean, deviation: Of the values, a number for each channel.
    """

    counts: tuple[int, ...]
    side: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def images(self):
        """How many there are."""
        return sum(self.counts)


def class_fingerprint(samples, counts):
    """Measures images.

    Args:
        samples: Iterable of images `(height, width, channels)`, some of those that there are.
        counts: How many there are of each class.

    Returns:
        A `ClassFingerprint`.

    Raises:
        ValueError: If there are no samples.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.planning import class_fingerprint
    >>> facts = class_fingerprint([np.full((20, 30, 3), 7, "uint8")], counts=[5, 4])
    >>> facts.images, facts.side, facts.mean
    (9, 20, (7.0, 7.0, 7.0))
    """
    sides, means, squares = [], [], []
    for image in samples:  # each counts alike, as each fills the network's input
        sides.append(min(image.shape[:2]))
        pixels = image.reshape(-1, image.shape[-1]).astype("float64")
        means.append(pixels.mean(axis=0))
        squares.append((pixels**2).mean(axis=0))
    if not sides:
        raise ValueError("There are no training images to plan by.")
    mean = np.mean(means, axis=0)
    variance = np.mean(squares, axis=0) - mean**2
    return ClassFingerprint(
        counts=tuple(int(count) for count in counts),
        side=int(np.median(sides)),
        mean=_rounded(mean),
        deviation=_rounded(np.sqrt(np.maximum(variance, 1))),  # a grey level at least
    )


def _rounded(values):
    return tuple(float(f"{value:.6g}") for value in values)
