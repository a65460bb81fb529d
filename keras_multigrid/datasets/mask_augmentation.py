"""Images and their masks, changed together and at random (by stateless operations)."""

import dataclasses
import math

from keras_multigrid import checks
from keras_multigrid.datasets.masks.labels import IGNORED


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskAugmentation:
    """Changes an image and its mask: the same key, the same change.

    A change of place is one resampling: bilinear for the image, whose border is mirrored, nearest
    for the mask, whose border does not count.

    Args:
        flips: Axes that may be mirrored: `"both"`, `"horizontal"` or `"none"`.
        rotation: Most degrees, to either side.
        scale: Most factor by which an image is enlarged or shrunk; 1 leaves its size.
        brightness: Most that is added, in standard deviations of the data.
        contrast: Most factor on the distance to the image's mean, or its inverse.
        gamma: Most exponent, or its inverse, of values within `value_range`.
        noise: Most standard deviation of noise, in standard deviations of the data.
        deviation: Standard deviation of the data's values.
        value_range: Smallest and largest value of the data.

    Raises:
        ValueError: If an argument is wrong.

    Example:

    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets import MaskAugmentation
    >>> augment = MaskAugmentation(rotation=0, scale=1, brightness=0, contrast=1, gamma=1, noise=0)
    >>> image, mask = tf.reshape(tf.range(4.0), (2, 2, 1)), tf.constant([[0, 1], [2, 3]])
    >>> mirrored, labels = augment(image, mask, tf.constant([3, 5], tf.int64))
    >>> bool(tf.reduce_all(mirrored[..., 0] == tf.cast(labels, tf.float32)))
    True
    """

    flips: str = "horizontal"
    rotation: float = 5.0
    scale: float = 1.25
    brightness: float = 0.2
    contrast: float = 1.2
    gamma: float = 1.2
    noise: float = 0.05
    deviation: float = 64.0
    value_range: tuple[float, float] = (0.0, 255.0)

    def __post_init__(self):
        checks.fields(self)
        if self.flips not in ("both", "horizontal", "none"):
            raise ValueError(f"flips is {self.flips!r}; expected both, horizontal or none.")
        for name in ("scale", "contrast", "gamma"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a factor from 1 on.")
        for name in ("rotation", "brightness", "noise"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a number from 0 on.")
        checks.positive_numbers(deviation=self.deviation)

    def __call__(self, image, mask, key):
        """Returns both, changed.

        Args:
            image: Float32 tensor `(height, width, channels)`.
            mask: Int32 tensor `(height, width)`.
            key: Int64 tensor of shape `(2,)`.
        """
        import tensorflow as tf

        drawn = tf.unstack(tf.random.stateless_uniform((8,), key, -1.0))
        image, mask = self._placed(image, mask, drawn[:4])
        image = self._shaded(image, drawn[4:7])
        if self.noise:
            strength = self.noise * self.deviation * tf.abs(drawn[7])
            image += strength * tf.random.stateless_normal(tf.shape(image), key + 1)
        return image, mask

    def _placed(self, image, mask, drawn):
        import tensorflow as tf

        if self.flips != "none":
            image, mask = _mirrored(image, mask, drawn[0] > 0, axis=1)
        if self.flips == "both":
            image, mask = _mirrored(image, mask, drawn[1] > 0, axis=0)
        if not self.rotation and self.scale == 1:
            return image, mask
        angle = drawn[2] * math.radians(self.rotation)
        step = tf.exp(-drawn[3] * math.log(self.scale))
        cosine, sine = step * tf.cos(angle), step * tf.sin(angle)
        sides = tf.shape(mask)
        down, right = tf.unstack((tf.cast(sides, tf.float32) - 1) / 2)
        zero = tf.zeros(())
        # From each pixel of the result to its place in the source, (x, y), about the centre.
        transform = tf.stack(
            [
                *(cosine, -sine, right - cosine * right + sine * down),
                *(sine, cosine, down - sine * right - cosine * down),
                *(zero, zero),
            ]
        )
        options = {"transforms": transform[None], "output_shape": sides}
        moved = tf.raw_ops.ImageProjectiveTransformV3
        image = moved(
            images=image[None],
            interpolation="BILINEAR",
            fill_mode="REFLECT",
            fill_value=0.0,
            **options,
        )
        mask = moved(
            images=mask[None, ..., None],
            interpolation="NEAREST",
            fill_mode="CONSTANT",
            fill_value=float(IGNORED),
            **options,
        )
        return image[0], mask[0, ..., 0]

    def _shaded(self, image, drawn):
        import tensorflow as tf

        brightness, contrast, gamma = drawn
        if self.gamma > 1:
            low, high = self.value_range
            exponent = tf.exp(gamma * math.log(self.gamma))
            share = tf.clip_by_value((image - low) / max(high - low, 1e-12), 0.0, 1.0)
            image = low + (high - low) * share**exponent
        if self.contrast > 1:
            mean = tf.reduce_mean(image)
            image = mean + (image - mean) * tf.exp(contrast * math.log(self.contrast))
        return image + brightness * self.brightness * self.deviation


def _mirrored(image, mask, is_mirrored, axis):
    import tensorflow as tf

    return tf.cond(
        is_mirrored,
        lambda: (tf.reverse(image, [axis]), tf.reverse(mask, [axis])),
        lambda: (image, mask),
    )
