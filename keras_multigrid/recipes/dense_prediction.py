"""Synthetic segmentation and spatial transformation (paper, section 4.2 and 4.3)."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_multigrid.applications import preprocess_digits
from keras_multigrid.applications.preprocessing import DIGITS_MEAN, DIGITS_STD
from keras_multigrid.datasets import load
from keras_multigrid.figures import Panel, draw_panels
from keras_multigrid.figures.style import CLASS_COLOURS, stretched
from keras_multigrid.layers import PerGrid
from keras_multigrid.metrics import LabelledPixelError, RegionIoU
from keras_multigrid.recipes.recipe import EVALUATION_BATCH, Recipe
from keras_multigrid.recipes.rescaling import rescaling

PREDICTIONS = "predictions.png"
SHOWN_IMAGES = 10
DIGITS = tuple("0123456789")
EVALUATION_SEED = 1_000_003  # far from the seeds of training data
SHORT = {
    "optimizer": "adam",
    "schedule": "cosine",
    "weight_decay": 0.0,
    "start_empty": True,
}
QUICK = {
    **SHORT,
    "epochs": 10,
    "steps_per_epoch": 300,
    "batch_size": 8,
    "width_multiplier": 0.25,
    "learning_rate": 0.015,
}
LONG = {**SHORT, "epochs": 20, "steps_per_epoch": 400, "batch_size": 16, "learning_rate": 0.003}
SMOKE = {
    "epochs": 2,
    "steps_per_epoch": 2,
    "batch_size": 4,
    "width_multiplier": 0.0625,
    "source": "digits",
    "fresh": True,
    "evaluation_batches": 1,
}


def start_empty(model):
    """Makes the outputs of a network start near zero: few pixels are ink."""
    last = [layer for layer in model.layers if isinstance(layer, PerGrid)][-1].grid_layers[0]
    last.gamma.assign([3.0] * model.output_shape[-1])
    last.beta.assign([-4.0] * model.output_shape[-1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class DensePrediction(Recipe):
    """What both experiments share.

    Attributes:
        fresh: Whether samples are drawn anew in each pass; if not, a set is prepared once and kept
            in `data_dir`, as the paper does.
        start_empty: Whether masks start empty, which spares a short training the way there.
    """

    batch_size: int = 64
    fresh: bool = False
    start_empty: bool = False

    SCALES: ClassVar = {"smoke": SMOKE, "quick": QUICK, "long": LONG, "paper": {}}
    LOSS: ClassVar = "binary_crossentropy"
    OBJECTIVE: ClassVar = "iou"

    def network(self):
        model = super().network()
        if self.start_empty:
            start_empty(model)
        return model

    def metrics(self):
        return [RegionIoU(), LabelledPixelError()]

    def data_set(self):
        """Returns the data set's name and, after a slash, its variant."""
        return self.NAME

    def load(self, split, batch_size, **options):
        seed = self.seed if split == "train" else EVALUATION_SEED
        data = load(
            self.data_set(),
            split,
            batch_size,
            self.source,
            seed=seed,
            data_dir=self.data_dir,
            fresh=self.fresh,
            **options,
        )
        return data.map(lambda images, masks: (preprocess_digits(images), masks))

    def load_evaluation(self, split):
        data = super().load_evaluation(split)
        if not self.fresh:
            return data
        # Each iteration draws other samples, unless it begins endless ones.
        batch_size = min(self.batch_size, EVALUATION_BATCH)
        return self.load(split, batch_size, first_batch=0).take(data.cardinality())

    def preprocessing(self, folder):
        return [rescaling(DIGITS_MEAN, DIGITS_STD)]

    def draw(self, folder, models, results):
        """Draws test images with true and predicted masks; of several classes the strongest."""
        images, masks = next(self.load_evaluation(self.TEST_SPLIT).as_numpy_iterator())
        images, masks = images[:SHOWN_IMAGES], masks[:SHOWN_IMAGES]
        rows = {"input": stretched(images), "truth": masks}
        for name, model in models.items():
            iou = results["iou" if name == self.model else f"iou_{name}"]
            rows[f"{name}\nIoU {iou:.2f}"] = model.predict(images, verbose=0)
        if masks.shape[-1] > 1:
            rows |= {row: _coloured(maps) for row, maps in rows.items() if row != "input"}
        draw_panels(folder / PREDICTIONS, [[Panel(rows)]])
        return [("Predictions on test images", PREDICTIONS)]

    def scores(self, results):
        return {"mean IoU": 100 * results["iou"], "pixel error": 100 * results["pixel_error"]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MnistSegmentation(DensePrediction):
    """Segmentation of overlapping digits, Table 2.

    10,000 images of 64x64 pixels with about five digits of MNIST, a mask for each of the ten
    classes; 200 epochs of 150 batches of 64. The scores are mean IoU and pixel error in percent,
    the paper's in `paper_scores`.
    """

    steps_per_epoch: int = 150

    NAME: ClassVar = "mnist_segmentation"
    TABLE: ClassVar = "2"

    def classes(self):
        return 10

    def label_names(self):
        return DIGITS


@dataclasses.dataclass(frozen=True, kw_only=True)
class MnistSpatialTransformer(DensePrediction):
    """Undoing rotation, scaling, shearing and translation, Table 3 and Figure 5.

    60,000 images of 64x64 pixels with one distorted digit of MNIST; the upright one, centred, is to
    be drawn. 200 epochs of 800 batches of 64. The scores are mean IoU and pixel error in percent,
    the paper's in `paper_scores`.

    Attributes:
        variant: The distortions: `"all"`, or `"rotation"`, `"scaling"`, `"affine"` or
            `"translation"` alone.
    """

    model: str = "R-PMG-20"
    steps_per_epoch: int = 800
    variant: str = "all"

    NAME: ClassVar = "mnist_spatial_transformer"
    TABLE: ClassVar = "3"

    def classes(self):
        return 1

    def data_set(self):
        return f"{self.NAME}/{self.variant}"


def _coloured(maps):
    """Returns pictures in which each class has its colour, where its map is strongest."""
    colours = CLASS_COLOURS[maps.argmax(-1) % len(CLASS_COLOURS)]
    return np.where(maps.max(-1, keepdims=True) >= 0.5, colours, 1)
