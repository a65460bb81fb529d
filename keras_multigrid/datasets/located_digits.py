"""A digit anywhere on a larger canvas, to be classified (second paper, section 4.1)."""

import functools

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.drawing import in_place, square_images

CANVAS = 56
BACKGROUNDS = ("plain", "noisy", "textured")
NOISE = 0.1  # share of the pixels that are salt or pepper, half of them each
TEXTURE_SIDE = 256


class LocatedDigits:
    """Puts digits at uniform random places on a canvas of 56x56 pixels.

    The canvas is black ("plain"), or 10 % of its pixels become black or white ("noisy"), or a
    random piece of a grass-like texture lies behind the digit ("textured"). The paper's picture of
    grass is not published: ours is procedural, `grass_texture`. Then the image is downscaled by
    means over areas.

    Args:
        digits: Images in [0, 1] of shape `(samples, 28, 28)`.
        labels: Their classes.
        background: `"plain"`, `"noisy"` or `"textured"`.
        size: Side of the images in pixels, 56 or a divisor of it; the paper's are 14, 28, 56.

    Raises:
        ValueError: If the digits have another shape, or there is no such background or size.

    Example:

    >>> from keras_multigrid.datasets import LocatedDigits, draw_batches, load_digits
    >>> digits, labels = load_digits("test", source="digits")
    >>> draw = LocatedDigits(digits, labels, background="noisy", size=28)
    >>> images, labels = next(iter(draw_batches(draw, samples=300, batch_size=4)))
    >>> images.shape, labels.shape
    (TensorShape([4, 28, 28, 1]), TensorShape([4]))
    """

    TRAINING_DIGITS = 55_000  # of MNIST's 60,000; the others are for validation

    def __init__(self, digits, labels, background="plain", *, size=CANVAS):
        checks.arrays(labels=labels)
        digits = square_images(digits)
        checks.integers(0, CANVAS, **{"side of the digits": digits.shape[1]})
        if background not in BACKGROUNDS:
            raise ValueError(
                f"There is no background {background!r}; expected one of {', '.join(BACKGROUNDS)}."
            )
        check_size(size)
        self._digits = in_place(digits)
        self._labels = in_place(np.asarray(labels, "int64"))
        self._background = background
        self.jit_compile = background != "noisy"  # XLA draws noise ten times slower than TensorFlow
        self._size = size

    def __call__(self, indices, key):
        """Returns images of shape `(count, size, size, 1)` in [0, 1], and labels.

        Args:
            indices: Which digits, of shape `(count,)`.
            key: Seed, int64 of shape `(2,)`.
        """
        import tensorflow as tf

        count, side = indices.shape[0], self._digits.shape[1]
        keys = [tf.random.fold_in(key, part) for part in range(3)]
        corners = tf.random.stateless_uniform([count, 2], keys[0], 0, CANVAS - side + 1, tf.int32)
        around = [[0, 0], [CANVAS - side] * 2, [CANVAS - side] * 2]
        images = _windows(tf.pad(tf.gather(self._digits, indices), around), CANVAS - side - corners)
        if self._background == "textured":
            texture = tf.repeat(tf.constant(grass_texture())[None], count, axis=0)
            limit = TEXTURE_SIDE - CANVAS + 1
            places = tf.random.stateless_uniform([count, 2], keys[1], 0, limit, tf.int32)
            images += (1 - images) * _windows(texture, places)
        if self._background == "noisy":
            draws = tf.random.stateless_uniform(images.shape, keys[2])
            images = tf.where(draws < NOISE / 2, 0.0, tf.where(draws < NOISE, 1.0, images))
        images = downscale(images[..., None], self._size)
        return images, tf.gather(self._labels, indices)


def check_size(size):
    """Raises a `ValueError` if images cannot be downscaled to a size."""
    checks.integers(size=size)
    if not 1 <= size <= CANVAS or CANVAS % size:
        raise ValueError(f"size is {size}; expected a divisor of {CANVAS}, such as 14 or 28.")


def downscale(images, size):
    """Returns images `(count, 56, 56, 1)` at another size, by means over areas."""
    import tensorflow as tf

    areas = tf.reshape(images, [-1, size, CANVAS // size, size, CANVAS // size, 1])
    return tf.reduce_mean(areas, axis=[2, 4])


def _windows(images, corners):
    """Returns windows of the canvas' size from images `(count, side, side)`, at (row, column)."""
    import tensorflow as tf

    pixels = tf.range(CANVAS)
    rows = tf.gather(images, corners[:, :1] + pixels, batch_dims=1)
    columns = tf.gather(tf.transpose(rows, [0, 2, 1]), corners[:, 1:] + pixels, batch_dims=1)
    return tf.transpose(columns, [0, 2, 1])


@functools.cache
def grass_texture():
    """Returns the texture, of shape `(256, 256)` in [0, 1]: noise smoothed along leaning blades."""
    from scipy.ndimage import gaussian_filter, rotate

    rng = np.random.default_rng(0)
    blades = np.zeros([TEXTURE_SIDE, TEXTURE_SIDE])
    for lean in (-25, -10, 0, 15, 30):  # degrees
        noise = rng.normal(size=[2 * TEXTURE_SIDE] * 2)
        smooth = rotate(gaussian_filter(noise, (6, 0.7)), lean, reshape=False, order=1)
        inner = smooth[TEXTURE_SIDE // 2 :, TEXTURE_SIDE // 2 :][:TEXTURE_SIDE, :TEXTURE_SIDE]
        blades = np.maximum(blades, inner / inner.std())
    return np.clip(0.05 + 0.2 * blades, 0, 1).astype("float32")
