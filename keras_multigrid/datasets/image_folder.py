"""Images in one folder per class, as people have them."""

import itertools
import os
import sys
import warnings

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.image_augmentation import check_positive, decode
from keras_multigrid.datasets.mild_augmentation import augmentation_named
from keras_multigrid.datasets.pipeline import (
    check_loading,
    checkpointable,
    over_passes,
    own_part,
    own_samples,
)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
ON_ERROR = ("raise", "skip")
UNKNOWN = -1


def list_images(directory):
    """Lists the images of a directory with one sub-folder per class.

    Images may lie in sub-folders of their class' folder. They are told by their suffix (.jpg,
    .jpeg, .png, .bmp, .gif, .webp, in small or capital letters); other and hidden files and
    folders, whose names begin with a dot, are ignored.

    Args:
        directory: The directory.

    Returns:
        A tuple of the class names in the order of their labels, the alphabetical one; the paths of
        the files, class by class in alphabetical order; and their labels. A class folder without
        images keeps its label, with a warning, so that folders of training and of validation data
        agree.

    Raises:
        ValueError: If there is no such directory, or none of its sub-folders holds an image.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.datasets.image_folder import list_images
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for path in ("cat/tom.JPG", "mouse/grey/jerry.png", "mouse/notes.txt"):
    ...         file = pathlib.Path(directory, path)
    ...         file.parent.mkdir(parents=True, exist_ok=True)
    ...         file.touch()
    ...     class_names, paths, labels = list_images(directory)
    >>> class_names, [pathlib.Path(path).name for path in paths], labels
    (['cat', 'mouse'], ['tom.JPG', 'jerry.png'], [0, 1])
    """
    checks.paths(directory=directory)
    expected = f"expected one folder of images per class, such as {os.path.join('cat', '1.jpg')}."
    if not os.path.isdir(directory):
        raise ValueError(f"{directory} is no directory; {expected}")
    class_names = sorted(
        entry.name
        for entry in os.scandir(directory)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    by_class = [_images_below(os.path.join(directory, name)) for name in class_names]
    paths = [path for of_class in by_class for path in of_class]
    if not paths:
        raise ValueError(f"{directory} has no sub-folders with images; {expected}")
    empty = [name for name, of_class in zip(class_names, by_class) if not of_class]
    if empty:
        warnings.warn(f"{directory} has classes without images: {', '.join(empty)}", stacklevel=2)
    labels = [label for label, of_class in enumerate(by_class) for _ in of_class]
    return class_names, paths, labels


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

    Returns:
        A `tf.data.Dataset` of normalized float32 images of shape `(batch, image_size, image_size,
        3)`, or `(batch, 10, image_size, image_size, 3)` with `ten_crop`, and int64 labels.

    Raises:
        ValueError: If the directory does not hold one folder of images per class, `on_error` is
            another, `batch_size` or `image_size` no positive integer, `ten_crop` is combined with
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

    check_positive("batch_size", batch_size)
    own = own_part(batch_size, first_batch, share)
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error is {on_error!r}; expected one of {', '.join(ON_ERROR)}.")
    shuffle = training if shuffle is None else shuffle
    prepare = augmentation_named(augmentation)(image_size, training, ten_crop)
    _, paths, labels = list_images(directory)
    files = tf.constant([os.fsencode(path) for path in paths])
    labels = tf.constant(labels, tf.int64)
    views = (10,) if ten_crop else ()
    is_usable = _usability(paths, on_error)

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


def _images_below(folder):
    """Returns the sorted paths of the images in a folder and its sub-folders."""
    paths = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [
            os.path.join(parent, name)
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(paths)


def _usability(paths, on_error):
    """Returns the function that tells whether a file can be decoded, and names it if not.

    Graphs cannot catch errors, and datasets that ignore them have large checkpoints and do not
    tell the file. So Python decodes each file when it comes for the first time, and remembers.
    """
    usable = np.full(len(paths), UNKNOWN, "int8")
    skipped = itertools.count(1)

    def is_usable(index, encoded):
        if usable[index] == UNKNOWN:
            usable[index] = _can_be_decoded(encoded)
            if not usable[index] and on_error == "skip":
                print(f"skipped {next(skipped)} so far: {failure(index)}", file=sys.stderr)
        if not usable[index] and on_error == "raise":
            raise ValueError(f"{failure(index)}; repair it, or pass on_error='skip'.")
        return usable[index].astype(bool)

    def failure(index):
        name = os.fsencode(paths[index]).decode(errors="backslashreplace")  # not all are UTF-8
        return f"{name} cannot be decoded"

    return is_usable


def _can_be_decoded(encoded):
    import tensorflow as tf

    try:
        decode(encoded)
    except tf.errors.InvalidArgumentError:
        return False
    return True
