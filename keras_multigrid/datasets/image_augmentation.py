"""From encoded images to what the ImageNet networks read, as TensorFlow graph functions.

Encoded images are scalar strings, decoded ones RGB, float32 in [0, 1], of shape `(height, width,
3)`; what is random depends on the `key` alone, an int64 tensor of shape `(2,)`.
"""

import math

from keras_multigrid import checks
from keras_multigrid.applications.preprocessing import RGB_MEAN as MEAN
from keras_multigrid.applications.preprocessing import RGB_STD as STD
from keras_multigrid.datasets.resizing import resize, resized, resized_centre, ten_crops
from keras_multigrid.decoding import decode_window

AREA_SHARE = (0.08, 1.0)
LONGEST_ASPECT = 4 / 3  # of width to height, or of height to width
TRIES = 10
SHORTER_SHARE = 256 / 224  # of the resized shorter side, relative to the centre crop
JITTER = 0.4  # largest change of brightness, contrast and saturation
LIGHTING = 0.1  # standard deviation of the factors of the principal components
GREY = (0.299, 0.587, 0.114)
# The principal components of ImageNet's colours, one a column, as fb.resnet.torch has them.
PCA_VALUES = (0.2175, 0.0188, 0.0045)
PCA_VECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


def network_input(size=224, *, augment=False, ten_crop=False):
    """Returns the function from an encoded image to the input of an ImageNet network.

    Training images are cropped, jittered, lit and flipped at random; others are the centre of the
    image with its shorter side at 8/7 of `size` (256 for 224), or the ten crops of that.

    Args:
        size: Side of the square images.
        augment: Whether to augment.
        ten_crop: Whether to take ten crops.

    Returns:
        A function of an encoded image and a key, which returns normalized images of shape
        `(size, size, 3)`, or `(10, size, size, 3)` with `ten_crop`.

    Raises:
        ValueError: If `size` is not a positive integer, or `ten_crop` is combined with `augment`.

    Example:

    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets.image_augmentation import network_input
    >>> encoded = tf.io.encode_jpeg(tf.zeros((30, 40, 3), tf.uint8))
    >>> network_input(16, augment=True)(encoded, key=tf.constant([0, 1], tf.int64)).shape
    TensorShape([16, 16, 3])
    """
    import tensorflow as tf

    checks.positive_integers(image_size=size)
    if augment and ten_crop:
        raise ValueError("ten_crop=True is for evaluation; expected augment=False with it.")
    shorter = round(SHORTER_SHARE * size)

    def training_input(encoded, key):
        crop_key, jitter_key, lighting_key, flip_key = tf.unstack(tf.random.split(key, 4))
        image = random_resized_crop(encoded, crop_key, size)
        image = tf.image.stateless_random_flip_left_right(image, flip_key)
        # normalize(pca_lighting(colour_jitter(image))) in one go over the pixels
        matrix, offset = _jitter(image, *_jitter_factors(jitter_key))
        offset = normalize(offset + _lighting(lighting_key))
        return _recolour(image, matrix / tf.constant(STD), offset)

    def evaluation_input(encoded, key):
        del key  # nothing is random
        if ten_crop:
            return ten_crops(normalize(resized(encoded, shorter)), size)
        return normalize(resized_centre(encoded, shorter, size))

    return training_input if augment else evaluation_input


def random_window(
    height, width, key, *, area_share=AREA_SHARE, longest_aspect=LONGEST_ASPECT, tries=TRIES
):
    """Draws the window of a random-resized crop, as torchvision does.

    Returns:
        The int32 tensor `(top, left, height, width)`: a share of the area, by default 8 to 100 %,
        width to height from 3/4 to 4/3, log-uniform; if no try fits the image, the largest central
        window of such an aspect.
    """
    import tensorflow as tf

    sides = tf.cast([height, width], tf.float32)
    area, log_aspect, *position = tf.unstack(tf.random.stateless_uniform((4, tries), key))
    least, largest = area_share
    area = tf.reduce_prod(sides) * (least + (largest - least) * area)
    aspect = tf.exp((2 * log_aspect - 1) * math.log(longest_aspect))
    drawn = tf.round(tf.stack([tf.sqrt(area / aspect), tf.sqrt(area * aspect)], axis=1))
    fits = tf.reduce_all((drawn >= 1) & (drawn <= sides), axis=1)

    central = tf.minimum(sides, tf.round(longest_aspect * sides[::-1]))
    # The last row always fits, so that the first that fits exists.
    window = tf.concat([drawn, central[None]], axis=0)
    position = tf.concat([tf.stack(position, axis=1), [[0.5, 0.5]]], axis=0)
    first = tf.argmax(tf.concat([fits, [True]], axis=0))
    start = tf.floor(position[first] * (sides - window[first] + 1))
    return tf.cast(tf.concat([start, window[first]], axis=0), tf.int32)


def random_resized_crop(encoded, key, size):
    """Cuts a random window out of an encoded image, and resizes it to `(size, size, 3)`."""
    return resize(crop(encoded, key), (size, size))


def crop(encoded, key, **options):
    """Cuts a `random_window`, with its options, out of an encoded image: uint8, of its size."""
    return decode_window(
        encoded, lambda height, width: random_window(height, width, key, **options)
    )


def colour_jitter(image, key):
    """Changes brightness, contrast and saturation by random factors from 0.6 to 1.4, unclipped."""
    return adjust_colours(image, *_jitter_factors(key))


def adjust_colours(image, brightness, contrast, saturation):
    """Blends the image with black, with its mean grey, and with its grey image, by these factors.

    Saturation keeps every pixel's grey, and contrast and brightness are linear in it and equal for
    all colours: without clipping the three commute, so one formula covers all their orders.
    """
    return _recolour(image, *_jitter(image, brightness, contrast, saturation))


def pca_lighting(image, key):
    """Adds a random colour to the image, along the principal components of ImageNet's colours."""
    return image + _lighting(key)


def normalize(images):
    """Returns images minus ImageNet's mean, over its standard deviation."""
    import tensorflow as tf

    return (images - tf.constant(MEAN)) / tf.constant(STD)


def _jitter_factors(key):
    import tensorflow as tf

    least, largest = 1 - JITTER, 1 + JITTER
    return tf.unstack(tf.random.stateless_uniform((3,), key, least, largest))


def _jitter(image, brightness, contrast, saturation):
    """Returns the matrix and the offset by which `_recolour` adjusts colours."""
    import tensorflow as tf

    to_grey = tf.tile(tf.constant(GREY)[:, None], (1, 3))
    mean_grey = tf.reduce_mean(image, axis=(0, 1))[None] @ to_grey
    matrix = contrast * (saturation * tf.eye(3) + (1 - saturation) * to_grey)
    return brightness * matrix, brightness * (1 - contrast) * mean_grey[0]


def _lighting(key):
    import tensorflow as tf

    factors = LIGHTING * tf.random.stateless_normal((3,), key)
    return tf.linalg.matvec(tf.constant(PCA_VECTORS), factors * tf.constant(PCA_VALUES))


def _recolour(image, matrix, offset):
    """Returns the image with each colour, a row, times the matrix, plus the offset."""
    import tensorflow as tf

    colours = tf.nn.bias_add(tf.reshape(image, (-1, 3)) @ matrix, offset)
    return tf.reshape(colours, tf.shape(image))
