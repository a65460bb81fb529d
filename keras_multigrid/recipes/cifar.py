"""Classification of CIFAR (paper, section 4.1)."""

import dataclasses
import functools
from typing import ClassVar

import keras

from keras_multigrid.applications.preprocessing import CIFAR100_CLASSES
from keras_multigrid.datasets import fit_whitening, load_cifar
from keras_multigrid.datasets.cifar import ENLARGED, SIDE, load_raw
from keras_multigrid.layers import ResizedCentre, ZCAWhitening
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.rescaling import rescaling
from keras_multigrid.stored import DamagedFile, read_model

WHITENING = "whitening.keras"
WHITENING_REMEDY = "restore it from a copy, or remove it and metrics.json and train again"
HELD_OUT = "train[45000:]"  # to tune by, as the paper's test data must not be

SCALES = {
    "smoke": {
        "model": "MG-sm-6",
        "epochs": 2,
        "steps_per_epoch": 2,
        "batch_size": 4,
        "width_multiplier": 0.1,
        "evaluation_batches": 1,
    },
    # At the paper's rate of 0.1 VGG-6 does not leave chance in a few epochs.
    "quick": {"model": "MG-sm-6", "epochs": 3, "learning_rate": 0.02},
    "paper": {},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cifar100(Recipe):
    """Classification of CIFAR-100, Table 1.

    Whitened images, enlarged to 36x36 pixels, cropped and mirrored at random; 200 epochs of 300
    batches of 128. `paper_scores` has the paper's test error of each of the 36 networks.

    There is no validation set: each epoch is evaluated on the test set, which chooses nothing.
    """

    model: str = "R-PMG-30"

    NAME: ClassVar = "cifar100"
    SCALES: ClassVar = SCALES
    LOSS: ClassVar = "sparse_categorical_crossentropy"
    VALIDATION_SPLIT: ClassVar = "test"
    OBJECTIVE: ClassVar = "top1"
    TABLE: ClassVar = "1"
    CLASSES: ClassVar = tuple(CIFAR100_CLASSES)

    def tuning_splits(self):
        return "train[:45000]", HELD_OUT

    def classes(self):
        return len(self.CLASSES)

    def label_names(self):
        return self.CLASSES

    def metrics(self):
        return [
            keras.metrics.SparseCategoricalAccuracy("top1"),
            keras.metrics.SparseTopKCategoricalAccuracy(5, "top5"),
        ]

    def load(self, split, batch_size, **options):
        if split == HELD_OUT:
            options = {"augment": False, "shuffle": False, **options}
        return load_cifar(
            self.NAME,
            split,
            batch_size,
            seed=self.seed,
            data_dir=self.data_dir,
            whitening=_whitening(self.NAME, self.data_dir),
            **options,
        )

    def keep(self, folder, model):
        whitening = _whitening(self.NAME, self.data_dir)
        keras.Sequential([keras.Input((SIDE, SIDE, 3)), whitening]).save(folder / WHITENING)

    def preprocessing(self, folder):
        whitening = read_whitening(folder / WHITENING)
        return [
            ResizedCentre(SIDE),
            rescaling(0, 1),
            whitening,
            keras.layers.Resizing(ENLARGED, ENLARGED),
            keras.layers.CenterCrop(SIDE, SIDE),
        ]

    def sent_images(self, split, count):
        images, labels = load_raw(self.NAME, split, self.data_dir)
        return images[:count].astype("float32"), labels[:count]

    def scores(self, results):
        return {"error": 100 - 100 * results["top1"]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cifar10(Cifar100):
    """Classification of CIFAR-10, by the settings of CIFAR-100; the paper has no figures for it."""

    NAME: ClassVar = "cifar10"
    TABLE: ClassVar = None
    CLASSES: ClassVar = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )


def read_whitening(path):
    """Returns the layer that a run has kept."""
    layers = read_model(path, WHITENING_REMEDY).layers
    if [type(layer) for layer in layers] != [ZCAWhitening]:
        raise DamagedFile(path, "it is not a single ZCAWhitening", WHITENING_REMEDY)
    return layers[0]


@functools.cache
def _whitening(name, data_dir):
    return fit_whitening(name, data_dir)
