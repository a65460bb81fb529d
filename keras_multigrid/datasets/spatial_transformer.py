"""The spatial transformation task: undo what was done to a digit (paper, section 4.3)."""

import dataclasses
import math
from typing import ClassVar

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.drawing import (
    THRESHOLD,
    DigitBank,
    centred_positions,
    in_place,
    random_affine,
    stack_matrix,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distortion:
    """How digits are distorted; the defaults are the paper's.

    Attributes:
        rotation: Largest angle, in degrees, to either side.
        shear: Largest shearing angle, in degrees, to either side, along x or y.
        scale: Smallest and largest factor.
        translation: Whether the digit is put anywhere on the canvas; if not, in the centre.
        digit_share: Side of an undistorted digit's image, relative to the canvas.

    Example:

    >>> from keras_multigrid.datasets import Distortion
    >>> Distortion(rotation=0, shear=0, scale=(1, 1)).digit_share  # translation alone
    0.4375
    """

    rotation: float = 60
    shear: float = 60
    scale: tuple = (0.5, 1.5)
    translation: bool = True
    digit_share: float = 28 / 64

    def __post_init__(self):
        checks.fields(self)
        if not 0 < self.digit_share <= 1:
            raise ValueError(f"digit_share is {self.digit_share}; expected above 0, at most 1.")


_ALONE = Distortion(rotation=0, shear=0, scale=(1, 1), translation=False)
DISTORTIONS = {
    "all": Distortion(),
    "rotation": dataclasses.replace(_ALONE, rotation=60),
    "scaling": dataclasses.replace(_ALONE, scale=(0.5, 1.5)),
    "affine": dataclasses.replace(_ALONE, shear=60),
    "translation": dataclasses.replace(_ALONE, translation=True),
}


class SpatialTransformer:
    """Draws a distorted, displaced digit, and the mask of the untouched one in the centre.

    A digit is rotated, sheared along x or y, scaled, all uniformly at random, and put at a uniform
    position inside the canvas; one too large for the canvas is centred. Pixels belong to the mask
    where the upright digit has an intensity of at least 0.3.

    Args:
        digits: Images in [0, 1] of shape `(samples, side, side)`.
        canvas: Side of the images in pixels.
        distortion: A `Distortion`.

    Raises:
        ValueError: If `digits` has another shape.

    Example:

    >>> from keras_multigrid.datasets import SpatialTransformer, draw_batches, load_digits
    >>> digits, _ = load_digits("test", source="digits")
    >>> draw = SpatialTransformer(digits, canvas=32)
    >>> images, masks = next(iter(draw_batches(draw, samples=4, batch_size=4)))
    >>> images.shape, masks.shape
    (TensorShape([4, 32, 32, 1]), TensorShape([4, 32, 32, 1]))
    """

    SAMPLES: ClassVar = {"train": 60_000, "validation": 1_000, "test": 10_000}

    def __init__(self, digits, canvas=64, distortion=Distortion()):
        checks.positive_integers(canvas=canvas)
        checks.instances(Distortion, distortion=distortion)
        self._bank = DigitBank(digits)
        self._canvas = canvas
        self._distortion = distortion
        self._zoom = distortion.digit_share * canvas / self._bank.side
        self._inked = in_place(np.asarray(digits) >= THRESHOLD)
        self._masks = self._upright_masks()

    def __call__(self, indices, key):
        """Returns images and masks, float32 of shape `(count, canvas, canvas, 1)`.

        Args:
            indices: Numbers of the samples, of which only the count matters.
            key: Seed, int64 of shape `(2,)`.
        """
        import tensorflow as tf

        count = indices.shape[0]
        keys = [tf.random.fold_in(key, part) for part in range(3)]
        number = tf.random.stateless_uniform([count], keys[0], 0, self._bank.samples, tf.int32)
        how = self._distortion
        matrices = self._zoom * random_affine(keys[1], count, how.rotation, how.shear, how.scale)
        shifts = tf.zeros([count, 2])
        if how.translation:
            draws = tf.random.stateless_uniform([count, 2], keys[2], -0.5, 0.5)
            shifts = self._place(tf.gather(self._inked, number), matrices, draws)
        x, y = (
            centred_positions(self._canvas) - shift[:, None] for shift in tf.unstack(shifts, 2, 1)
        )
        images = self._bank.draw(number, matrices, x[:, None], y[..., None])
        border = (self._canvas - self._masks.shape[1]) // 2
        masks = tf.pad(
            tf.cast(tf.gather(self._masks, number), tf.float32),
            [[0, 0], [border] * 2, [border] * 2],
        )
        return images[..., None], masks[..., None]

    def _place(self, inked, matrices, draws):
        """Returns where the digits' centres go, relative to the canvas' centre, (x, y)."""
        import tensorflow as tf

        y, x = np.meshgrid(*[centred_positions(self._bank.side)] * 2, indexing="ij")
        offsets = np.stack([x, y]).reshape(2, -1)
        moved = tf.matmul(matrices, tf.constant(offsets)[None])
        inked = tf.reshape(inked, [-1, 1, offsets.shape[1]])
        lowest = tf.reduce_min(tf.where(inked, moved, math.inf), axis=2)
        highest = tf.reduce_max(tf.where(inked, moved, -math.inf), axis=2)
        free = tf.maximum(self._canvas - 1 - (highest - lowest), 0)
        return draws * free - (lowest + highest) / 2

    def _upright_masks(self):
        """Returns the masks of all digits, without the empty border they have on the canvas."""
        import tensorflow as tf

        side = min(math.ceil(self._zoom * (self._bank.side + 1)), self._canvas)  # and its fringe
        side += (self._canvas - side) % 2  # so that it lies in the very centre
        pixels = centred_positions(side)
        masks = []
        for number in tf.data.Dataset.range(self._bank.samples).batch(4096):
            zooms = tf.fill([tf.size(number)], tf.constant(self._zoom, tf.float32))
            matrices = stack_matrix(zooms, 0, 0, zooms)
            upright = self._bank.draw(number, matrices, pixels[None, None], pixels[None, :, None])
            masks.append((upright >= THRESHOLD).numpy())
        return in_place(np.concatenate(masks))
