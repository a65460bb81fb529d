"""ImageNet (ILSVRC 2012) through TensorFlow Datasets."""

from keras_multigrid import checks
from keras_multigrid.datasets.mild_augmentation import input_function
from keras_multigrid.datasets.pipeline import Batching, checkpointable, over_passes, own_samples

WINDOW = 2048  # encoded images that are shuffled together, about 225 MB, twice in memory
FILES_AT_ONCE = 16
READ_BYTES = 1 << 23


def load_imagenet(
    split,
    batch_size,
    *,
    shuffle=None,
    seed=0,
    data_dir=None,
    first_batch=None,
    share=(0, 1),
    augment=None,
    augmentation="strong",
    image_size=224,
    ten_crop=False,
):
    """Reads ImageNet as prepared by TensorFlow Datasets, for the ImageNet networks.

    The augmentation and the normalization are those of the paper's experiments (section 4.4). A
    batch depends on the seed, the pass and its number alone, and `tf.train.Checkpoint` of an
    iterator continues exactly where it was. The order is not as random as `load_image_folder`'s:
    shuffled are files, and records in windows.

    Args:
        split: `"train"`, `"validation"`, or another split of TensorFlow Datasets such as
            `"train[:10%]"`.
        batch_size, seed, data_dir, share: As for `load`.
        shuffle: Whether each pass has another random order; None: if `augment`.
        first_batch: As for `load`. Up to it, its pass is read, but not decoded.
        augment: Whether to augment; None: where `split` starts with "train". Otherwise the shorter
            side is resized to 8/7 of `image_size` and the centre taken.
        augmentation: `"strong"`, the first paper's, or `"mild"`, the second's: most of an image
            stays visible, values are from -1 to 1, and without `augment` it is the central square.
        image_size: Side of the square images.
        ten_crop: Whether to take four corners and the centre, each with its mirror image.

    Returns:
        A `tf.data.Dataset` of normalized float32 images of shape `(batch, image_size, image_size,
        3)`, or `(batch, 10, image_size, image_size, 3)` with `ten_crop`, and int64 labels.

    Raises:
        ValueError: If there is no such split or augmentation, `ten_crop` is combined with `augment`
            or the mild augmentation, or another argument is wrong.
        OSError: If the data are not there.

    Example:

    >>> from keras_multigrid.datasets import load_imagenet
    >>> train = load_imagenet("train", batch_size=256)  # doctest: +SKIP
    >>> test = load_imagenet("validation", batch_size=25, ten_crop=True)  # doctest: +SKIP
    """
    checks.texts(split=split)
    checks.optional(checks.paths, data_dir=data_dir)
    augment = split.startswith("train") if augment is None else augment
    shuffle = augment if shuffle is None else shuffle
    prepare = input_function(augmentation, image_size, augment, ten_crop)
    batching = Batching(batch_size, shuffle, seed, first_batch, share)
    import tensorflow as tf
    import tensorflow_datasets as tfds

    builder = tfds.builder("imagenet2012", data_dir=data_dir)
    if not builder.is_prepared():
        raise OSError(
            f"There is no imagenet2012 in data_dir={data_dir!r}. Its licence wants it downloaded "
            "by hand: see tensorflow.org/datasets/catalog/imagenet2012; or unpack it to one folder "
            "per class, and take load_image_folder."
        )
    part = builder.info.splits[split]
    decoders = {"image": tfds.decode.SkipDecoding()}

    def of_pass(pass_number, first):
        def example(number, record):
            fields = builder.info.features.deserialize_example(record, decoders=decoders)
            return prepare(fields["image"], tf.stack([pass_number, number])), fields["label"]

        records = _read(part.file_instructions, shuffle, pass_number).enumerate()
        examples = own_samples(records, batching, first).map(example, tf.data.AUTOTUNE)
        return examples.batch(batching.own_size)

    return checkpointable(over_passes(of_pass, part.num_examples, batching))


def _read(instructions, shuffle, seed):
    """Returns the records of a split, in an order that depends on the seed alone.

    Shuffled are the files, 16 of which are read in turns, and the records in windows. Buffers such
    as TensorFlow Datasets' would be saved in checkpoints, and yet would not continue exactly.
    """
    import tensorflow as tf

    names = tf.constant([instruction.filename for instruction in instructions])
    skips = tf.constant([instruction.skip for instruction in instructions], tf.int64)
    takes = tf.constant([instruction.take for instruction in instructions], tf.int64)

    def shuffled(numbers, count, key):
        return tf.random.experimental.index_shuffle(numbers, tf.stack([seed, key]), count - 1)

    def records_of(file):
        if shuffle:
            file = shuffled(file, len(instructions), tf.constant(-1, tf.int64))
        records = tf.data.TFRecordDataset(names[file], buffer_size=READ_BYTES)
        return records.skip(skips[file]).take(takes[file])

    def shuffled_window(number, records):
        count = tf.size(records, tf.int64)
        order = shuffled(tf.range(count), count, number)
        return tf.data.Dataset.from_tensor_slices(tf.gather(records, order))

    # In parallel it would hang after a checkpoint is restored; large reads make up for that.
    files = tf.data.Dataset.range(len(instructions))
    records = files.interleave(records_of, FILES_AT_ONCE if shuffle else 1)
    if shuffle:
        records = records.batch(WINDOW).enumerate().prefetch(1).flat_map(shuffled_window)
    return records
