"""Images and masks as a pipeline: crops for training, whole images in order for evaluation."""

import dataclasses

from keras_multigrid import checks
from keras_multigrid.datasets.masks.crops import Crops
from keras_multigrid.datasets.masks.mask_set import MaskSet
from keras_multigrid.datasets.pipeline import Batching, checkpointable, over_passes, own_samples
from keras_multigrid.type_hints import is_number

RARE_SHARE = 1 / 3


def mask_batches(
    mask_set,
    split,
    batch_size,
    *,
    shuffle=None,
    seed=0,
    first_batch=None,
    share=(0, 1),
    augmentation=None,
    crop=None,
    rare_share=RARE_SHARE,
):
    """Returns batches of a split of a `MaskSet`.

    Crops lie anywhere in their image. Each third one is centred on a pixel of a rare class, as far
    as the image's borders let it: the class is drawn first, then an image that shows it, then the
    pixel. Rare are the classes below the median frequency. Smaller images are mirrored at bottom
    and right, where their mask is `IGNORED`. A pass has a crop of each image, or of each several,
    where there are fewer images than a batch has.

    Args:
        mask_set: A `MaskSet`.
        split: Name of its split.
        batch_size, seed, first_batch, share: As for `load`. Whole images of several sizes come one
            a batch.
        shuffle: Whether each pass has another random order; None: if there is a `crop`.
        crop: Height and width of random crops; None takes whole images.
        augmentation: None, or a function of an image, float32 `(height, width, channels)`, its
            mask, int32 `(height, width)`, and an int64 key `(2,)`, which returns an image and a
            mask of the same shapes, in TensorFlow's operations.
        rare_share: Share of the crops that show a rare class.

    Returns:
        A `tf.data.Dataset` of images, float32 `(batch, height, width, channels)` with the values
        of the files, and masks, int32 `(batch, height, width)`.

    Raises:
        ValueError: If there is no such split, images of it have no masks, or an argument is wrong.
    """
    checks.instances(MaskSet, mask_set=mask_set)
    checks.optional(checks.functions, augmentation=augmentation)
    check_crops(split, crop, rare_share)
    shuffle = crop is not None if shuffle is None else shuffle
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    pairs = mask_set.of(split)
    without = [pair.image for pair in pairs if pair.mask is None]
    if without:
        raise ValueError(f"{without[0]} has no mask; expected one for all of split {split!r}.")
    sizes = {*mask_set.sizes_of(split)}
    if crop is None and len(sizes) > 1:
        batching = dataclasses.replace(batching, batch_size=share[1])
    crops = Crops(mask_set, split, crop, rare_share)
    samples = len(pairs) * (1 if crop is None else -(-batch_size // len(pairs)))
    height, width = crop or (min(sizes) if len(sizes) == 1 else (None, None))
    import tensorflow as tf

    def example(number, position):
        index = position
        if shuffle:
            key = tf.stack([number, tf.constant(-1, tf.int64)])
            index = tf.random.experimental.index_shuffle(position, key, samples - 1)
        keys = tf.random.split(tf.stack([number, position]), 2)
        draws = tf.random.stateless_uniform((4,), keys[0], dtype=tf.float64)
        image, mask = tf.numpy_function(
            crops, [index % len(pairs), position, draws], (tf.float32, tf.int32), stateful=False
        )
        image = tf.ensure_shape(image, (height, width, mask_set.channels))
        mask = tf.ensure_shape(mask, (height, width))
        if augmentation is not None:
            shapes = image.shape, mask.shape
            image, mask = augmentation(image, mask, keys[1])
            image, mask = map(tf.ensure_shape, (image, mask), shapes)
        return image, mask

    def of_pass(number, first):
        positions = own_samples(tf.data.Dataset.range(samples), batching, first)
        examples = positions.map(lambda position: example(number, position), tf.data.AUTOTUNE)
        return examples.batch(batching.own_size)

    return checkpointable(over_passes(of_pass, samples, batching))


def check_crops(split, crop, rare_share):
    """Raises a `ValueError` if an argument of `mask_batches` is wrong."""
    checks.texts(split=split)
    if crop is not None:
        if not isinstance(crop, list | tuple) or len(crop) != 2:
            raise ValueError(f"crop is {crop!r}; expected a height and a width.")
        checks.positive_integers(**{"crop's height": crop[0], "crop's width": crop[1]})
    if not is_number(rare_share) or not 0 <= rare_share <= 1:
        raise ValueError(f"rare_share is {rare_share!r}; expected a number from 0 to 1.")
