"""Images in one folder per class, as people have them."""

import os
import pathlib
import sys
import threading
import warnings
from functools import partial

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import folder_classes, list_images, printable
from keras_multigrid.datasets.mild_augmentation import input_function
from keras_multigrid.datasets.pipeline import Batching, checkpointable, over_passes, own_samples
from keras_multigrid.decoding import decode

ON_ERROR = ("raise", "skip")
UNKNOWN = -1


def load_image_folder(
    data_dir,
    split,
    batch_size,
    *,
    shuffle=None,
    seed=0,
    first_batch=None,
    share=(0, 1),
    augment=None,
    augmentation="strong",
    image_size=224,
    ten_crop=False,
    on_error="raise",
    class_names=None,
    skipped=None,
):
    """Reads images of `data_dir/split/class/image` (`list_images`) for the ImageNet networks.

    The augmentation and the normalization are those of the paper's ImageNet experiments. A batch
    depends on the seed, the pass and its number alone, and `tf.train.Checkpoint` of an iterator
    continues exactly where it was. When a file comes for the first time it is decoded once more, to
    see whether it can be.

    Args:
        data_dir: The directory; None is the current one.
        split: Name of its sub-folder that has one folder per class, such as `"train"`; `"."` is the
            directory itself.
        batch_size, seed: As for `load`.
        shuffle: Whether each pass has another random order; None: if `augment`.
        first_batch, share: As for `load`. With one of them and `on_error="skip"` all files are
            decoded once before, as the usable ones must be known.
        augment: Whether to augment, by random-resized crop, colour jitter, PCA lighting and flip;
            None: where `split` starts with "train". Otherwise the shorter side is resized to 8/7 of
            `image_size` and the centre taken.
        augmentation, image_size, ten_crop: As for `load_imagenet`.
        on_error: What to do with files that cannot be decoded: `"raise"` an error that names the
            file when its turn comes, or `"skip"` and name each once on the standard error stream.
        class_names: List of the classes in the order of their labels. None are the folders of
            `data_dir/train`, by which all splits are labelled; without it those of the split, with
            a warning.
        skipped: Set that gets the path of each file that is skipped; one that it has already is not
            named again.

    Returns:
        A `tf.data.Dataset` of images and int64 labels, as of `load_imagenet`.

    Raises:
        ValueError: If the directory is not as for `list_images`, or an argument is wrong.

    Example:

    >>> import pathlib, tempfile
    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets import load_image_folder
    >>> image = tf.io.encode_png(tf.zeros((30, 40, 3), tf.uint8)).numpy()
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for name in ("cat", "mouse"):
    ...         pathlib.Path(directory, "train", name).mkdir(parents=True)
    ...         _ = pathlib.Path(directory, "train", name, "1.png").write_bytes(image)
    ...     dataset = load_image_folder(directory, "train", batch_size=2)
    ...     images, labels = next(iter(dataset))
    >>> images.shape
    TensorShape([2, 224, 224, 3])
    """
    checks.optional(checks.paths, data_dir=data_dir)
    checks.texts(split=split)
    augment = split.startswith("train") if augment is None else augment
    shuffle = augment if shuffle is None else shuffle
    prepare = input_function(augmentation, image_size, augment, ten_crop)
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}; expected one of {', '.join(ON_ERROR)}.")
    checks.optional(partial(checks.instances, set), skipped=skipped)
    import tensorflow as tf

    directory = pathlib.Path(data_dir or ".")
    if class_names is None and (directory / split).is_dir():
        class_names = _names_of_training(directory, split)
    _, paths, labels = list_images(directory / split, class_names)
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
        if first_batch is not None or batching.own_size < batch_size:
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
        examples = own_samples(positions, batching, first).map(example, tf.data.AUTOTUNE)
        examples = examples.filter(lambda image, label, usable: usable)
        return examples.map(lambda image, label, usable: (image, label)).batch(batching.own_size)

    # The pass is outside, for once `batch` has seen the end of a pass it forgets which it was.
    return checkpointable(over_passes(of_pass, samples, batching))


def _names_of_training(directory, split):
    """Returns the classes of the folder `train`, by which all splits are labelled, if there is."""
    training = directory / "train"
    if training.is_dir():
        return folder_classes(training)
    if split != "." and not split.startswith("train"):
        warnings.warn(
            f"{training} is not a directory: classes are numbered by the folders of {split} "
            "itself; give class_names, those of training, if a network is to name them.",
            stacklevel=3,
        )
    return None


def _usability(paths, on_error, skipped):
    """Returns the function that tells whether a file can be decoded, and names it if not.

    Graphs cannot catch errors, and datasets that ignore them have large checkpoints and do not
    say which file it was. So Python decodes each file when it comes first, and remembers.
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
