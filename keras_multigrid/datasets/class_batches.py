"""Images of classes as a pipeline: random windows for training, central squares else."""

import os
import pathlib

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.image_augmentation import random_window
from keras_multigrid.datasets.masks.memory import Memory
from keras_multigrid.datasets.pipeline import Batching, checkpointable, over_passes, own_samples
from keras_multigrid.datasets.resizing import resize, resized_centre
from keras_multigrid.decoding import read_image

KEPT_SIDES = 2  # of decoded training images, relative to what the network reads


def class_batches(
    images,
    batch_size,
    size,
    *,
    shuffle=False,
    seed=0,
    first_batch=None,
    share=(0, 1),
    smallest_area=None,
    augmentation=None,
):
    """Returns batches of image files and their labels.

    Files for training are decoded once, and kept at about twice the size that is read. A pass has
    each image, or each several times, where there are fewer than a batch has.

    Args:
        images: Sequence of pairs of a path and a label.
        batch_size, shuffle, seed, first_batch, share: As for `load`.
        size: Side of the square images.
        smallest_area: Smallest share of an image that a random window shows, for training; None
            takes the central square, as `ResizedCentre(size)` does.
        augmentation: None, or a function of a window, its mask and a key, as `MaskAugmentation`.

    Returns:
        A `tf.data.Dataset` of float32 images `(batch, size, size, 3)` with values from 0 to 255,
        and int64 labels.

    Raises:
        ValueError: If there are no images, or an argument is wrong.
    """
    checks.positive_integers(size=size)
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    import tensorflow as tf

    paths, labels = zip(*images)
    files = tf.constant([os.fsencode(path) for path in paths])
    labels = tf.constant(labels, tf.int64)
    shrunk = _Shrunk(paths, KEPT_SIDES * size)
    area_share = (smallest_area, 1.0)
    # Batches larger than all images have them several times.
    turns = 1 if smallest_area is None else -(-batch_size // len(paths))
    samples = turns * len(paths)

    def training_image(index, key):
        keys = tf.random.split(key, 2)
        image = tf.numpy_function(shrunk, [index], tf.uint8, stateful=False)
        image = tf.ensure_shape(image, (None, None, 3))
        sides = tf.shape(image)
        window = random_window(sides[0], sides[1], keys[0], area_share=area_share)
        top, left, height, width = tf.unstack(window)
        image = image[top : top + height, left : left + width]
        image = 255 * tf.ensure_shape(resize(image, (size, size)), (size, size, 3))
        if augmentation is not None:
            image, _ = augmentation(image, tf.zeros((size, size), tf.int32), keys[1])
        return tf.ensure_shape(image, (size, size, 3))

    def of_pass(number, first):
        def example(position):
            index = position
            if shuffle:
                key = tf.stack([number, tf.constant(-1, tf.int64)])
                index = tf.random.experimental.index_shuffle(position, key, samples - 1)
            index = index % len(paths)
            if smallest_area is None:
                image = 255 * resized_centre(tf.io.read_file(files[index]), size, size)
            else:
                image = training_image(index, tf.stack([number, position]))
            return image, labels[index]

        positions = own_samples(tf.data.Dataset.range(samples), batching, first)
        return positions.map(example, tf.data.AUTOTUNE).batch(batching.own_size)

    return checkpointable(over_passes(of_pass, samples, batching))


class _Shrunk:
    """Decoded images, whose sides are divided where they are far longer than is needed.

    Args:
        paths: Paths of the files.
        shorter: Length of the shorter side that is enough.
    """

    def __init__(self, paths, shorter):
        self._paths, self._shorter, self._memory = paths, shorter, Memory()

    def __call__(self, index):
        (image,) = self._memory.get(int(index), lambda: (self._decoded(self._paths[index]),))
        return image

    def _decoded(self, path):
        from PIL import Image

        try:
            image = read_image(pathlib.Path(path).read_bytes())
        except ValueError as error:
            raise ValueError(f"{path} {error}; repair or remove it.") from error
        factor = min(image.shape[:2]) // self._shorter
        return np.asarray(Image.fromarray(image).reduce(factor)) if factor > 1 else image
