"""Images resized, and what is cut out of them, as TensorFlow graph functions."""

from keras_multigrid.decoding import decode

STRIP_PART = 4  # times the shorter side: more than crops show, with their margins


def resize(image, sides):
    """Resizes a uint8 image to a new height and width as Torch's `image.scale` does.

    Interpolation is bilinear. Where both sides become smaller it is by means over areas instead, as
    large photographs would otherwise become a sample of their pixels.
    """
    import tensorflow as tf

    shrinks = tf.reduce_all(tf.shape(image)[:2] >= sides)
    return tf.cond(
        shrinks,
        lambda: tf.image.resize(image, sides, method="area") / 255,
        lambda: tf.image.resize(image, sides) / 255,
    )


def resized(encoded, shorter):
    """Returns the decoded image, its shorter side resized to `shorter` and its aspect kept.

    Of a strip the parts are left out that neither the centre nor the ten crops show: resized, a
    line of 4000 pixels would take gigabytes.
    """
    import tensorflow as tf

    image = decode(encoded)
    sides = tf.shape(image)[:2]
    is_strip = tf.reduce_max(sides) > 2 * STRIP_PART * tf.reduce_min(sides)
    image = tf.cond(is_strip, lambda: _parts_of_strip(image), lambda: image)
    sides = tf.shape(image)[:2]
    return resize(image, shorter * sides // tf.reduce_min(sides))


def _parts_of_strip(image):
    """Returns both ends, half a `STRIP_PART` each, and the middle of an image, joined."""
    import tensorflow as tf

    sides = tf.shape(image)[:2]
    part = STRIP_PART * tf.reduce_min(sides)
    for axis in (0, 1):
        numbers = tf.range(sides[axis])
        doubled = tf.abs(2 * numbers + 1 - sides[axis])  # distances from the middle, symmetrical
        kept = (doubled < part) | (doubled >= sides[axis] - part)
        image = tf.gather(image, numbers[kept], axis=axis)
    return image


def resized_centre(encoded, shorter, size):
    """Returns the central square of `size` pixels of the image `resized` to `shorter`."""
    import tensorflow as tf

    image = resized(encoded, shorter)
    shape = tf.shape(image)
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    return tf.ensure_shape(image[top : top + size, left : left + size], (size, size, 3))


def ten_crops(image, size):
    """Returns crops of shape `(10, size, size, 3)` of an image that is not smaller.

    They are top left and right, bottom left and right, centre, then their mirror images in the same
    order.
    """
    import tensorflow as tf

    shape = tf.shape(image)
    bottom, right = shape[0] - size, shape[1] - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [image[top : top + size, left : left + size] for top, left in corners]
    crops = tf.stack(crops + [crop[:, ::-1] for crop in crops])
    return tf.ensure_shape(crops, (10, size, size, 3))
