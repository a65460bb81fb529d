"""The paper's headline in minutes: a multigrid net learns to route information, a plain one not."""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib
import time
from typing import ClassVar

import keras

from keras_multigrid.applications import create_model, preprocess_digits
from keras_multigrid.datasets import DistortedDigits, distort_digits, load_digits
from keras_multigrid.metrics import LabelledPixelError, RegionIoU
from keras_multigrid.recipes.report import draw_predictions, versions

TEST_IMAGES = 1000
TEST_SEED = 1_000_003  # far from the seeds of training data
SHOWN_IMAGES = 10


@dataclasses.dataclass(frozen=True)
class Quickstart:
    """Spatial transformation (paper, Table 3) on a small canvas, with real handwriting.

    A distorted, displaced digit comes in; its upright shape in the centre is to be drawn. A small
    progressive multigrid net and its single-grid counterpart see the same images.

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
        width_multiplier: Factor on the nets' widths.
        learning_rate: Of Adam, at its highest; a cosine leads to zero.
        warmup: Share of the steps in which the learning rate rises.
    """

    model: str = "PMG-11"
    baseline: str = "SG-11"
    source: str = "digits"
    data_dir: str | None = None
    seed: int = 0
    deterministic: bool = False
    epochs: int = 3
    steps_per_epoch: int = 155
    batch_size: int = 32
    precision: str = "float32"
    canvas: int = 32
    width_multiplier: float = 0.375
    learning_rate: float = 0.015
    warmup: float = 0.1

    SCALES: ClassVar = {
        "smoke": {"epochs": 2, "steps_per_epoch": 2, "batch_size": 4, "width_multiplier": 0.1},
        "quick": {},
    }

    def __post_init__(self):
        for name in ("epochs", "steps_per_epoch", "batch_size", "width_multiplier", "canvas"):
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

    >>> import tempfile
    >>> from keras_multigrid.recipes.quickstart import Quickstart, train_quickstart
    >>> from keras_multigrid.recipes.overrides import resolve
    >>> recipe = resolve(Quickstart, "smoke", [])
    >>> metrics = train_quickstart(recipe, tempfile.mkdtemp())  # doctest: +ELLIPSIS
    Images ...
    >>> sorted(metrics["results"])
    ['PMG-11', 'SG-11']
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
    images, masks = distort_digits(held_out, TEST_IMAGES, recipe.canvas, TEST_SEED)
    print(
        f"Images of {recipe.canvas}x{recipe.canvas} from {len(digits)} digits of '{recipe.source}'"
    )

    results, predictions = {}, {}
    with _dtype_policy(recipe.precision):
        for name in (recipe.model, recipe.baseline):
            model, seconds = _train(recipe, name, digits)
            evaluated = model.evaluate(
                preprocess_digits(images), masks, batch_size=100, verbose=0, return_dict=True
            )
            predictions[name] = model.predict(preprocess_digits(images[:SHOWN_IMAGES]), verbose=0)
            results[name] = {
                **evaluated,
                "trainable_params": sum(keras.ops.size(w) for w in model.trainable_variables),
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
    labels = {name: f"{name}\nIoU {result['iou']:.2f}" for name, result in results.items()}
    draw_predictions(
        output / "predictions.png",
        {
            "input": images[:SHOWN_IMAGES],
            "truth": masks[:SHOWN_IMAGES],
            **{labels[name]: maps for name, maps in predictions.items()},
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


def _train(recipe, name, digits):
    model = create_model(
        name,
        width_multiplier=recipe.width_multiplier,
        input_shape=(recipe.canvas, recipe.canvas, 1),
        classes=1,
    )
    print(f"\n{name}: {model.count_params():,} parameters")
    steps = recipe.epochs * recipe.steps_per_epoch
    warmup = round(recipe.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        "binary_crossentropy",
        metrics=[RegionIoU(), LabelledPixelError()],
    )
    data = DistortedDigits(
        digits,
        recipe.steps_per_epoch,
        recipe.batch_size,
        recipe.canvas,
        recipe.seed,
        normalize=preprocess_digits,
    )
    start = time.perf_counter()
    model.fit(data, epochs=recipe.epochs, verbose=1)
    return model, time.perf_counter() - start


def _save(model, output):
    model.save(output / "model.keras")
    if keras.backend.backend() == "torch":
        print("Keras cannot export a SavedModel from the torch backend; model.keras is written.")
        return
    model.export(str(output / "saved_model"), verbose=False)


def _print_results(results, output):
    print(f"\n{TEST_IMAGES} images of held-out digits   mean IoU   pixel error   training")
    for name, result in results.items():
        print(
            f"{name:<33} {result['iou']:>8.3f} {result['pixel_error']:>13.3f} "
            f"{result['training_seconds']:>8.0f} s"
        )
    print(f"\nWritten to {output}: " + ", ".join(sorted(path.name for path in output.iterdir())))
