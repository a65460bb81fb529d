"""What the experiments with top-down traversal have in common (second paper, section 5)."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np

from keras_multigrid.applications.paper import TOP_DOWN, paper_model
from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.figures import draw_accuracy_cost, draw_attended_windows, draw_parse_tree
from keras_multigrid.figures.parse_tree import MOST_NODES
from keras_multigrid.recipes.dense_prediction import EVALUATION_SEED
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.top_down import (
    TopDown,
    TopDownLoss,
    confidence_curve,
)

SHOWN_IMAGES = 8
MEASURED_BATCHES = 20  # for the picture of early stopping


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopDownRecipe(Recipe):
    """What both experiments share: a session trains one network at one size of images.

    The top-down networks, M1 to M3, have as many levels as the size allows; others, such as their
    baselines BL1 to BL3, read the whole image. Sessions follow each other by `start`.

    Attributes:
        image_size: Side of the images.
        start: Gradual learning: `weights`, by the name that the sessions of the figures give it.
        target_locations: c_t; several for multi-level learning, for 2, 3, ... levels.
        level_weights: lambda_z for 1, 2, ... levels; None is the last level alone.
        samples: M, Monte Carlo samples per image.
        reward_weight: lambda_f.
        coverage_weight: lambda_r.
        count_weight: lambda_t.
    """

    optimizer: str = "adam"
    beta_2: float = 0.999
    epsilon: float = 1e-8
    schedule: str | None = "stepwise"
    drops: tuple[float, ...] = (0.8, 0.9)
    drop_factor: float = 0.2
    weight_decay: float = 0.0
    image_size: int
    start: str | None = None
    target_locations: tuple[float, ...]
    level_weights: tuple[float, ...] | None = None
    samples: int = 2
    reward_weight: float
    coverage_weight: float
    count_weight: float

    LOSS: ClassVar = "sparse_categorical_crossentropy"
    TEST_SPLIT: ClassVar = "validation"
    OBJECTIVE: ClassVar = "accuracy"
    SIZES: ClassVar[tuple]

    def __post_init__(self):
        super().__post_init__()
        if self.image_size not in self.SIZES:
            expected = ", ".join(map(str, self.SIZES))
            raise ValueError(f"image_size is {self.image_size}; expected one of {expected}.")
        if self.start is not None and self.weights is not None:
            raise ValueError("start and weights are the same; give one of them.")
        if self._is_top_down():
            self.loss().weights_and_targets(self._levels())  # an error before any work

    def starting_weights(self):
        return self.weights if self.start is None else self.start

    def size_arguments(self):
        if self._is_top_down():
            return {"levels": self._levels()}
        return super().size_arguments()

    def loss(self):
        if not self._is_top_down():
            return self.LOSS
        several = len(self.target_locations) > 1
        return TopDownLoss(
            self.target_locations if several else self.target_locations[0],
            self.level_weights,
            samples=self.samples,
            reward_weight=self.reward_weight,
            coverage_weight=self.coverage_weight,
            count_weight=self.count_weight,
        )

    def metrics(self):
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def draw(self, folder, models, results):
        if not self._is_top_down() or self._levels() == 1:
            return []
        model = models[self.model]
        count = MEASURED_BATCHES if self.level_weights else 1
        batches = [*self.load_evaluation(self.TEST_SPLIT).take(count)]
        images, labels = (np.concatenate(arrays) for arrays in zip(*batches))
        outputs, attention = model.predict(images, verbose=0, return_attention=True)
        names = self.label_names() or map(str, range(self.classes()))
        names = [printable(name).replace("$", r"\$") for name in names]  # no formulas
        titles = [
            names[label] if label == seen else f"{names[label]}, seen as {names[seen]}"
            for label, seen in zip(labels, outputs.argmax(axis=1))
        ]
        shown = slice(SHOWN_IMAGES)
        draw_attended_windows(
            folder / "attention.png", images[shown], attention[shown], titles[shown]
        )
        pictures = [("What is attended in test images", "attention.png")]
        if attention.counts()[0].sum() <= MOST_NODES:
            draw_parse_tree(folder / "parse_tree.png", images[0], attention)
            pictures.append(("The parse tree of the first", "parse_tree.png"))
        if self.level_weights:
            curve = confidence_curve(model, images, labels)
            draw_accuracy_cost(folder / "early_stopping.png", {self.model: curve})
            title = f"Stopping at a probability, of {len(images)} test images"
            pictures.append((title, "early_stopping.png"))
        return pictures

    def evaluate(self, model, split, verbose="auto"):
        results = self._evaluate(model, split, verbose)
        if self._is_top_down() and self.level_weights:  # accurate after fewer levels, too
            for levels in range(1, self._levels()):
                after = self._evaluate(_with_changes(model, levels=levels), split, verbose)
                results |= {f"{name}_{levels}": after[name] for name in ("accuracy", "macs")}
        return results

    def _evaluate(self, model, split, verbose):
        loss = TopDownLoss() if self._is_top_down() else self.LOSS
        model.compile(loss=loss, metrics=self.metrics())
        if self._is_top_down():  # files of models do not hold what draws the attention
            model.seeds.state.assign(keras.random.SeedGenerator(EVALUATION_SEED).state)
        return model.evaluate(self.test_data(split), verbose=verbose, return_dict=True)

    def test_data(self, split):
        """Returns the data that a trained network is tested on."""
        return self.load_evaluation(split)

    def scores(self, results):
        return {"accuracy": 100 * results["accuracy"]}

    def served_network(self, model):
        """Returns the network with candidates above one half attended, so that answers repeat."""
        if not self._is_top_down():
            return model
        images = keras.Input(self.input_shape(), name="images")
        outputs = _with_changes(model, sample=False)(images)
        return keras.Model(images, outputs, name=self.model)

    def _is_top_down(self):
        return paper_model(self.model).kind == TOP_DOWN

    def _levels(self):
        return self.SIZES.index(self.image_size) + 1


def _with_changes(model, **changes):
    """Returns a copy of a `TopDown`, with its weights and other arguments."""
    copy = TopDown.from_config({**model.get_config(), **changes})
    copy.set_weights(model.get_weights())
    return copy
