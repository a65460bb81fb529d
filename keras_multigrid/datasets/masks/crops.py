"""Which part of an image is shown in training, so that rare classes are seen."""

import math

import numpy as np

from keras_multigrid.datasets.masks.labels import IGNORED


class Crops:
    """Reads samples of a split of a `MaskSet`; what is random comes as numbers in [0, 1).

    Args:
        mask_set: A `MaskSet`.
        split: Name of its split.
        crop: Height and width, or None for whole images.
        rare_share: Share of the crops that are centred on a pixel of a rare class.
    """

    def __init__(self, mask_set, split, crop, rare_share):
        self._set, self._pairs, self._crop = mask_set, mask_set.of(split), crop
        counts = mask_set.counts_of(split)
        self._showing = [np.flatnonzero(counts[:, label]) for label in rare_classes(counts)]
        self._rare = rare_classes(counts)
        self._share = rare_share if crop and len(self._rare) else 0

    def __call__(self, index, position, draws):
        """Returns an image, float32, and its mask, int32.

        Args:
            index: Number of the pair.
            position: Number of the sample in its pass.
            draws: Four numbers in [0, 1).
        """
        if self._crop is None:
            image, labels = self._set.decoded(self._pairs[index])
            return image.astype("float32"), labels.astype("int32")
        if not self._is_rare(position):
            image, labels = self._set.decoded(self._pairs[index])
            free = [max(side - part, 0) for side, part in zip(labels.shape, self._crop)]
            corner = [int(draw * (each + 1)) for draw, each in zip(draws, free)]
        else:
            which = int(draws[0] * len(self._rare))
            showing = self._showing[which]
            image, labels = self._set.decoded(self._pairs[showing[int(draws[1] * len(showing))]])
            pixels = np.flatnonzero(labels == self._rare[which])
            centre = np.unravel_index(pixels[int(draws[2] * len(pixels))], labels.shape)
            corner = [
                min(max(place - part // 2, 0), max(side - part, 0))
                for place, part, side in zip(centre, self._crop, labels.shape)
            ]
        window = tuple(slice(start, start + part) for start, part in zip(corner, self._crop))
        return self._filled(image[window].astype("float32"), labels[window].astype("int32"))

    def _is_rare(self, position):
        """Spreads the share evenly: of three samples in a row, one is rare if it is a third."""
        return math.floor((position + 1) * self._share) > math.floor(position * self._share)

    def _filled(self, image, labels):
        missing = [(0, part - side) for part, side in zip(self._crop, labels.shape)]
        if not np.any(missing):
            return image, labels
        image = np.pad(image, [*missing, (0, 0)], mode="symmetric")
        return image, np.pad(labels, missing, constant_values=IGNORED)


def rare_classes(counts):
    """Returns the classes that are there, but in fewer pixels than the median of those there.

    Args:
        counts: Pixels of each class in each image, `(images, classes)`.
    """
    total = counts.sum(axis=0)
    there = total > 0
    return np.flatnonzero(there & (total < np.median(total[there]))) if there.any() else []
