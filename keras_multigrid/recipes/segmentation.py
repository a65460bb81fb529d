"""Segmentation of one's own images, by masks."""

import dataclasses
import functools
import pathlib
from importlib.util import find_spec
from typing import ClassVar

import keras
from keras import layers

from keras_multigrid.applications import create_model, paper_model, segmenter
from keras_multigrid.layers import PaddingToMultiple, UpSamplingLike
from keras_multigrid.losses import CrossEntropyDice
from keras_multigrid.planning import find_device, fingerprint, plan_segmentation
from keras_multigrid.planning.fingerprint import MOST_READ
from keras_multigrid.recipes.backbone import (
    backbone_network,
    backbone_weights,
    check_backbone_fields,
    has_backbone,
    load_backbone,
)
from keras_multigrid.recipes.constraints import check_choice
from keras_multigrid.recipes.evaluation import SCORES, evaluate_images
from keras_multigrid.recipes.mask_data import MaskData
from keras_multigrid.recipes.overlay_summaries import OverlaySummaries
from keras_multigrid.recipes.own_data import (
    best_weights,
    continued,
    normalization,
    scores_by_class,
    with_defaults,
)
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.segmentation_page import write_segmentation_page
from keras_multigrid.training.distribution import is_first_process

SHOWN_IMAGES = 4  # in TensorBoard
PLANNED = (
    *("budget", "stem_strides", "channel_ratios", "crop", "width_multiplier", "batch_size"),
    *("epochs", "steps_per_epoch", "precision", "class_weights", "flips", "rotation"),
    *("averaged_flips", "backbone", "backbone_weights", "loaded_rate"),
)
CONSTRUCTED = ("stem_strides", "head", "exchange_size", "exchange")  # the network's arguments
PLANNED_BY = (*CONSTRUCTED, "model", "repeats", "weights")
MEASURED = ("mean", "deviation", "value_range", "plan", "kept_weights")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segmentation(MaskData, Recipe):
    """Segmentation of one's own images.

    What is None is planned from the data and the device; `plan` then has a reason for each choice.

    Attributes:
        budget: Size of the network: `"small"`, `"medium"`, `"large"`, or multiply-adds of a crop.
        stem_strides, head, exchange_size: As for `kmg.applications.PMGSEG`.
        exchange: As for `kmg.applications.RPMGSEG`.
        crop: Height and width of training images, parts of the given ones.
        backbone: A network of `keras.applications` by name, such as `"MobileNetV2"`, on which a
            multigrid neck is put; the path of a `.keras` file with one that prepares its images
            itself; or `"none"`.
        backbone_weights: What the backbone starts from: `"imagenet"`, a file, or `"none"`.
        class_weights: Weights of the classes in the cross-entropy, by commas; `"auto"`, by the
            root of the median frequency, or `"none"`.
        dice_weight, focal_gamma: As for `kmg.losses.CrossEntropyDice`.
        kept_weights: Which weights a run ends with: `"best"` by validation, or the `"last"`.
        mean, deviation: Of the training images' values, for each channel.
        value_range: Of the training images' values.
        plan: What was chosen, and why.
    """

    model: str = "PMG-11"
    width_multiplier: float | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    batch_size: int | None = None
    precision: str | None = None
    optimizer: str = "adam"
    schedule: str | None = "cosine"
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    budget: str | None = None
    stem_strides: int | None = None
    head: str = "concatenate"
    backbone: str | None = None
    backbone_weights: str | None = None
    exchange_size: int | None = None
    exchange: str = "each"
    crop: tuple[int, ...] | None = None
    class_weights: str | None = None
    dice_weight: float = 1.0
    focal_gamma: float = 0.0
    kept_weights: str | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    value_range: tuple[float, ...] | None = None
    plan: tuple[str, ...] | None = None

    NAME: ClassVar = "segmentation"
    OBJECTIVE: ClassVar = "mean_iou"
    NONE_IS_A_CHOICE: ClassVar = (
        *("backbone", "backbone_weights", "class_weights", "flips", "averaged_flips"),
    )
    SCALES: ClassVar = {
        "smoke": {
            "epochs": 2,
            "steps_per_epoch": 2,
            "batch_size": 2,
            "width_multiplier": 0.05,
            "evaluation_batches": 2,
        },
        "quick": {},
    }

    def __post_init__(self):
        super().__post_init__()
        check_choice(self, "kept_weights", ("best", "last", None))
        check_choice(self, "averaged_flips", ("both", "horizontal", "none", None))
        check_backbone_fields(self)
        if self.crop is not None and len(self.crop) != 2:
            raise ValueError(f"crop is {self.crop}; expected height and width, such as 256,256.")

    @property
    def TEST_SPLIT(self):
        splits = {pair.split for pair in self.mask_set.pairs}
        return "test" if "test" in splits and self.folds is None else "validation"

    def settled(self, begun=None):
        if begun is not None and not isinstance(begun, Segmentation):
            return self  # the run is refused
        if begun is not None:
            recipe = continued(self, begun)
            if recipe.mask_set.digest() != begun.data_digest:
                raise ValueError(
                    f"{self.data_dir} has other images or masks than when the run began, or other "
                    "parts of them are for training; restore them, or name another folder with "
                    "--output."
                )
            return recipe
        found = dataclasses.replace(self, **self.found())
        facts = found.facts()
        given = {name: getattr(self, name) for name in (*PLANNED, *PLANNED_BY)}
        planned, reasons = plan_segmentation(
            given, facts, found.classes(), found.channels, find_device()
        )
        kept_weights = self.kept_weights or ("last" if self.folds else "best")
        return dataclasses.replace(
            found,
            **planned,
            kept_weights=kept_weights,
            mean=facts.mean,
            deviation=facts.deviation,
            value_range=facts.value_range,
            plan=tuple(reasons),
        )

    def asked(self):
        names = {*self.found(), *MEASURED} - {"class_names", "mask_values"}
        return with_defaults(self, names)

    def facts(self):
        """Returns the `Fingerprint` of the training images."""
        pairs = self.mask_set.of("train")
        step = max(1, len(pairs) // MOST_READ)
        samples = (self.mask_set.read(pair) for pair in pairs[::step])
        return fingerprint(samples, self.classes(), len(pairs))

    def constructor(self):
        return segmenter if has_backbone(self) else super().constructor()

    def network_name(self):
        if not has_backbone(self):
            return self.model
        return f"{pathlib.Path(self.backbone).stem}_multigrid"

    def starting_weights(self):
        return self.weights or backbone_weights(self)

    def load_backbone(self, model):
        return load_backbone(self, model)

    def build_network(self, **options):
        if has_backbone(self):
            return backbone_network(self)
        image = keras.Input((None, None, self.channels), name="image")
        padding = PaddingToMultiple(self.total_stride, name="padding")
        network = create_model(
            self.model,
            input_tensor=padding(normalization(self)(image)),
            classifier_activation=None,
            **{**self.network_arguments(), **options},
        )
        if options:
            return keras.Model(image, network.output, name=self.model)
        logits = UpSamplingLike(1, name="cropping")(network.output, image)
        outputs = layers.Softmax(dtype="float32", name="probabilities")(logits)
        return keras.Model(image, outputs, name=self.model)

    @property
    def total_stride(self):
        """The step, in pixels, in which the whole network moves."""
        return self.stem_strides * 2 ** (len(self.channel_ratios) - 1)

    def counted_shape(self):
        return (*self.crop, self.channels)

    def network_arguments(self):
        own = {name: getattr(self, name) for name in CONSTRUCTED}
        return {**super().network_arguments(), **paper_model(self.model).accepted(own)}

    def loss(self):
        weights = None
        if self.class_weights != "none":
            weights = [float(weight) for weight in self.class_weights.split(",")]
        return CrossEntropyDice(weights, self.dice_weight, self.focal_gamma)

    def metrics(self):
        return [
            keras.metrics.MeanIoU(
                self.classes(), name="mean_iou", ignore_class=-1, sparse_y_pred=False
            )
        ]

    def callbacks(self, folder):
        callbacks = []
        if is_first_process() and find_spec("tensorboard"):
            pairs = self.mask_set.of(self.VALIDATION_SPLIT)[:SHOWN_IMAGES]
            callbacks.append(OverlaySummaries(folder / "tensorboard", self, pairs))
        if self.kept_weights == "best":
            callbacks.append(best_weights("val_mean_iou", self.epochs))
        return callbacks

    def evaluate(self, model, split, verbose="auto"):
        pairs = self.mask_set.of(split)[: self.evaluation_batches]
        evaluation = evaluate_images(
            model,
            self.mask_set,
            pairs,
            self.label_names(),
            flips=self.task().averaged_flips,
            verbose=verbose,
        )
        self.evaluations[split] = evaluation
        return evaluation.results()

    @functools.cached_property
    def evaluations(self):
        """Dictionary of what `evaluate` has found, by split."""
        return {}

    def summary(self, results):
        return {
            "mean_iou": results.get("mean_iou"),
            "pixel_accuracy": results.get("pixel_accuracy"),
            "per_class": scores_by_class(results, self.label_names(), SCORES),
        }

    def write_page(self, folder, model, metrics, log):
        write_segmentation_page(folder, self, model, metrics, log)
        return True

    def scores(self, results):
        names = {"mean IoU": "mean_iou", "mean Dice": "mean_dice", "accuracy": "pixel_accuracy"}
        return {score: 100 * results[name] for score, name in names.items() if name in results}
