"""Images with masks in a folder, as people have them."""

from keras_multigrid import checks
from keras_multigrid.datasets.masks.batches import RARE_SHARE, check_crops, mask_batches
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from keras_multigrid.datasets.pipeline import Batching


def mask_folder(
    data_dir,
    split,
    batch_size,
    *,
    shuffle=None,
    seed=0,
    first_batch=None,
    share=(0, 1),
    augment=None,
    class_names=None,
    crop=None,
    rare_share=RARE_SHARE,
    mask_pattern=None,
    field_of_view_pattern=None,
    mask_values=None,
    ignore_index=None,
    folds=None,
    fold=None,
):
    """Reads images and masks of a folder or a CSV file for segmentation.

    The folder has `images` with `masks` or `labels`, and if need be `field_of_view`, at its top or
    below `train`, `val` and `test`; or is as PASCAL VOC's. A CSV file has the columns
    `image,mask`, and if need be `split`, `group` and `field_of_view`. Masks hold numbers of
    classes, 0 and 255, or colours that classes.csv (`name,r,g,b`) or labelmap.txt beside the
    folders names; classes.txt names the classes of numbers. What could be meant in two ways is an
    error that asks for a setting. A split for validation is drawn, if there is none.

    Args:
        data_dir: Path of the folder or the CSV file.
        split: `"train"`, `"validation"` or `"test"`.
        batch_size, seed, first_batch, share: As for `load`. Whole images of several sizes come one
            a batch.
        shuffle: Whether each pass has another random order; None: if there is a `crop`.
        augment: None, or a function of an image, its mask, and an int64 key `(2,)`, which returns
            both changed, of the same shapes, in TensorFlow's operations.
        class_names: List of the names of the classes, in the order of their numbers.
        crop: Height and width of random crops; None takes whole images. Smaller images are mirrored
            at bottom and right, where their mask is -1.
        rare_share: Share of the crops that are centred on a pixel of a rare class.
        mask_pattern: Name of a mask, if it is not that of its image, such as
            `"{number}_manual1.gif"`: `{stem}` is the image's name without its suffix, `{number}`
            the first digits in it.
        field_of_view_pattern: The same for files that are 0 where pixels do not count.
        mask_values: List of the value of each class in the masks.
        ignore_index: Value of pixels that do not count, or several; of masks that hold colours, the
            number of the class in their table.
        folds, fold: Number of folds for cross-validation, and of the one for validation, from 0.

    Returns:
        A `tf.data.Dataset` of images, float32 `(batch, height, width, channels)` with the values
        of the files, and masks, int32 `(batch, height, width)`: the number of the class, or -1
        where a pixel does not count.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the data are not clear, or an argument is wrong.

    Example:

    >>> import pathlib, tempfile
    >>> import tensorflow as tf
    >>> from keras_multigrid.datasets import mask_folder
    >>> image = tf.io.encode_png(tf.zeros((30, 40, 3), tf.uint8)).numpy()
    >>> mask = tf.io.encode_png(255 * tf.eye(30, 40, dtype=tf.uint8)[..., None]).numpy()
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     for name, content in (("images", image), ("masks", mask)):
    ...         pathlib.Path(directory, name).mkdir()
    ...         for number in range(5):
    ...             _ = pathlib.Path(directory, name, f"{number}.png").write_bytes(content)
    ...     data = mask_folder(directory, "train", batch_size=2, crop=(16, 16))
    ...     images, masks = next(iter(data))
    >>> images.shape, masks.shape
    (TensorShape([2, 16, 16, 3]), TensorShape([2, 16, 16]))
    """
    checks.optional(checks.functions, augment=augment)
    check_crops(split, crop, rare_share)
    shuffle = crop is not None if shuffle is None else shuffle
    Batching(batch_size, shuffle, seed, first_batch, share)  # checks them before files are read
    mask_set = read_mask_set(
        data_dir,
        mask_pattern=mask_pattern,
        field_of_view_pattern=field_of_view_pattern,
        class_names=class_names,
        mask_values=mask_values,
        ignore_index=ignore_index,
        seed=seed,
        folds=folds,
        fold=fold,
    )
    return mask_batches(
        mask_set,
        split,
        batch_size,
        shuffle=shuffle,
        seed=seed,
        first_batch=first_batch,
        share=share,
        augmentation=augment,
        crop=crop,
        rare_share=rare_share,
    )
