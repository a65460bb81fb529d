"""What the recipes for ImageNet, or for one's own folder of images, have in common."""

import contextlib
import dataclasses
import pathlib
import warnings

from keras_multigrid.datasets import list_images, load
from keras_multigrid.datasets.class_folders import check_class_names, folder_classes
from keras_multigrid.datasets.image_folder import ON_ERROR
from keras_multigrid.recipes.constraints import check_choice

IMAGENET, IMAGE_FOLDER = "imagenet2012", "image_folder"
HELD_OUT = "train[98%:]"  # to tune by, as the paper's test data must not be


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photographs:
    """The data of a recipe: ImageNet, or folders of images; to be inherited beside `Recipe`.

    Attributes:
        data: `"imagenet2012"` of TensorFlow Datasets, or `"image_folder"`: `data_dir` then has the
            folders `train` and `validation`, with a folder of images per class in each.
        class_names: For an image folder: its classes in the order of their labels; None are the
            folders of `train`. A run keeps them, and labels all other data by them.
        on_error: For an image folder: whether a file that cannot be decoded ends the run,
            `"raise"`, or is passed over and named at the end, `"skip"`.
    """

    data: str = IMAGENET
    class_names: tuple[str, ...] | None = None
    on_error: str = "raise"

    def __post_init__(self):
        super().__post_init__()
        check_choice(self, "data", (IMAGENET, IMAGE_FOLDER))
        check_choice(self, "on_error", ON_ERROR)
        if self.class_names is not None:
            check_class_names(self.class_names)
        if self.data == IMAGENET and (self.class_names or self.on_error != "raise"):
            name = "class_names" if self.class_names else "on_error"
            raise ValueError(f"{name} is for data=image_folder; {IMAGENET} has no such choice.")

    def classes(self):
        return 1000 if self.data == IMAGENET else len(self._names())

    def label_names(self):
        return None if self.data == IMAGENET else self._names()

    def settled(self, begun=None):
        if self.data == IMAGENET or self.class_names:
            return self
        # Runs of earlier versions have no names.
        names = self._names() if begun is None else getattr(begun, "class_names", None)
        return dataclasses.replace(self, class_names=names)

    def asked(self):
        names = list(self.class_names or ())
        if names != sorted(names):
            return self
        return dataclasses.replace(self, class_names=None)  # the folders of the training data

    def check_data(self):
        if self.data == IMAGE_FOLDER:
            for split in ("train", self.TEST_SPLIT):
                list_images(self._folder(split), self._names())

    def tuning_splits(self):
        if self.data == IMAGENET:
            return "train[:98%]", HELD_OUT
        return "train", "validation"

    def load(self, split, batch_size, **options):
        if split == HELD_OUT:  # not augmented
            options = {"augment": False, **options}
        if self.data == IMAGE_FOLDER:
            own = {
                "class_names": self._names(),
                "on_error": self.on_error,
                "skipped": self.skipped,
            }
            options = {**own, **options}
        return load(
            self.data,
            split,
            batch_size,
            seed=self.seed,
            data_dir=self.data_dir,
            image_size=self.image_size,
            **options,
        )

    def evaluate(self, model, split, verbose="auto"):
        outputs = getattr(model, "classes", None) or model.output_shape[-1]  # of a `TopDown`
        if outputs != self.classes():
            source = "the run" if self.class_names else self._folder("train")
            raise ValueError(
                f"The network has {outputs} classes, and {source} has {self.classes()}; give the "
                "data that it was trained on, or their class_names."
            )
        with without_end_warnings():
            results = super().evaluate(model, split, verbose)
        if not results:
            raise ValueError(f"{self._folder(split)} has no image that can be decoded.")
        return results

    def _folder(self, split):
        return pathlib.Path(self.data_dir or ".", split)

    def _names(self):
        return self.class_names or tuple(folder_classes(self._folder("train")))


@contextlib.contextmanager
def without_end_warnings():
    """Hides Keras' warning at the end of data whose length, as files are skipped, is not known."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield
