"""Classification of ImageNet (paper, section 4.4), or of one's own folder of images."""

import dataclasses
from typing import ClassVar

import keras

from keras_multigrid.datasets.image_augmentation import MEAN, SHORTER_SHARE, STD
from keras_multigrid.layers import ResizedCentre
from keras_multigrid.recipes.photographs import Photographs, without_end_warnings
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.rescaling import rescaling
from keras_multigrid.ten_crop import ten_crop_model

TEN_CROP_BATCH = 25


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageNet(Photographs, Recipe):
    """Classification of ImageNet, Table 4.

    100 epochs of 10,000 batches of 256; the learning rate 0.1 is divided by 10 every 30 epochs. The
    scores are errors in percent with ten crops and with one, the paper's in `paper_scores`.

    Its data, and their classes, are those of `Photographs`.

    Attributes:
        image_size: Side of the images.
        ten_crop: Whether to test with ten crops, too.
    """

    model: str = "R-MG-34"
    epochs: int = 100
    steps_per_epoch: int = 10_000
    batch_size: int = 256
    schedule: str | None = "stepwise"
    drop_factor: float = 0.1
    drops: tuple[float, ...] = (0.3, 0.6, 0.9)
    weight_decay: float = 1e-4
    image_size: int = 224
    ten_crop: bool = True

    NAME: ClassVar = "imagenet"
    LOSS: ClassVar = "sparse_categorical_crossentropy"
    TEST_SPLIT: ClassVar = "validation"
    OBJECTIVE: ClassVar = "top1"
    TABLE: ClassVar = "4"
    SCALES: ClassVar = {
        "smoke": {
            "model": "R-MG-18",
            "epochs": 2,
            "steps_per_epoch": 2,
            "batch_size": 2,
            "width_multiplier": 0.0625,
            "image_size": 64,
            "evaluation_batches": 1,
        },
        "quick": {
            "model": "R-MG-18",
            "epochs": 10,
            "steps_per_epoch": 100,
            "batch_size": 32,
            "width_multiplier": 0.25,
            "image_size": 128,
            "precision": "mixed_bfloat16",
        },
        "paper": {},
    }

    def input_shape(self):
        return (self.image_size, self.image_size, 3)

    def metrics(self):
        top = min(5, self.classes())
        return [
            keras.metrics.SparseCategoricalAccuracy("top1"),
            keras.metrics.SparseTopKCategoricalAccuracy(top, "top5"),
        ]

    def preprocessing(self, folder):
        shorter = round(SHORTER_SHARE * self.image_size)
        return [ResizedCentre(self.image_size, shorter), rescaling(MEAN, STD)]

    def evaluate(self, model, split, verbose="auto"):
        results = super().evaluate(model, split, verbose)
        if self.ten_crop:
            crops = self.load(split, TEN_CROP_BATCH, ten_crop=True)
            if self.evaluation_batches:
                crops = crops.take(self.evaluation_batches)
            averaging = ten_crop_model(model)
            averaging.compile(loss=self.LOSS, metrics=self.metrics())
            with without_end_warnings():
                of_crops = averaging.evaluate(crops, verbose=verbose, return_dict=True)
            results.update({f"{name}_10_crop": value for name, value in of_crops.items()})
        return results

    def scores(self, results):
        columns = {
            "top-1 error, 10 crops": "top1_10_crop",
            "top-5 error, 10 crops": "top5_10_crop",
            "top-1 error": "top1",
            "top-5 error": "top5",
        }
        return {
            column: 100 - 100 * results[name] for column, name in columns.items() if name in results
        }
