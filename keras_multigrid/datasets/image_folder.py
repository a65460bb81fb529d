"""Images in one folder per class, as people have them."""

import os
import sys
import threading
from functools import partial

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import list_images, printable
from keras_multigrid.datasets.mild_augmentation import augmentation_named
from keras_multigrid.datasets.pipeline import (
    check_loading,
    checkpointable,
    over_passes,
    own_part,
    own_samples,
)
from keras_multigrid.decoding import decode

ON_ERROR = ("raise", "skip")
UNKNOWN = -1


def load_image_folder(
    directory,
    batch_size,
    training=False,
    image_size=224,
    shuffle=None,
    seed=0,
    ten_crop=False,
    on_error="raise",
    first_batch=None,
    share=(0, 1),
    augmentation="strong",
    class_names=None,
    skipped=None,
):
    """Reads a directory with one sub-folder of images per class (`list_images`) for ImageNet nets.

    The augmentation and the normalization are those of the paper's ImageNet experiments. A batch
    depends on the seed, the pass and its number alone, and `tf.train.Checkpoint` of an iterator
    continues exactly where it was. When a file comes for the first time it is decoded once more, to
    see whether it can be.

    Args:
        directory: The directory.
        batch_size: Images per batch; the last may have fewer.
        training: Whether to augment: random-resized crop, colour jitter, PCA lighting, flip.
            Otherwise the shorter side is resized to 8/7 of `image_size` and the centre taken.
        image_size: Side of the square images.
        shuffle: Whether each pass has another random order; None: if `training`.
        seed: Seed, an integer.
        ten_crop: Whether to take four corners and the centre, each with its mirror image.
        on_error: What to do with files that cannot be decoded: `"raise"` an error that names the
            file when its turn comes, or `"skip"` and name each once on the standard error stream.
        first_batch, share: As for `load`. With `on_error="skip"` all files are decoded once before,
            as the usable ones must be known.
        augmentation: `"strong"`, the first paper's, or `"mild"`, the second's: most of an image
            stays visible, values are from -1 to 1, and others than training images are their
            central square.
        class_names: List of the classes in the order of their labels. None are the directory's own
            folders: to label other data than those of training, give the names of training.
        skipped: Set that gets the path of each file that is skipped; one that it has already is not
            named again.

    Returns:
        A `tf.data.Dataset` of normalized float32 images of shape `(batch, image_size, image_size,
        3)`, or `(batch, 10, image_size, image_size, 3)` with `ten_crop`, and int64 labels.

    Raises:
        ValueError: If the directory is not as for `list_images`, `on_error` is another,
            `batch_size` or `image_size` no positive integer, `ten_crop` is combined with
            `training`, or `first_batch` or `share` is not as for `load`.

    Example:

    >>> import pathlib, tempfile
    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets import load_image_folder
    >>> image = tf.io.encode_png(tf.zeros((30, 40, 3), tf.uint8)).numpy()
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for name in ("cat", "mouse"):
    ...         pathlib.Path(directory, name).mkdir()
    ...         _ = pathlib.Path(directory, name, "1.png").write_bytes(image)
    ...     dataset = load_image_folder(directory, batch_size=2, training=True)
    ...     images, labels = next(iter(dataset))
    >>> images.shape
    TensorShape([2, 224, 224, 3])
    """
    checks.paths(directory=directory)
    checks.flags(training=training, ten_crop=ten_crop)
    check_loading(batch_size, shuffle, seed, None, first_batch, share)
    import tensorflow as tf

    own = own_part(batch_size, first_batch, share)
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}; expected one of {', '.join(ON_ERROR)}.")
    shuffle = training if shuffle is None else shuffle
    prepare = augmentation_named(augmentation)(image_size, training, ten_crop)
    checks.optional(partial(checks.instances, set), skipped=skipped)
    _, paths, labels = list_images(directory, class_names)
    files = tf.constant([os.fsencode(path) for path in paths])
    labels = tf.constant(labels, tf.int64)
    views = (10,) if ten_crop else ()
    is_usable = _usability(paths, on_error, set() if skipped is None else skipped)

    def read(index):
        encoded = tf.io.read_file(files[index])
        usable = tf.numpy_function(is_usable, [index, encoded], tf.bool, stateful=False)
        return encoded, tf.ensure_shape(usable, ())

    samples, known = len(paths), None
    if on_error == "skip":
        samples = None
        if first_batch is not None or own != slice(0, batch_size):
            indices = tf.data.Dataset.range(len(paths))
            checked = indices.map(lambda index: read(index)[1], tf.data.AUTOTUNE)
            known = tf.constant(list(checked.as_numpy_iterator()))
            samples = np.count_nonzero(known)

    def of_pass(number, first):
        def index_of(position):
            if not shuffle:
                return position
            key = tf.stack([number, tf.constant(-1, tf.int64)])
            return tf.random.experimental.index_shuffle(position, key, len(paths) - 1)

        def example(position):
            index = index_of(position)
            encoded, usable = read(index)
            image = tf.cond(
                usable,
                lambda: prepare(encoded, tf.stack([number, position])),
                lambda: tf.zeros((*views, image_size, image_size, 3)),
            )
            return image, labels[index], usable

        positions = tf.data.Dataset.range(len(paths))
        if known is not None:
            positions = positions.filter(lambda position: known[index_of(position)])
        positions = own_samples(positions, batch_size, first, first_batch, share)
        examples = positions.map(example, tf.data.AUTOTUNE)
        examples = examples.filter(lambda image, label, usable: usable)
        return examples.map(lambda image, label, usable: (image, label)).batch(own.stop - own.start)

    # The pass is outside, for once `batch` has seen the end of a pass it forgets which it was.
    return checkpointable(over_passes(of_pass, samples, batch_size, seed, first_batch, share))


def _usability(paths, on_error, skipped):
    """Returns the function that tells whether a file can be decoded, and names it if not.

    Graphs cannot catch errors, and datasets that ignore them have large checkpoints and do not
    tell the file. So Python decodes each file when it comes for the first time, and remembers.
    """
    usable = np.full(len(paths), UNKNOWN, "int8")
    lock = threading.Lock()

    def is_usable(index, encoded):
        if usable[index] == UNKNOWN:
            usable[index] = _can_be_decoded(encoded)
            if not usable[index] and on_error == "skip":
                skip(printable(paths[index]))
        if not usable[index] and on_error == "raise":
            raise ValueError(
                f"{printable(paths[index])} cannot be decoded; repair it, or pass on_error='skip' "
                "(of a recipe: --set on_error=skip)."
            )
        return usable[index].astype(bool)

    def skip(name):
        with lock:  # files are read by several threads
            is_new = name not in skipped
            skipped.add(name)
            if is_new:
                print(f"skipped {len(skipped)} so far: {name} cannot be decoded", file=sys.stderr)

    return is_usable


def _can_be_decoded(encoded):
    import tensorflow as tf

    try:
        decode(encoded)
    except (ValueError, tf.errors.InvalidArgumentError):
        return False
    return True
