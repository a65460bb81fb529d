"""Attention by occlusion, one position after the other, in plain NumPy."""

import numpy as np


def occlusion_map(function, image, probe, occluder, stride=1, window=3, threshold=0, channel=None):
    """Returns the map of one probe; `function` takes and returns images without a batch."""
    before = function(image)
    height, width = image.shape[:2]
    side, reach = len(occluder), window // 2
    attention = np.zeros((height, width))
    for row in range(0, height - side + 1, stride):
        for column in range(0, width - side + 1, stride):
            occluded = image.copy()
            occluded[row : row + side, column : column + side] = occluder
            change = np.abs(function(occluded) - before)
            change = change.max(-1) if channel is None else change[..., channel]
            around = change[
                max(probe[0] - reach, 0) : probe[0] + reach + 1,
                max(probe[1] - reach, 0) : probe[1] + reach + 1,
            ].max()
            if around >= threshold:
                attention[row : row + side, column : column + side] += around
    return attention


def noise(seed, side, images, low=None, high=None):
    """Returns the occluder: uniform noise in the range of the images."""
    low, high = images.min() if low is None else low, images.max() if high is None else high
    shape = (side, side, images.shape[-1])
    return np.random.default_rng(seed).uniform(low, high, shape).astype("float32")
