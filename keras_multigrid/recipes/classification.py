"""Classification of one's own images, by folders."""

import csv
import dataclasses
import functools
import io
from typing import ClassVar

import keras
from keras import layers

from keras_multigrid.applications import create_model
from keras_multigrid.layers import ResizedCentre
from keras_multigrid.planning import find_device, plan_classification
from keras_multigrid.recipes.class_data import ClassData
from keras_multigrid.recipes.class_evaluation import SCORES, evaluate_classes
from keras_multigrid.recipes.classification_page import write_classification_page
from keras_multigrid.recipes.constraints import check_choice
from keras_multigrid.recipes.own_data import (
    best_weights,
    continued,
    normalization,
    scores_by_class,
    with_defaults,
)
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.whole_files import write_text

SPLIT = "split.csv"
FOUND = ("test_split", "data_digest", "mean", "deviation", "plan")
PLANNED = (
    *("budget", "image_size", "width_multiplier", "batch_size", "epochs", "steps_per_epoch"),
    *("precision", "class_weights"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification(ClassData, Recipe):
    """Classification of one's own images.

    What is None is planned from the data and the device; `plan` then has a reason for each choice.

    Attributes:
        budget: Size of the network: `"small"`, `"medium"`, `"large"`, or multiply-adds of an image.
        class_weights: Weights of the classes in the loss, by commas; `"auto"`, by the median
            frequency, or `"none"`.
        kept_weights: Which weights a run ends with: `"best"` by validation, or the `"last"`.
        plan: What was chosen, and why.
    """

    model: str = "R-MG-18"
    width_multiplier: float | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    batch_size: int | None = None
    precision: str | None = None
    optimizer: str = "adam"
    schedule: str | None = "cosine"
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    budget: str | None = None
    class_weights: str = "auto"
    kept_weights: str = "best"
    plan: tuple[str, ...] | None = None

    NAME: ClassVar = "classification"
    LOSS: ClassVar = "sparse_categorical_crossentropy"
    OBJECTIVE: ClassVar = "accuracy"
    SCALES: ClassVar = {
        "smoke": {
            "epochs": 2,
            "steps_per_epoch": 2,
            "batch_size": 4,
            "width_multiplier": 0.0625,
            "image_size": 64,
            "evaluation_batches": 2,
        },
        "quick": {},
    }

    def __post_init__(self):
        super().__post_init__()
        check_choice(self, "kept_weights", ("best", "last"))
        _weights(self.class_weights)

    def settled(self, begun=None):
        if begun is not None and not isinstance(begun, Classification):
            return self  # the run is refused
        if begun is not None:
            return continued(self, begun)
        self.check_images()
        facts = self.facts()
        given = {name: getattr(self, name) for name in (*PLANNED, "model", "channel_ratios")}
        planned, reasons = plan_classification(
            {**given, "repeats": self.repeats}, facts, find_device()
        )
        return dataclasses.replace(
            self,
            **planned,
            class_names=self.label_names(),
            test_split=self.TEST_SPLIT,
            data_digest=self.class_set.digest(),
            mean=facts.mean,
            deviation=facts.deviation,
            plan=tuple(reasons),
        )

    def asked(self):
        names = {*FOUND}
        if list(self.class_names or ()) == sorted(self.class_names or ()):
            names.add("class_names")  # the folders
        return with_defaults(self, names)

    def build_network(self, **options):
        image = keras.Input((None, None, 3), name="image")
        resized = ResizedCentre(self.image_size, dtype="float32", name="centre")(image)
        network = create_model(
            self.model,
            input_tensor=normalization(self)(resized),
            classifier_activation=None,
            **{**self.network_arguments(), **options},
        )
        if options:
            return keras.Model(image, network.output, name=self.model)
        outputs = layers.Softmax(dtype="float32", name="probabilities")(network.output)
        return keras.Model(image, outputs, name=self.model)

    def counted_shape(self):
        return (self.image_size, self.image_size, 3)

    def metrics(self):
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def callbacks(self, folder):
        if self.kept_weights != "best" or not self.validation:
            return []
        return [best_weights("val_accuracy", self.epochs)]

    def load(self, split, batch_size, **options):
        data = super().load(split, batch_size, **options)
        weights = _weights(self.class_weights)
        if split != "train" or weights is None:
            return data
        import tensorflow as tf

        weights = tf.constant(weights)
        return data.map(lambda images, labels: (images, labels, tf.gather(weights, labels)))

    def evaluate(self, model, split, verbose="auto"):
        data, images = self.load_evaluation(split), self.tested(split)
        evaluation = evaluate_classes(model, data, images, self.label_names(), verbose)
        self.evaluations[split] = evaluation
        return evaluation.results()

    @functools.cached_property
    def evaluations(self):
        """Dictionary of what `evaluate` has found, by split."""
        return {}

    def summary(self, results):
        return {
            "accuracy": results.get("accuracy"),
            "per_class": scores_by_class(results, self.label_names(), SCORES),
        }

    def begin(self, folder):
        file = io.StringIO()
        table = csv.writer(file, lineterminator="\n")
        table.writerows([("image", "class", "split"), *self.class_set.rows()])
        write_text(folder / SPLIT, file.getvalue())

    def preprocessing(self, folder):
        return [ResizedCentre(self.image_size)]  # the rest is within the network

    def write_page(self, folder, model, metrics, log):
        write_classification_page(folder, self, metrics, log)
        return True

    def scores(self, results):
        names = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy"}
        names["mean F1"] = "mean_f1"
        return {score: 100 * results[name] for score, name in names.items() if name in results}


def _weights(text):
    """Returns the weights of the classes as numbers, or None."""
    if text in ("auto", "none"):
        return None
    try:
        weights = [float(weight) for weight in text.split(",")]
    except ValueError:
        weights = []
    if not weights or not all(0 < weight < float("inf") for weight in weights):
        raise ValueError(
            f"class_weights is {text!r}; expected auto, none, or a positive number for each class."
        )
    return weights
