"""The second paper's augmentation of ImageNet (appendix A.6.2): most of each image stays visible.

The paper names Howard (2013) for its photometric distortions; what is done is the jitter of
brightness, contrast and saturation, and the lighting, of the first paper. It does not say how
validation images are cropped: here they are the central square.
"""

from keras_multigrid import checks
from keras_multigrid.datasets.image_augmentation import (
    colour_jitter,
    crop,
    network_input,
    pca_lighting,
)
from keras_multigrid.datasets.resizing import resized_centre

WINDOWS = {"area_share": (0.85, 1.0), "longest_aspect": 2.0, "tries": 100}
METHODS = ("bilinear", "nearest", "bicubic", "area")


def mild_input(size=256, *, augment=False):
    """Returns the function from an encoded image to the input of a top-down ImageNet network.

    Training images are windows of at least 85 % of the area, width to height from 1/2 to 2 (of an
    image too long for that the central one of 1/2 or 2), resized by a random method, distorted in
    colour and mirrored at random; others are the central square.

    Args:
        size: Side of the square images.
        augment: Whether to augment.

    Returns:
        A function of an encoded image and a key, which returns images of shape `(size, size, 3)`
        with values from -1 to 1.
    """
    import tensorflow as tf

    checks.positive_integers(image_size=size)

    def training_input(encoded, key):
        keys = tf.unstack(tf.random.split(key, 5))
        window = crop(encoded, keys[0], **WINDOWS)
        method = tf.random.stateless_uniform((), keys[1], 0, len(METHODS), tf.int32)
        image = tf.switch_case(
            method,
            [
                lambda name=name: tf.cast(tf.image.resize(window, (size, size), name), tf.float32)
                for name in METHODS
            ],
        )
        image = pca_lighting(colour_jitter(image / 255, keys[2]), keys[3])
        image = tf.image.stateless_random_flip_left_right(image, keys[4])
        return _scaled(tf.ensure_shape(image, (size, size, 3)))

    def evaluation_input(encoded, key):
        del key  # nothing is random
        return _scaled(resized_centre(encoded, size, size))

    return training_input if augment else evaluation_input


def _scaled(image):
    """Returns an image in [0, 1] in [-1, 1]; what colours or bicubic edges exceed is clipped."""
    import tensorflow as tf

    return tf.clip_by_value(2 * image - 1, -1, 1)


def input_function(augmentation, size, augment, ten_crop):
    """Returns what `network_input` or `mild_input` does, as the augmentation's name says."""
    checks.flags(augment=augment, ten_crop=ten_crop)
    if augmentation == "strong":
        return network_input(size, augment=augment, ten_crop=ten_crop)
    if augmentation != "mild":
        raise ValueError(f"There is no augmentation {augmentation!r}; expected 'strong' or 'mild'.")
    if ten_crop:
        raise ValueError("ten_crop=True is for augmentation='strong'; the second paper has none.")
    return mild_input(size, augment=augment)
