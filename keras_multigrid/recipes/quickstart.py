"""The paper's headline in minutes: a multigrid net learns to route information, a plain one not."""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib
import time
import warnings
from typing import ClassVar

import keras
import numpy as np

from keras_multigrid.applications import create_model, preprocess_digits
from keras_multigrid.complexity import profile
from keras_multigrid.datasets import Distortion, SpatialTransformer, draw_batches, load_digits
from keras_multigrid.layers import PerGrid
from keras_multigrid.metrics import LabelledPixelError, RegionIoU
from keras_multigrid.recipes.report import draw_predictions, versions

TEST_IMAGES = 1000
TEST_SEED = 1_000_003  # far from the seeds of training data
SHOWN_IMAGES = 10
MEAN_DIGIT = "the mean digit"  # what a net that sees nothing could draw at best


@dataclasses.dataclass(frozen=True)
class Quickstart:
    """Spatial transformation (paper, Table 3) on a small canvas, with real handwriting.

    A distorted, displaced digit comes in; its upright shape in the centre is to be drawn. A small
    progressive multigrid net and a single-grid net with as many multiply-adds see the same images.
    The distortions are milder than the paper's, whose nets train for 160,000 steps.

    Attributes:
        model: The multigrid net, a name of `list_models`.
        baseline: The net it is compared with.
        source: Source of digits: `"digits"` (shipped with scikit-learn) or `"mnist"`.
        data_dir: Where TensorFlow Datasets keeps MNIST.
        seed: Seed of weights and data.
        deterministic: Whether TensorFlow's operations must be deterministic; slower.
        epochs: Number of epochs.
        steps_per_epoch: Batches per epoch, all of fresh images.
        batch_size: Images per batch.
        precision: Keras dtype policy.
        canvas: Side of the images in pixels.
        channel_ratios: Widths of the multigrid net's grids relative to the finest.
        width_multiplier: Factor on the multigrid net's widths.
        baseline_width_multiplier: Factor on the single-grid net's widths.
        learning_rate: Of Adam, at its highest; a cosine leads to zero.
        warmup: Share of the steps in which the learning rate rises.
        rotation: Largest rotation of the digits, in degrees (paper: 60).
        shear: Largest shearing angle, in degrees (paper: 60).
        scale: Smallest and largest factor on the digits' size (paper: 0.5 and 1.5).
        digit_share: Side of a digit's image relative to the canvas (paper: 0.4375).
    """

    model: str = "PMG-11"
    baseline: str = "SG-11"
    source: str = "digits"
    data_dir: str | None = None
    seed: int = 0
    deterministic: bool = False
    epochs: int = 5
    steps_per_epoch: int = 200
    batch_size: int = 32
    precision: str = "float32"
    canvas: int = 32
    channel_ratios: tuple[float, ...] = (1, 2, 4, 8)
    width_multiplier: float = 0.0625
    baseline_width_multiplier: float = 0.25
    learning_rate: float = 0.015
    warmup: float = 0.05
    rotation: float = 20
    shear: float = 15
    scale: tuple[float, ...] = (0.8, 1.2)
    digit_share: float = 0.5

    SCALES: ClassVar = {
        "smoke": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 4},
        "quick": {},
    }

    def __post_init__(self):
        for name in ("epochs", "steps_per_epoch", "batch_size", "canvas", "digit_share"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a positive number.")


def train_quickstart(recipe, output):
    """Trains both nets, compares them on held-out digits, and fills a run folder.

    Args:
        recipe: A `Quickstart`.
        output: Path of a new folder. It gets `metrics.json`, `predictions.png`, the multigrid net
            as `model.keras` and, on TensorFlow and JAX, as a SavedModel in `saved_model`.

    Returns:
        What `metrics.json` holds.

    Raises:
        FileExistsError: If the folder exists and is not empty.
        ImportError: If matplotlib is missing.

    Example:

        train_quickstart(Quickstart(seed=1), "runs/first")
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("The quickstart draws a picture: pip install 'keras_multigrid[plot]'.")
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise FileExistsError(f"{output} is not empty; name a new folder with --output.")

    _set_up(recipe)
    digits, _ = load_digits("train", recipe.source, recipe.data_dir)
    held_out, _ = load_digits("test", recipe.source, recipe.data_dir)
    distortion = Distortion(
        recipe.rotation, recipe.shear, recipe.scale, digit_share=recipe.digit_share
    )
    draw = SpatialTransformer(digits, recipe.canvas, distortion)
    draw_held_out = SpatialTransformer(held_out, recipe.canvas, distortion)
    images, masks = _draw_once(draw_held_out, TEST_SEED)
    print(
        f"Images of {recipe.canvas}x{recipe.canvas} from {len(digits)} digits of '{recipe.source}'"
    )

    results, predictions = {MEAN_DIGIT: _evaluate_mean_digit(draw, masks)}, {}
    with _dtype_policy(recipe.precision):
        for model in (
            _network(recipe, recipe.model, recipe.width_multiplier, recipe.channel_ratios),
            _network(recipe, recipe.baseline, recipe.baseline_width_multiplier),
        ):
            name, counts = model.name, profile(model)
            print(
                f"\n{name}: {counts.trainable_params:,} parameters, {counts.macs:,} multiply-adds"
            )
            seconds = _train(recipe, model, draw)
            evaluated = model.evaluate(
                preprocess_digits(images), masks, batch_size=100, verbose=0, return_dict=True
            )
            predictions[name] = model.predict(preprocess_digits(images[:SHOWN_IMAGES]), verbose=0)
            results[name] = {
                **evaluated,
                "trainable_params": counts.trainable_params,
                "macs": counts.macs,
                "training_seconds": round(seconds, 1),
            }
            if name == recipe.model:
                _save(model, output)

    metrics = {
        "recipe": dataclasses.asdict(recipe),
        "versions": versions(),
        "test_images": TEST_IMAGES,
        "results": results,
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=2, default=float) + "\n")
    draw_predictions(
        output / "predictions.png",
        {
            "input": images[:SHOWN_IMAGES],
            "truth": masks[:SHOWN_IMAGES],
            **{
                f"{name}\nIoU {results[name]['iou']:.2f}": maps
                for name, maps in predictions.items()
            },
        },
    )
    _print_results(results, output)
    return metrics


def _set_up(recipe):
    keras.utils.set_random_seed(recipe.seed)
    if recipe.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _network(recipe, name, width_multiplier, channel_ratios=None):
    return create_model(
        name,
        channel_ratios=channel_ratios,
        width_multiplier=width_multiplier,
        input_shape=(recipe.canvas, recipe.canvas, 1),
        classes=1,
    )


def _train(recipe, model, draw):
    """Trains a model and returns the seconds it took."""
    # Few pixels are ink: outputs that start near zero save the steps that would lead there.
    output = [layer for layer in model.layers if isinstance(layer, PerGrid)][-1].grid_layers[0]
    output.gamma.assign([3.0])
    output.beta.assign([-4.0])

    steps = recipe.epochs * recipe.steps_per_epoch
    warmup = round(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.99),
        "binary_crossentropy",
        metrics=[RegionIoU(), LabelledPixelError()],
    )
    samples = recipe.steps_per_epoch * recipe.batch_size
    data = draw_batches(draw, samples, recipe.batch_size, seed=recipe.seed)
    data = data.map(lambda images, masks: (preprocess_digits(images), masks))
    start = time.perf_counter()
    with warnings.catch_warnings():
        # The paper's nets have grids that are dropped right after they are computed.
        warnings.filterwarnings("ignore", message="Gradients do not exist for variables")
        model.fit(data, epochs=recipe.epochs, shuffle=False, verbose=1)
    return time.perf_counter() - start


def _draw_once(draw, seed):
    """Returns images and masks as arrays, the same whenever the seed is the same."""
    return next(draw_batches(draw, TEST_IMAGES, TEST_IMAGES, seed=seed).as_numpy_iterator())


def _evaluate_mean_digit(draw, masks):
    """Returns the metrics of always drawing the mean of the training digits."""
    _, training_masks = _draw_once(draw, 0)
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
    print(f"\nWritten to {output}: " + ", ".join(sorted(path.name for path in output.iterdir())))
