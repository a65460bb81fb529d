"""Drawing of transformed digits, in TensorFlow operations that XLA compiles.

XLA turns the many small operations into a few loops: several times the speed of TensorFlow's own
kernels, `ImageProjectiveTransformV3` among them, on a CPU.
"""

import numpy as np

from keras_multigrid import checks

THRESHOLD = 0.3  # intensity from which a pixel belongs to the digit


def random_affine(key, count, rotation=0.0, shear=0.0, scale=(1.0, 1.0)):
    """Draws matrices that rotate, then shear along x or y, then scale, as a `Distortion` says.

    They are float32 of shape `(count, 2, 2)`, from digit to canvas, in the order (x, y).
    """
    import tensorflow as tf

    draws = tf.unstack(tf.random.stateless_uniform([4, count], key))
    angle = np.deg2rad(rotation) * (2 * draws[0] - 1)
    slant = tf.tan(np.deg2rad(shear) * (2 * draws[1] - 1))
    factor = scale[0] + (scale[1] - scale[0]) * draws[2]
    along_x = draws[3] < 0.5
    sheared = stack_matrix(
        1, tf.where(along_x, slant, 0.0), tf.where(along_x, 0.0, slant), tf.ones([count])
    )
    return factor[:, None, None] * tf.matmul(sheared, rotations(angle))


def rotations(angles):
    """Returns the matrices, of shape `(count, 2, 2)`, of angles in radians."""
    import tensorflow as tf

    cos, sin = tf.cos(angles), tf.sin(angles)
    return stack_matrix(cos, -sin, sin, cos)


def stack_matrix(xx, xy, yx, yy):
    """Returns matrices of shape `(count, 2, 2)` from their entries, `yy` of shape `(count,)`."""
    import tensorflow as tf

    entries = [tf.cast(entry, tf.float32) * tf.ones_like(yy) for entry in (xx, xy, yx, yy)]
    return tf.reshape(tf.stack(entries, axis=-1), [-1, 2, 2])


def square_images(digits):
    """Returns digits as a float32 array, or raises an error if they are not square images."""
    checks.arrays(digits=digits)
    images = np.asarray(digits, "float32")
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"digits have shape {images.shape}; expected (samples, side, side).")
    return images


class DigitBank:
    """Handwritten digits, to be drawn transformed.

    Args:
        digits: Array of shape `(samples, side, side)`, values in [0, 1].
    """

    def __init__(self, digits):
        images = square_images(digits)
        self.samples, self.side, _ = images.shape
        centred = np.argwhere((images > 0).any(axis=0)) - (self.side - 1) / 2
        self.ink_radius = float(np.linalg.norm(centred, axis=1).max())
        self._pixels = in_place(np.pad(images, ((0, 0), (1, 1), (1, 1))).ravel())

    def draw(self, index, matrices, x, y):
        """Draws digits by linear interpolation, zero outside of their images.

        Args:
            index: Which digits, of shape `(count,)`.
            matrices: From digit to canvas, of shape `(count, 2, 2)`, in the order (x, y).
            x: Of shape `(count, 1, width)`: pixels' positions relative to the digits' centres.
            y: Of shape `(count, height, 1)`, likewise.

        Returns:
            Float32 images of shape `(count, height, width)`.
        """
        import tensorflow as tf

        side = self.side + 2
        (xx, xy), (yx, yy) = (tf.unstack(row, axis=-1) for row in tf.unstack(matrices, axis=1))
        determinant = xx * yy - xy * yx

        def backward(along_x, along_y):
            position = (
                (along_x / determinant)[:, None, None] * x
                + (along_y / determinant)[:, None, None] * y
                + (side - 1) / 2
            )
            position = tf.clip_by_value(position, 0, side - 1)  # the border is black
            corner = tf.minimum(tf.floor(position), side - 2)
            return tf.cast(corner, tf.int32), position - corner

        column, right = backward(yy, -xy)
        row, down = backward(-yx, xx)
        start = (tf.cast(index, tf.int32)[:, None, None] * side + row) * side + column

        def pixel(offset):
            return tf.gather(self._pixels, start + offset)

        upper = (1 - right) * pixel(0) + right * pixel(1)
        lower = (1 - right) * pixel(side) + right * pixel(side + 1)
        return (1 - down) * upper + down * lower


def centred_positions(side):
    """Returns the positions of `side` pixels relative to their centre."""
    return np.arange(side, dtype="float32") - (side - 1) / 2


def in_place(array):
    """Returns a tensor that compiled functions read where it is; constants they copy each time."""
    import tensorflow as tf

    with tf.device("cpu"):
        return tf.constant(array)
