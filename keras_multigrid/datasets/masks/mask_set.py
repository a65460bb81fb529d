"""Images and masks of a folder, with all that is to be known to read them."""

import dataclasses
import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import some
from keras_multigrid.datasets.masks.class_files import find_class_table
from keras_multigrid.datasets.masks.found_labels import find_labels
from keras_multigrid.datasets.masks.image_forms import image_form, read_image, size_sentence
from keras_multigrid.datasets.masks.labels import IGNORED, MaskLabels
from keras_multigrid.datasets.masks.mask_files import look_into, read_field_of_view, read_mask
from keras_multigrid.datasets.masks.memory import Memory
from keras_multigrid.datasets.masks.pairs import Pair, list_pairs
from keras_multigrid.datasets.masks.settings import check_settings
from keras_multigrid.datasets.masks.splits import with_splits
from keras_multigrid.decoding.pixels import TYPES, read_form

THREADS = 8


@dataclasses.dataclass(frozen=True)
class MaskSet:
    """Images with masks, and how they are read.

    Attributes:
        pairs: `Pair`s, each with a split.
        labels: A `MaskLabels`.
        channels: Of all images.
        image_type: Of their values: `"uint8"`, `"uint16"` or `"float32"`.
        sizes: Height and width of each image.
        counts: Pixels of each class that count, for each image; zeros without a mask.
    """

    pairs: tuple[Pair, ...]
    labels: MaskLabels
    channels: int
    image_type: str
    sizes: tuple[tuple[int, int], ...]
    counts: tuple[tuple[int, ...], ...]
    memory: Memory = dataclasses.field(default_factory=Memory, repr=False, compare=False)

    def of(self, split):
        """Returns the pairs of a split; `"all"` are those of all.

        Raises:
            ValueError: If there are none.
        """
        pairs = tuple(self.pairs[index] for index in self._indices(split))
        if not pairs:
            splits = sorted({pair.split for pair in self.pairs})
            raise ValueError(
                f"There is no split {split!r}; expected one of {', '.join(splits)}, or all."
            )
        return pairs

    def sizes_of(self, split):
        """Returns the height and width of each image of a split."""
        return [self.sizes[index] for index in self._indices(split)]

    def counts_of(self, split):
        """Returns the pixels of each class in each image of a split, `(images, classes)`."""
        counts = [self.counts[index] for index in self._indices(split)]
        return np.array(counts, "int64").reshape(-1, len(self.labels.names))

    def read(self, pair):
        """Reads an image and its mask.

        Returns:
            The image `(height, width, channels)` of `image_type`, and the labels `(height,
            width)`, int32, `IGNORED` where a pixel does not count.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If one is not as the others; the sentence names it.
        """
        image, labels = self.decoded(pair)
        return image, labels.astype("int32")

    def decoded(self, pair):
        """Returns what `read` does with labels of int16, kept in memory: not to be changed."""
        return self.memory.get(pair.image, lambda: self._decode(pair))

    def digest(self):
        """Returns a short hash of names, splits and classes, by which others are told apart."""
        names = sorted((pair.split, pair.name) for pair in self.pairs)
        text = repr((names, dataclasses.astuple(self.labels), self.channels, self.image_type))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _decode(self, pair):
        image = read_image(pair.image, self.channels, self.image_type)
        if pair.mask is None:
            raise ValueError(f"{pair.image} has no mask.")
        labels = read_labels(pair, self.labels)
        if image.shape[:2] != labels.shape:
            raise ValueError(size_sentence(pair, image.shape, labels.shape))
        return image, labels

    def _indices(self, split):
        return [index for index, pair in enumerate(self.pairs) if split in (pair.split, "all")]


def read_mask_set(
    data_dir,
    *,
    mask_pattern=None,
    field_of_view_pattern=None,
    class_names=None,
    mask_values=None,
    ignore_index=None,
    seed=0,
    folds=None,
    fold=None,
    labels=None,
    channels=None,
    image_type=None,
):
    """Lists the images and masks of a folder, and finds out what is in them.

    All masks are read once.

    Args:
        data_dir, mask_pattern, field_of_view_pattern: As for `list_pairs`.
        class_names: List of the names of the classes, in the order of their numbers.
        mask_values: List of the value of each class in the masks.
        ignore_index: Value of pixels that do not count, or several; of masks that hold colours, the
            number of the class in their table.
        seed, folds, fold: As for `with_splits`.
        labels: The `MaskLabels` of a trained model, by which masks are read.
        channels, image_type: Of a trained model's images.

    Returns:
        A `MaskSet`.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the data, or what their values mean, are not clear, or a file is not as the
            others or the model have it.
    """
    if labels is not None:
        checks.instances(MaskLabels, labels=labels)
        given = dict(class_names=class_names, mask_values=mask_values, ignore_index=ignore_index)
        for name, value in given.items():
            if value is not None:
                raise ValueError(f"{name} is {value!r}, but labels are given, which say it.")
    check_settings(
        data_dir=data_dir,
        mask_pattern=mask_pattern,
        field_of_view_pattern=field_of_view_pattern,
        class_names=class_names,
        mask_values=mask_values,
        ignore_index=ignore_index,
        seed=seed,
        folds=folds,
        fold=fold,
    )
    checks.optional(checks.positive_integers, channels=channels)
    if image_type not in (None, *TYPES):
        raise ValueError(f"image_type is {image_type!r}; expected one of {', '.join(TYPES)}.")
    listed = list_pairs(
        data_dir, mask_pattern=mask_pattern, field_of_view_pattern=field_of_view_pattern
    )
    pairs = with_splits(listed, seed=seed, folds=folds, fold=fold)
    with ThreadPoolExecutor(THREADS) as pool:
        forms = [*pool.map(read_form, [pair.image for pair in pairs])]
        contents = [*pool.map(_content, pairs)]
    for pair, (shape, _), content in zip(pairs, forms, contents):
        if content is not None and content.shape != shape[:2]:
            raise ValueError(size_sentence(pair, shape, content.shape))
    channels, image_type = image_form(pairs, forms, channels, image_type)
    if labels is None:
        labels = find_labels(
            {pair.mask: content for pair, content in zip(pairs, contents) if content is not None},
            find_class_table(data_dir),
            class_names=class_names,
            mask_values=mask_values,
            ignore_index=ignore_index,
        )
    counts = tuple(_counts(pair, content, labels) for pair, content in zip(pairs, contents))
    sizes = tuple(shape[:2] for shape, _ in forms)
    mask_set = MaskSet(pairs, labels, channels, image_type, sizes, counts)
    _say_what_is_absent(mask_set)
    return mask_set


def read_labels(pair, labels):
    """Returns the labels of a pair, int16 `(height, width)`, `IGNORED` where none count."""
    stored = read_mask(pair.mask, labels.coloured)
    try:
        found = labels.labels(stored).astype("int16")
    except ValueError as error:
        raise ValueError(f"{pair.mask} {error}") from error
    if pair.field_of_view is not None:
        found[~read_field_of_view(pair.field_of_view, found.shape)] = IGNORED
    return found


def _say_what_is_absent(mask_set):
    total = mask_set.counts_of("train").sum(axis=0)
    absent = [name for name, count in zip(mask_set.labels.names, total) if not count]
    if absent and total.any():
        warnings.warn(
            f"No training mask has the classes {some(absent, 20)}; they are kept.", stacklevel=3
        )


def _content(pair):
    return None if pair.mask is None else look_into(pair.mask, pair.field_of_view)


def _counts(pair, content, labels):
    if content is None:
        return (0,) * len(labels.names)
    try:
        return content.class_counts(labels)
    except ValueError as error:
        raise ValueError(f"{pair.mask} {error}.") from error
