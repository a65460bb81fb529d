"""The data of a recipe: one's own images in class folders."""

import dataclasses
import functools
import pathlib

import numpy as np

from keras_multigrid.checking import check_folder
from keras_multigrid.checking.folders import kind_of
from keras_multigrid.datasets.class_batches import class_batches
from keras_multigrid.datasets.class_folders import check_class_names
from keras_multigrid.datasets.class_splits import read_class_set
from keras_multigrid.datasets.mask_augmentation import MaskAugmentation
from keras_multigrid.decoding import read_image
from keras_multigrid.planning import class_fingerprint
from keras_multigrid.recipes.own_data import stop_on_errors
from keras_multigrid.recipes.recipe import EVALUATION_BATCH

MOST_READ = 200  # images whose statistics are taken
DRAWN = ("train", "validation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassData:
    """Class folders; to be inherited beside `Recipe`.

    What is None is found in the data, and kept with the run.

    Attributes:
        class_names: Names of the classes in the order of the outputs; None are the folders.
        image_size: Side of the square that the network reads.
        test_split: What a run is tested on: `"test"` where the folder has it, or `"validation"`.
        data_digest: What the list of images comes to, so that a run goes on with the same.
        smallest_area: Smallest share of an image that a training window shows.
        flips: Axes that may be mirrored: `"both"`, `"horizontal"` or `"none"`.
        rotation: Most degrees of rotation.
        brightness: Most that is added, in standard deviations.
        contrast: Most factor on the contrast.
        gamma: Most exponent of the values.
        noise: Most noise, in standard deviations.
        mean, deviation: Of the training images' values, for each channel.
    """

    class_names: tuple[str, ...] | None = None
    image_size: int | None = None
    test_split: str | None = None
    data_digest: str | None = None
    smallest_area: float = 0.4
    flips: str = "horizontal"
    rotation: float = 10.0
    brightness: float = 0.3
    contrast: float = 1.3
    gamma: float = 1.3
    noise: float = 0.1
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None

    def __post_init__(self):
        super().__post_init__()
        self._augmentation()  # checks it
        if self.class_names is not None:
            check_class_names(self.class_names)
        if not 0 < self.smallest_area <= 1:
            raise ValueError(
                f"smallest_area is {self.smallest_area}; expected a share from 0 to 1."
            )
        if self.image_size is not None and self.image_size < 1:
            raise ValueError(f"image_size is {self.image_size}; expected a positive number.")

    @property
    def TEST_SPLIT(self):
        return self.test_split or ("test" if "test" in self.class_set.splits else "validation")

    @functools.cached_property
    def class_set(self):
        """The `ClassSet` of the data, labelled as the run's were."""
        if self.data_dir is None:
            raise ValueError(
                "data_dir is not given; name the folder that has a folder of images for each "
                "class: --set data_dir=FOLDER."
            )
        return read_class_set(self.data_dir, class_names=self.class_names, seed=self.seed)

    def folder_name(self):
        return f"{self.NAME}-{pathlib.Path(self.data_dir or '.').resolve().name}"

    def check_data(self):
        if self.data_digest is not None and self.class_set.digest() != self.data_digest:
            raise ValueError(
                f"{self.data_dir} has other images than when the run began; restore them, or name "
                "another folder with --output."
            )

    def check_images(self):
        """Raises an error if training would be wrong; all images are decoded."""
        if self.data_dir is not None and pathlib.Path(self.data_dir).exists():
            if kind_of(self.data_dir) != "classes":
                raise ValueError(
                    f"{self.data_dir} has images with masks, or no class folders; expected one "
                    "folder of images for each class (`train segmentation` is for masks)."
                )
            report = check_folder(self.data_dir, class_names=self.class_names, seed=self.seed)
            stop_on_errors(report)

    def facts(self):
        """Returns the `ClassFingerprint` of the training images."""
        images = self.class_set.of("train")
        counts = np.bincount([label for _, label in images], minlength=self.classes())
        step = -(-len(images) // MOST_READ)
        samples = (read_image(pathlib.Path(path).read_bytes()) for path, _ in images[::step])
        return class_fingerprint(samples, counts)

    def classes(self):
        return len(self.label_names())

    def label_names(self):
        return self.class_names or self.class_set.class_names

    def images_of(self, split):
        """Returns the images of a split, pairs of path and label; refuses what is not known."""
        class_set = self.class_set
        is_drawn = class_set.drawn and split in DRAWN
        if is_drawn and self.data_digest not in (None, class_set.digest()):
            raise ValueError(
                f"{self.data_dir} has other images than the run was trained on, and no part for "
                "validation: which of them the network has seen is not known. Name --split all, "
                "to test on all images."
            )
        return class_set.of(split)

    def load(self, split, batch_size, **options):
        if split == "train":
            options = {
                "shuffle": True,
                "smallest_area": self.smallest_area,
                "augmentation": self._augmentation(),
                **options,
            }
        return class_batches(
            self.images_of(split), batch_size, self.image_size, seed=self.seed, **options
        )

    def tested(self, split):
        """Returns the images of a split to evaluate on: all, or spread over all classes."""
        images = self.images_of(split)
        if not self.evaluation_batches:
            return images
        most = self.evaluation_batches * min(self.batch_size, EVALUATION_BATCH)
        return images[:: -(-len(images) // most)]

    def load_evaluation(self, split):
        size = min(self.batch_size, EVALUATION_BATCH)
        return class_batches(self.tested(split), size, self.image_size)

    def sent_images(self, split, count):
        data = self.load_evaluation(split).unbatch().take(count).batch(count)
        return next(data.as_numpy_iterator())

    def _augmentation(self):
        deviations = self.deviation or (64.0,)
        return MaskAugmentation(
            flips=self.flips,
            rotation=self.rotation,
            scale=1.0,  # the windows are of several
            brightness=self.brightness,
            contrast=self.contrast,
            gamma=self.gamma,
            noise=self.noise,
            deviation=sum(deviations) / len(deviations),
        )
