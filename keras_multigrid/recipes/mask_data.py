"""The data of a recipe: one's own images with masks."""

import csv
import dataclasses
import functools
import io
import pathlib

from keras_multigrid.checking import check_folder
from keras_multigrid.datasets.mask_augmentation import MaskAugmentation
from keras_multigrid.datasets.masks.batches import mask_batches
from keras_multigrid.datasets.masks.labels import MaskLabels, SegmentationTask
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from keras_multigrid.recipes.own_data import stop_on_errors
from keras_multigrid.whole_files import write_text

MOST_SIDE = 1024  # of the part of a validation image that is predicted while training
ALL = "all"  # folds
SPLIT = "split.csv"  # which image is for what; as a data set, it is the same again


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskData:
    """Images with masks; to be inherited beside `Recipe`.

    What is None is found in the data, and kept with the run: `train` prints it.

    Attributes:
        mask_pattern: File name of an image's mask, such as `"{stem}_mask.png"`; `{number}` is the
            first number in the image's name. None: the same name.
        field_of_view_pattern: File name of the mask of the pixels that count, alike.
        class_names: Names of the classes.
        mask_values: Values of the classes in mask files, in that order.
        ignore_index: Value of pixels that do not count.
        folds: Number of parts for cross-validation.
        fold: The part to test on, from 0; `"all"` trains once for each.
        class_colours: Colours of the classes, 0xRRGGBB.
        ignored_values: All values of pixels that do not count.
        coloured_masks: Whether masks hold colours.
        channels: Of an image.
        image_type: Of an image's values: `"uint8"`, `"uint16"` or `"float32"`.
        data_digest: What the list of images comes to, so that a run goes on with the same.
        flips: Axes that may be mirrored: `"both"`, `"horizontal"` or `"none"`.
        averaged_flips: Mirror images that predictions are averaged over, as `flips` has them.
        rotation: Most degrees of rotation.
        scale: Most factor of enlarging or shrinking.
        brightness: Most that is added, in standard deviations.
        contrast: Most factor on the contrast.
        gamma: Most exponent of the values.
        noise: Most noise, in standard deviations.
        rare_share: Share of the crops that show a rare class.
    """

    mask_pattern: str | None = None
    field_of_view_pattern: str | None = None
    class_names: tuple[str, ...] | None = None
    mask_values: tuple[int, ...] | None = None
    ignore_index: int | None = None
    folds: int | None = None
    fold: str | None = None
    class_colours: tuple[int, ...] | None = None
    ignored_values: tuple[int, ...] | None = None
    coloured_masks: bool | None = None
    channels: int | None = None
    image_type: str | None = None
    data_digest: str | None = None
    flips: str | None = None
    averaged_flips: str | None = None
    rotation: float | None = None
    scale: float = 1.25
    brightness: float = 0.2
    contrast: float = 1.2
    gamma: float = 1.2
    noise: float = 0.05
    rare_share: float = 1 / 3

    def __post_init__(self):
        super().__post_init__()
        self._augmentation()  # checks it
        if (self.folds is None) != (self.fold is None):
            raise ValueError(
                f"folds is {self.folds} and fold is {self.fold}; give both, such as --set folds=5 "
                "--set fold=0, or fold=all."
            )
        numbers = [str(number) for number in range(self.folds or 0)]
        if self.fold is not None and self.fold not in (*numbers, ALL):
            raise ValueError(
                f"fold is {self.fold!r}; expected 0 to {self.folds - 1}, or all, of {self.folds} "
                "folds."
            )

    @functools.cached_property
    def mask_set(self):
        """The `MaskSet` of the data, decoded as the run's were."""
        if self.data_dir is None:
            raise ValueError(
                "data_dir is not given; name the folder that has images and masks: --set "
                "data_dir=FOLDER."
            )
        options = {
            "mask_pattern": self.mask_pattern,
            "field_of_view_pattern": self.field_of_view_pattern,
            "seed": self.seed,
            "folds": self.folds,
            "fold": None if self.fold is None else int(self.fold),
        }
        if self.class_colours is not None:
            known = {"channels": self.channels, "image_type": self.image_type}
            return read_mask_set(self.data_dir, labels=self._labels(), **known, **options)
        return read_mask_set(
            self.data_dir,
            class_names=self.class_names,
            mask_values=self.mask_values,
            ignore_index=self.ignore_index,
            **options,
        )

    def folder_name(self):
        return f"{self.NAME}-{pathlib.Path(self.data_dir or '.').resolve().name}"

    def check_data(self):
        report = check_folder(
            self.data_dir,
            mask_pattern=self.mask_pattern,
            field_of_view_pattern=self.field_of_view_pattern,
            class_names=self.class_names,
            mask_values=self.mask_values,
            ignore_index=self.ignore_index,
            seed=self.seed,
            folds=self.folds,
            fold=None if self.fold is None else int(self.fold),
        )
        stop_on_errors(report)

    def begin(self, folder):
        columns = ("image", "mask", "split", "group", "field_of_view")
        rows = [[getattr(pair, name) or "" for name in columns] for pair in self.mask_set.pairs]
        text = io.StringIO()
        csv.writer(text).writerows([columns, *rows])
        write_text(folder / SPLIT, text.getvalue())

    def found(self):
        """Returns the fields that the data settle."""
        mask_set = self.mask_set
        labels = mask_set.labels
        return {
            "class_names": labels.names,
            "mask_values": labels.values,
            "class_colours": labels.colours,
            "ignored_values": labels.ignored,
            "coloured_masks": labels.coloured,
            "channels": mask_set.channels,
            "image_type": mask_set.image_type,
            "data_digest": mask_set.digest(),
        }

    def task(self):
        """Returns the `SegmentationTask` of a network that was trained."""
        return SegmentationTask(
            labels=self._labels(),
            channels=self.channels,
            image_type=self.image_type,
            averaged_flips=None if self.averaged_flips == "none" else self.averaged_flips,
        )

    def fold_recipes(self):
        if self.fold != ALL:
            return ()
        return tuple(dataclasses.replace(self, fold=str(fold)) for fold in range(self.folds))

    def classes(self):
        return len(self.label_names())

    def label_names(self):
        return self.class_names if self.class_colours else self.mask_set.labels.names

    def load(self, split, batch_size, **options):
        augmentation = None
        if split == "train":
            augmentation = self._augmentation()
            options = {"crop": self.crop, "rare_share": self.rare_share, **options}
        options = {"augmentation": augmentation, **options}
        return mask_batches(self.mask_set, split, batch_size, seed=self.seed, **options)

    def load_evaluation(self, split):
        data = super().load_evaluation(split)
        return data.map(_middle)

    def preprocessing(self, folder):
        return []  # the network takes images as they are

    def sent_images(self, split, count):
        images, labels = next(iter(self.load(split, count, crop=self.crop, augmentation=None)))
        return images.numpy(), labels.numpy()

    def _augmentation(self):
        deviations = self.deviation or (64.0,)
        return MaskAugmentation(
            flips=self.flips or "horizontal",
            rotation=0.0 if self.rotation is None else self.rotation,
            scale=self.scale,
            brightness=self.brightness,
            contrast=self.contrast,
            gamma=self.gamma,
            noise=self.noise,
            deviation=sum(deviations) / len(deviations),
            value_range=self.value_range or (0.0, 255.0),
        )

    def _labels(self):
        return MaskLabels(
            names=tuple(self.class_names),
            values=tuple(self.mask_values),
            colours=tuple(self.class_colours),
            ignored=tuple(self.ignored_values),
            coloured=self.coloured_masks,
        )


def _middle(images, labels):
    """Returns the middle of images that are too large to be predicted whole in each epoch."""
    import tensorflow as tf

    sides = tf.shape(labels)[1:]
    kept = tf.minimum(sides, MOST_SIDE)
    top, left = tf.unstack((sides - kept) // 2)
    window = (slice(None), slice(top, top + kept[0]), slice(left, left + kept[1]))
    return images[window], labels[window]
