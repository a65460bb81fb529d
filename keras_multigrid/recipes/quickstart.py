"""The first paper's headline in minutes: a multigrid net learns to route, a plain one does not."""

import dataclasses
import functools
from typing import ClassVar

import keras
import numpy as np

from keras_multigrid.applications import preprocess_digits
from keras_multigrid.datasets import Distortion, SpatialTransformer, draw_batches, load_digits
from keras_multigrid.recipes.dense_prediction import EVALUATION_SEED, DensePrediction
from keras_multigrid.recipes.recipe import EVALUATION_BATCH

TEST_IMAGES = 1000
MEAN_DIGIT = "mean_digit"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quickstart(DensePrediction):
    """Spatial transformation (paper, Table 3) on a small canvas, with real handwriting.

    A distorted, displaced digit comes in; its upright shape in the centre is to be drawn. A small
    progressive multigrid net and a single-grid net with as many multiply-adds see the same images;
    the latter is trained by a run of its own, within the folder of the first. Both are compared
    with the mean of the training digits, which is what a net that sees nothing could draw at best.
    The distortions are milder than the paper's, whose nets train for 160,000 steps.

    Attributes:
        baseline: The net it is compared with, trained from scratch; None trains no other.
        baseline_width_multiplier: Factor on that net's widths.
        canvas: Side of the images in pixels.
        rotation: Largest rotation of the digits, in degrees (paper: 60).
        shear: Largest shearing angle, in degrees (paper: 60).
        scale: Smallest and largest factor on the digits' size (paper: 0.5 and 1.5).
        digit_share: Side of a digit's image relative to the canvas (paper: 0.4375).
    """

    source: str = "digits"
    fresh: bool = True
    epochs: int = 5
    steps_per_epoch: int = 200
    batch_size: int = 32
    width_multiplier: float = 0.0625
    channel_ratios: tuple[float, ...] | None = (1, 2, 4, 8)
    start_empty: bool = True
    optimizer: str = "adam"
    schedule: str | None = "cosine"
    learning_rate: float = 0.015
    weight_decay: float = 0.0
    threads: int | None = 1
    validation: bool = False
    baseline: str | None = "SG-11"
    baseline_width_multiplier: float = 0.25
    canvas: int = 32
    rotation: float = 20
    shear: float = 15
    scale: tuple[float, ...] = (0.8, 1.2)
    digit_share: float = 0.5

    NAME: ClassVar = "quickstart"
    SCALES: ClassVar = {
        "smoke": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 4},
        "quick": {},
    }

    def __post_init__(self):
        super().__post_init__()
        if self.baseline == self.model:
            raise ValueError(f"baseline is {self.model}, the model; expected another, or none.")
        self.baselines()  # an error before any work

    def baselines(self):
        if self.baseline is None:
            return ()
        changes = {
            "model": self.baseline,
            "width_multiplier": self.baseline_width_multiplier,
            **dict.fromkeys(("channel_ratios", "weights", "loaded_rate", "freeze", "baseline")),
        }
        return (dataclasses.replace(self, **changes),)

    def classes(self):
        return 1

    def input_shape(self):
        return (self.canvas, self.canvas, 1)

    def load(self, split, batch_size, **options):
        is_training = split == "train"
        samples = self.steps_per_epoch * self.batch_size if is_training else TEST_IMAGES
        seed = self.seed if is_training else EVALUATION_SEED
        draw = _drawing(split, *self._distorted_digits())
        data = draw_batches(draw, samples, batch_size, seed=seed, **options)
        return data.map(lambda images, masks: (preprocess_digits(images), masks))

    def load_evaluation(self, split):
        import tensorflow as tf

        images, masks = _draw_once(split, EVALUATION_SEED, *self._distorted_digits())
        data = tf.data.Dataset.from_tensor_slices((preprocess_digits(images), masks))
        return data.batch(EVALUATION_BATCH).take(self.evaluation_batches or -1)

    def _distorted_digits(self):
        distortion = Distortion(
            rotation=self.rotation,
            shear=self.shear,
            scale=tuple(self.scale),
            digit_share=self.digit_share,
        )
        return self.source, self.data_dir, self.canvas, distortion

    def evaluate(self, model, split, verbose="auto"):
        results = super().evaluate(model, split, verbose)
        if self.baseline is not None:
            results |= self._results_of_mean_digit(split)
        return results

    def _results_of_mean_digit(self, split):
        """Returns the metrics of always drawing the mean of the training digits."""
        _, training_masks = _draw_once("train", 0, *self._distorted_digits())
        _, masks = _draw_once(split, EVALUATION_SEED, *self._distorted_digits())
        drawn, metrics = np.broadcast_to(training_masks.mean(axis=0), masks.shape), self.metrics()
        for metric in metrics:
            metric.update_state(masks, drawn)
        return {f"{metric.name}_{MEAN_DIGIT}": float(metric.result()) for metric in metrics}

    def scores(self, results):
        scores = super().scores(results)
        for other, name in ((self.baseline, self.baseline), (MEAN_DIGIT, "the mean digit")):
            if f"iou_{other}" in results:
                own = {metric: results[f"{metric}_{other}"] for metric in ("iou", "pixel_error")}
                scores |= {f"{of} of {name}": value for of, value in super().scores(own).items()}
        return scores

    def keep(self, folder, model):
        """Writes the network as a SavedModel, which all else that reads one can serve."""
        if keras.backend.backend() == "torch":
            print("Keras cannot export a SavedModel from the torch backend; model.keras is there.")
        else:
            model.export(str(folder / "saved_model"), verbose=False)


@functools.cache  # both networks see the same
def _draw_once(split, seed, *distorted_digits):
    """Returns `TEST_IMAGES` images and masks as arrays."""
    batches = draw_batches(_drawing(split, *distorted_digits), TEST_IMAGES, TEST_IMAGES, seed=seed)
    return next(batches.as_numpy_iterator())


def _drawing(split, source, data_dir, canvas, distortion):
    digits, _ = load_digits(split, source=source, data_dir=data_dir)
    return SpatialTransformer(digits, canvas, distortion)
