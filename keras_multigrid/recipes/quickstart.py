"""The paper's headline in minutes: a multigrid net learns to route information, a plain one not."""

import dataclasses
import importlib.util
import pathlib
from typing import ClassVar

import keras
import numpy as np

from keras_multigrid import checks
from keras_multigrid.applications import preprocess_digits
from keras_multigrid.complexity import profile
from keras_multigrid.datasets import Distortion, SpatialTransformer, draw_batches, load_digits
from keras_multigrid.figures import Panel, draw_panels
from keras_multigrid.metrics import LabelledPixelError, RegionIoU
from keras_multigrid.recipes.dense_prediction import EVALUATION_SEED, DensePrediction
from keras_multigrid.recipes.report import versions
from keras_multigrid.recipes.run import (
    leaving_upon_sigterm,
    set_up,
    verbosity,
    without_gradient_warnings,
)
from keras_multigrid.recipes.run_folder import CHECKPOINTS, RESULTS, claim, locked
from keras_multigrid.training import JsonLines, resumable_fit
from keras_multigrid.whole_files import write_json

TEST_IMAGES = 1000
SHOWN_IMAGES = 10
MEAN_DIGIT = "the mean digit"  # what a net that sees nothing could draw at best


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quickstart(DensePrediction):
    """Spatial transformation (paper, Table 3) on a small canvas, with real handwriting.

    A distorted, displaced digit comes in; its upright shape in the centre is to be drawn. A small
    progressive multigrid net and a single-grid net with as many multiply-adds see the same images.
    The distortions are milder than the paper's, whose nets train for 160,000 steps.

    Attributes:
        baseline: The net it is compared with.
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
    baseline: str = "SG-11"
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
        if self.weights is not None or self.freeze is not None:
            raise ValueError(
                "The quickstart trains two networks from scratch; leave weights and freeze out, or "
                "train another recipe."
            )

    def networks(self):
        return (self.model, self.baseline)

    def classes(self):
        return 1

    def input_shape(self):
        return (self.canvas, self.canvas, 1)

    def load(self, split, batch_size, **options):
        training = split == "train"
        samples = self.steps_per_epoch * self.batch_size if training else TEST_IMAGES
        seed = self.seed if training else EVALUATION_SEED
        data = draw_batches(self.drawing(split), samples, batch_size, seed=seed, **options)
        return data.map(lambda images, masks: (preprocess_digits(images), masks))

    def drawing(self, split):
        """Returns the `SpatialTransformer` that draws the samples of a split."""
        digits, _ = load_digits(split, source=self.source, data_dir=self.data_dir)
        distortion = Distortion(
            rotation=self.rotation, shear=self.shear, scale=self.scale, digit_share=self.digit_share
        )
        return SpatialTransformer(digits, self.canvas, distortion)


def train_quickstart(recipe, output):
    """Trains both nets, compares them on held-out digits, and fills a run folder.

    Called again after an interruption, it continues.

    Args:
        recipe: A `Quickstart`.
        output: Path of a folder. It gets `metrics.json`, `predictions.png`, the multigrid net as
            `model.keras` and, on TensorFlow and JAX, as a SavedModel in `saved_model`.

    Returns:
        What `metrics.json` holds.

    Raises:
        ValueError: If the folder has other things in it, or a run of other settings.
        ImportError: If matplotlib is missing.

    Example:

    >>> from keras_multigrid.recipes import Quickstart, train_quickstart
    >>> smallest = Quickstart(seed=1, **Quickstart.SCALES["smoke"])
    >>> metrics = train_quickstart(smallest, "runs/quickstart")
    """
    checks.instances(Quickstart, recipe=recipe)
    checks.paths(output=output)
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("The quickstart draws a picture: pip install 'keras_multigrid[plot]'.")
    output = pathlib.Path(output)
    with leaving_upon_sigterm(), locked(output):
        claim(output, recipe)
        with set_up(recipe):
            return _train_both(recipe, output)


def _train_both(recipe, output):
    images, masks = _draw_once(recipe, "test", EVALUATION_SEED)
    inputs = preprocess_digits(images)
    print(f"Images of {recipe.canvas}x{recipe.canvas} of the digits of '{recipe.source}'")
    results, rows = {MEAN_DIGIT: _evaluate_mean_digit(recipe, masks)}, {}
    of_baseline = {"model": recipe.baseline, "width_multiplier": recipe.baseline_width_multiplier}
    for part in (recipe, dataclasses.replace(recipe, **of_baseline, channel_ratios=None)):
        model, counts, seconds = _train(part, output)
        results[part.model] = {
            **model.evaluate(inputs, masks, batch_size=100, verbose=0, return_dict=True),
            "trainable_params": counts.trainable_params,
            "macs": counts.macs,
            "training_seconds": round(seconds, 1),
        }
        drawn = model.predict(inputs[:SHOWN_IMAGES], verbose=0)
        rows[f"{part.model}\nIoU {results[part.model]['iou']:.2f}"] = drawn
        if part is recipe:
            _save(model, output)
    metrics = {
        "recipe": dataclasses.asdict(recipe),
        "versions": versions(),
        "test_images": TEST_IMAGES,
        "results": results,
    }
    rows = {"input": images[:SHOWN_IMAGES], "truth": masks[:SHOWN_IMAGES], **rows}
    draw_panels(output / "predictions.png", [[Panel(rows)]])
    write_json(output / RESULTS, metrics)
    _print_results(results, output)
    return metrics


def _train(recipe, output):
    """Trains one of the nets; returns it, its profile, and the seconds it took."""
    model = recipe.network()
    counts = profile(model)
    print(
        f"\n{recipe.model}: {counts.trainable_params:,} parameters, {counts.macs:,} multiply-adds"
    )
    recipe.compile(model)
    log = JsonLines(output / f"{recipe.model}.jsonl")
    with without_gradient_warnings():
        resumable_fit(
            model,
            lambda first_batch: recipe.load("train", recipe.batch_size, first_batch=first_batch),
            recipe.epochs,
            recipe.steps_per_epoch,
            output / CHECKPOINTS / recipe.model,
            callbacks=[log],
            checkpoint_seconds=recipe.checkpoint_seconds,
            verbose=verbosity(),
        )
    return model, counts, log.seconds


def _draw_once(recipe, split, seed):
    """Returns images and masks as arrays, the same whenever the seed is the same."""
    batches = draw_batches(recipe.drawing(split), TEST_IMAGES, TEST_IMAGES, seed=seed)
    return next(batches.as_numpy_iterator())


def _evaluate_mean_digit(recipe, masks):
    """Returns the metrics of always drawing the mean of the training digits."""
    _, training_masks = _draw_once(recipe, "train", 0)
    drawn = np.broadcast_to(training_masks.mean(axis=0), masks.shape)
    metrics = (RegionIoU(), LabelledPixelError())
    for metric in metrics:
        metric.update_state(masks, drawn)
    return {metric.name: float(metric.result()) for metric in metrics}


def _save(model, output):
    model.save(output / "model.keras")
    if keras.backend.backend() == "torch":
        print("Keras cannot export a SavedModel from the torch backend; model.keras is written.")
        return
    model.export(str(output / "saved_model"), verbose=False)


def _print_results(results, output):
    print(f"\n{TEST_IMAGES} images of held-out digits    mean IoU   pixel error   training")
    for name, result in results.items():
        seconds = result.get("training_seconds")
        print(
            f"{name:<33} {result['iou']:>9.3f} {result['pixel_error']:>13.3f} "
            + ("" if seconds is None else f"{seconds:>8.0f} s")
        )
    print(
        f"\nWritten to {output}: " + ", ".join(sorted(path.name for path in output.glob("[!.]*")))
    )
