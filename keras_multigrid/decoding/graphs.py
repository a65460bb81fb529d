"""Image files in TensorFlow's graphs: by TensorFlow where it reads as Pillow does, else by Pillow.

TensorFlow reads PNG as Pillow does to the last bit, and JPEG if its `dct_method` is the accurate
one; but CMYK only with Adobe's marker. It takes the indices of a palette in a BMP for grey values,
composes transparent GIFs otherwise, and cannot read transparent or animated WebP, or BMP of 1 or
16 bits.
"""

from keras_multigrid.decoding.files import MOST_PIXELS, MOST_SIDE, read_image

DCT = "INTEGER_ACCURATE"
PNG = b"\x89PNG\r\n\x1a\n"
ADOBE = r"(?s)\C*\x00\x0eAdobe\C*"  # the marker begins with its length of 14 bytes
GREY = (19595, 38470, 7471)  # Pillow's weights of red, green and blue, in parts of 2^16


def decode(encoded):
    """Decodes an image file, a scalar string, as `read_image` does.

    Returns:
        The uint8 RGB image of shape `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: Where `read_image` raises an error; eagerly, it may be a
            `ValueError`.

    Example:

    >>> import tensorflow as tf
    >>> from keras_multigrid.decoding import decode
    >>> decode(tf.io.encode_png(tf.zeros((2, 3, 1), tf.uint8))).shape
    TensorShape([2, 3, 3])
    """
    import tensorflow as tf

    image = tf.cond(_is_three_coloured_jpeg(encoded), lambda: _jpeg(encoded), lambda: _any(encoded))
    return tf.ensure_shape(image, (None, None, 3))


def decode_window(encoded, draw):
    """Decodes a part of an image file; of a JPEG no more than that.

    The result is that of decoding it all, but for the outermost columns of the window where chroma
    is subsampled.

    Args:
        encoded: The file's bytes, a scalar string.
        draw: A function from the int32 height and width to the window, the int32 tensor `(top,
            left, height, width)`.

    Returns:
        The uint8 RGB image of the window's size.
    """
    import tensorflow as tf

    def of_jpeg():
        sides = _jpeg_sides(encoded)
        with _checked_sides(sides):
            window = draw(sides[0], sides[1])
            return tf.io.decode_and_crop_jpeg(encoded, window, 3, dct_method=DCT)

    def of_any():
        image = _any(encoded)
        sides = tf.shape(image)
        top, left, height, width = tf.unstack(draw(sides[0], sides[1]))
        return image[top : top + height, left : left + width]

    image = tf.cond(_is_three_coloured_jpeg(encoded), of_jpeg, of_any)
    return tf.ensure_shape(image, (None, None, 3))


def decode_jpeg_or_png(encoded, channels):
    """Decodes a JPEG or PNG file as `read_image` does, where there is TensorFlow alone.

    Args:
        encoded: The file's bytes, a scalar string.
        channels: 3 for colour, 1 for grey.

    Returns:
        The uint8 image of shape `(height, width, channels)`.

    Raises:
        tf.errors.InvalidArgumentError: If it is another file, which TensorFlow may misread, or as
            for `decode`.
    """
    import tensorflow as tf

    is_jpeg = tf.io.is_jpeg(encoded)
    with _checked(is_jpeg | _is_png(encoded), "An image file is not a JPEG or PNG; convert it"):
        image = tf.cond(is_jpeg, lambda: _known_jpeg(encoded), lambda: _png(encoded))
    if channels == 1:
        grey = tf.reduce_sum(tf.cast(image, tf.int32) * GREY, axis=-1, keepdims=True)
        image = tf.cast(tf.bitwise.right_shift(grey + 2**15, 16), tf.uint8)
    return tf.ensure_shape(image, (None, None, channels))


def _is_three_coloured_jpeg(encoded):
    """Returns whether it is a JPEG of RGB or grey, not CMYK."""
    import tensorflow as tf

    def has_fewer_colours():
        return tf.io.extract_jpeg_shape(encoded)[2] < 4

    return tf.cond(tf.io.is_jpeg(encoded), has_fewer_colours, lambda: tf.constant(False))


def _is_png(encoded):
    import tensorflow as tf

    return tf.strings.substr(encoded, 0, len(PNG)) == PNG


def _any(encoded):
    import tensorflow as tf

    encoded = tf.convert_to_tensor(encoded)  # NumPy's strings would end before zero bytes
    return tf.cond(_is_png(encoded), lambda: _png(encoded), lambda: _by_pillow(encoded))


def _by_pillow(encoded):
    import tensorflow as tf

    def read(data):  # bytes, or eagerly an array
        return read_image(data if isinstance(data, bytes) else data.item())

    return tf.numpy_function(read, [encoded], tf.uint8, stateful=False)


def _png(encoded):
    import tensorflow as tf

    header = tf.strings.substr(encoded, 16, 8)
    with _checked_sides(tf.io.decode_raw(header, tf.int32, little_endian=False)):
        return tf.io.decode_png(encoded, 3)


def _jpeg(encoded):
    import tensorflow as tf

    with _checked_sides(_jpeg_sides(encoded)):
        return tf.io.decode_jpeg(encoded, 3, dct_method=DCT)


def _known_jpeg(encoded):
    """Decodes a JPEG if TensorFlow reads its colours as Pillow does."""
    import tensorflow as tf

    known = tf.cond(
        _is_three_coloured_jpeg(encoded),
        lambda: tf.constant(True),
        lambda: tf.strings.regex_full_match(encoded, ADOBE),
    )
    with _checked(known, "A JPEG in CMYK lacks Adobe's marker; convert it to RGB"):
        return _jpeg(encoded)


def _jpeg_sides(encoded):
    import tensorflow as tf

    return tf.io.extract_jpeg_shape(encoded)[:2]


def _checked_sides(sides):
    """Returns the context of what is done if these sides are not too large."""
    import tensorflow as tf

    count = tf.reduce_prod(tf.cast(sides, tf.int64))
    sentence = (
        f"An image file has too many pixels; expected at most {MOST_PIXELS}, and {MOST_SIDE} in a "
        "row or column; it has"
    )
    return _checked((count <= MOST_PIXELS) & (tf.reduce_max(sides) <= MOST_SIDE), sentence, sides)


def _checked(condition, *parts):
    """Returns the context of what is done under a condition, else there is an error."""
    import tensorflow as tf

    return tf.control_dependencies([tf.debugging.Assert(condition, parts)])
