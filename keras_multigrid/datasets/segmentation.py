"""Synthetic segmentation: overlapping digits, a mask for each class (paper, section 4.2)."""

import math
from typing import ClassVar

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.drawing import (
    THRESHOLD,
    DigitBank,
    centred_positions,
    in_place,
    rotations,
)

CLASSES = 10
MEAN_COUNT, COUNT_DEVIATION = 5, 0.5  # the number of digits is this normal number, rounded up
MOST_DIGITS = 10  # that number never gets there
ROTATION = 60  # degrees
SCALE = (0.5, 1.25)
OVERLAP = 0.3  # largest share of a new digit's non-zero pixels that may be taken already
TRIES = 10  # places tried at one scale
WORD = 64  # a row of the canvas is an integer of so many bits


class Segmentation:
    """Draws images of about five overlapping digits, and the masks of the ten classes.

    A digit is rotated by up to 60 degrees, scaled by 0.5 to 1.25, its maximum set to 1, and put at
    a random place inside the canvas where at most 30 % of its non-zero pixels are taken; if ten
    places do not do, another scale is drawn. Digits add up, clipped at 1. A pixel belongs to a
    class where one of its digits has an intensity of at least 0.3.

    Args:
        digits: Images in [0, 1] of shape `(samples, side, side)`.
        labels: Their classes, 0 to 9.
        canvas: Side of the images in pixels, at most 64.

    Raises:
        ValueError: If the digits have another shape, or the canvas is too small or too large.

    Example:

    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets import Segmentation, load_digits
    >>> draw = Segmentation(*load_digits("test", source="digits"))
    >>> images, masks = draw(tf.range(2), tf.constant([0, 1], tf.int64))
    >>> images.shape, masks.shape
    (TensorShape([2, 64, 64, 1]), TensorShape([2, 64, 64, 10]))
    """

    SAMPLES: ClassVar = {"train": 10_000, "validation": 1_000, "test": 1_000}

    def __init__(self, digits, labels, canvas=64):
        checks.arrays(labels=labels)
        checks.positive_integers(canvas=canvas)
        self._digits = DigitBank(digits)
        self._labels = in_place(np.asarray(labels, "int32"))
        self._canvas = canvas
        self._patch = 2 * math.ceil(SCALE[1] * (self._digits.ink_radius + 1))  # holds every digit
        if not self._patch <= canvas <= WORD:
            raise ValueError(
                f"canvas is {canvas}; expected {self._patch}, which the largest digit may fill, "
                f"to {WORD} pixels."
            )

    def __call__(self, indices, key):
        """Returns images and masks of shapes `(count, canvas, canvas, 1)` and `(..., 10)`.

        Args:
            indices: Numbers of the samples, of which only the count matters.
            key: Seed, int64 of shape `(2,)`.
        """
        import tensorflow as tf

        count, canvas = indices.shape[0], self._canvas
        keys = [tf.random.fold_in(key, part) for part in range(4)]
        wanted = tf.random.stateless_normal([count], keys[0], MEAN_COUNT, COUNT_DEVIATION)
        wanted = tf.minimum(tf.cast(tf.math.ceil(wanted), tf.int32), MOST_DIGITS)
        shape = [count, MOST_DIGITS]
        numbers = tf.random.stateless_uniform(shape, keys[1], 0, self._digits.samples, tf.int32)
        angles = math.radians(ROTATION) * tf.random.stateless_uniform(shape, keys[2], -1, 1)

        def place_another(step, placed, image, taken, masks):
            # A digit keeps its angle until it has a place; scale and places are drawn anew.
            slot = tf.minimum(placed, MOST_DIGITS - 1)
            number, angle = (tf.gather(each, slot, batch_dims=1) for each in (numbers, angles))
            draws = tf.random.stateless_uniform(
                [count, 1 + 2 * TRIES], tf.random.fold_in(keys[3], step)
            )
            scale = SCALE[0] + (SCALE[1] - SCALE[0]) * draws[:, 0]
            matrices = scale[:, None, None] * rotations(angle)
            offsets = centred_positions(self._patch)
            patch = self._digits.draw(number, matrices, offsets[None, None], offsets[None, :, None])
            highest = tf.reduce_max(patch, axis=1)
            patch /= tf.reduce_max(highest, axis=1)[:, None, None]
            ink = _pack(patch > 0)
            top, height = _extent(ink != 0)
            left, width = _extent(highest > 0)
            ink = _cut(ink, top, left)
            rows, columns, fits = _find_place(ink, height, width, taken, draws[:, 1:], canvas)
            fits &= placed < wanted

            def put(digit):
                return tf.where(fits[:, None], _move(digit, rows, columns, canvas), 0)

            own = tf.range(CLASSES) == tf.gather(self._labels, number)[:, None]
            solid = put(_cut(_pack(patch >= THRESHOLD), top, left))
            masks |= tf.where(own[:, None], solid[..., None], 0)
            copied = _move_pixels(patch, rows - top, columns - left, canvas)
            image += tf.where(fits[:, None, None], copied, 0)
            return step + 1, placed + tf.cast(fits, tf.int32), image, taken | put(ink), masks

        _, _, image, _, masks = tf.while_loop(
            lambda step, placed, *_: tf.reduce_any(placed < wanted),
            place_another,
            (
                tf.constant(0),
                tf.zeros([count], tf.int32),
                tf.zeros([count, canvas, canvas]),
                tf.zeros([count, canvas], tf.int64),
                tf.zeros([count, canvas, CLASSES], tf.int64),
            ),
        )
        columns = tf.range(canvas, dtype=tf.int64)[:, None]
        masks = tf.bitwise.right_shift(masks[:, :, None], columns) & 1
        return tf.minimum(image, 1)[..., None], tf.cast(masks, tf.float32)


def _pack(masks):
    """Returns the rows of masks `(count, side, side)` as integers, bit j for column j."""
    import tensorflow as tf

    # A product of matrices is faster than a sum over bits; of 24 of them it is exact in float32.
    column = np.arange(masks.shape[2])
    parts = [np.where(column // 24 == part, 2.0 ** (column % 24), 0) for part in range(3)]
    sums = tf.tensordot(tf.cast(masks, tf.float32), tf.constant(np.stack(parts, 1), tf.float32), 1)
    words = tf.bitwise.left_shift(tf.cast(sums, tf.int64), [0, 24, 48])
    return words[..., 0] | words[..., 1] | words[..., 2]


def _extent(lines):
    """Returns the first index that is set, and the number from there to the last."""
    import tensorflow as tf

    first = tf.argmax(lines, axis=1, output_type=tf.int32)
    after = lines.shape[1] - tf.argmax(lines[:, ::-1], axis=1, output_type=tf.int32)
    return first, after - first


def _cut(rows, top, left):
    """Returns packed masks without what is above and to the left of their ink."""
    import tensorflow as tf

    side = rows.shape[1]
    below = tf.pad(rows, [[0, 0], [0, side]])
    lines = tf.gather(below, top[:, None] + tf.range(side), batch_dims=1)
    return tf.bitwise.right_shift(lines, tf.cast(left, tf.int64)[:, None])


def _find_place(ink, height, width, taken, draws, canvas):
    """Returns row and column of the first try where enough of the digit's pixels are free.

    `ink` and `taken` are packed rows of digits and canvases, of shapes `(count, side)` and `(count,
    canvas)`; `draws` are uniform numbers of shape `(count, 2 * TRIES)`, for rows and columns.
    """
    import tensorflow as tf

    def uniform(draws, size):
        return tf.cast(draws * tf.cast(canvas + 1 - size, tf.float32)[:, None], tf.int32)

    rows, columns = uniform(draws[:, :TRIES], height), uniform(draws[:, TRIES:], width)
    side = ink.shape[1]
    below = tf.pad(taken, [[0, 0], [0, side]])
    there = tf.gather(below, rows[..., None] + tf.range(side), batch_dims=1)
    moved = tf.bitwise.left_shift(ink[:, None], tf.cast(columns, tf.int64)[..., None])
    share = _count_bits(there & moved) / _count_bits(ink)[:, None]
    fits = share <= OVERLAP
    first = tf.argmax(fits, axis=1, output_type=tf.int32)
    rows, columns = (tf.gather(each, first, batch_dims=1) for each in (rows, columns))
    return rows, columns, tf.reduce_any(fits, axis=1)


def _count_bits(rows):
    import tensorflow as tf

    return tf.reduce_sum(tf.cast(tf.raw_ops.PopulationCount(x=rows), tf.int32), axis=-1)


def _move(digit, rows, columns, canvas):
    """Returns packed canvases with the packed digits at the given places."""
    import tensorflow as tf

    around = tf.pad(digit, [[0, 0], [canvas, canvas]])
    lines = tf.gather(around, canvas - rows[:, None] + tf.range(canvas), batch_dims=1)
    return tf.bitwise.left_shift(lines, tf.cast(columns, tf.int64)[:, None])


def _move_pixels(patch, rows, columns, canvas):
    """Returns canvases with the corners of patches at the given places."""
    import tensorflow as tf

    side = patch.shape[1]
    row, column = (tf.range(canvas) - place[:, None] for place in (rows, columns))
    inside = _within(row, side)[:, :, None] & _within(column, side)[:, None]
    source = row[:, :, None] * side + column[:, None]
    pixels = tf.gather(
        tf.reshape(patch, [-1, side * side]), tf.where(inside, source, 0), batch_dims=1
    )
    return tf.where(inside, pixels, 0)


def _within(position, size):
    return (position >= 0) & (position < size)
