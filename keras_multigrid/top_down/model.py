"""The network of the second paper: attends to parts of an image pyramid, from coarse to fine."""

import functools
import warnings
from typing import NamedTuple

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.complexity import profile
from keras_multigrid.top_down.attention import Attention
from keras_multigrid.top_down.capacity import state_after
from keras_multigrid.top_down.geometry import check_images, check_levels, nodes_in
from keras_multigrid.top_down.modules import (
    Costs,
    as_functional,
    modules_after,
    reused,
    window_shape,
)
from keras_multigrid.top_down.outcome import prediction
from keras_multigrid.top_down.trainer import TopDownTrainer
from keras_multigrid.top_down.traversal import Modules, combine, traverse

THRESHOLD = 0.5


class Options(NamedTuple):
    """Arguments of `TopDown.predict`."""

    levels: int
    sample: bool
    confidence: float | None
    return_attention: bool


@keras.saving.register_keras_serializable(package="keras_multigrid")
class TopDown(TopDownTrainer):
    """Classifies images by a top-down traversal of their pyramid, with hard attention.

    "Image classification through top-down image pyramid traversal" (ICLR 2020 submission), section
    3. The image is seen at the lowest resolution first. Of what it sees there the network decides
    which of nine overlapping parts it looks at with twice the resolution, and so on; then it merges
    what it saw, from fine to coarse, and classifies. Only attended parts are computed, and parts
    that several paths lead to once. One set of weights serves all levels.

    `fit` trains the attention too, by REINFORCE; its settings are the `TopDownLoss` the model is
    compiled with, by default `TopDownLoss()`. A model around this one is for inference only. The
    metrics are the attended locations, in all and per level, their expected number, multiply-adds
    per image, the mean probability of each of the nine candidates, and the baseline.

    Args:
        feature_extractor: A functional `keras.Model` from windows `(side, side, channels)`, of an
            even side, to feature maps `(height, width, features)`. Normalize over channels, not
            over batches, which are padded with other windows.
        classes: Number of classes; None returns features instead.
        levels: Number of levels, 1 to 6: the last sees the image at `2**(levels - 1)` times the
            resolution of the first.
        sample: Whether candidates are attended at random with their probabilities, as in training;
            if not, those with probabilities above one half are.
        classifier_activation: Activation of the outputs; training and `confidence` are by softmax.
        seed: Seed of the random decisions.
        modules: Other modules to use where their shapes fit, functional models by name, for example
            `{"location": model.location}` of another `TopDown`; None makes new ones.
        **kwargs: Keras' own model arguments; `trainable=False` freezes all modules.

    Input shape:
        `(batch, side, side, channels)`. The side is the feature extractor's times 2^k, for `levels`
        at least times `2**(levels - 1)`; larger images are downscaled by means over areas.

    Output shape:
        `(batch, classes)`, or `(batch, features)`.

    Raises:
        ValueError: If an argument is out of its range, or images do not fit.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> window = keras.Input((8, 8, 3))
    >>> maps = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(window)
    >>> model = kmg.applications.TopDown(keras.Model(window, maps), classes=5, levels=3)
    >>> model(np.zeros([2, 32, 32, 3])).shape
    TensorShape([2, 5])
    """

    def __init__(
        self,
        feature_extractor,
        classes,
        levels,
        *,
        sample=True,
        classifier_activation="softmax",
        seed=None,
        modules=None,
        **kwargs,
    ):
        check_levels(levels)
        checks.optional(checks.positive_integers, classes=classes)
        checks.flags(sample=sample)
        checks.optional(checks.mappings, modules=modules)
        checks.activations(classifier_activation=classifier_activation)
        super().__init__(int(levels), **kwargs)
        feature_extractor = as_functional(feature_extractor)
        self.base_size, self.channels = window_shape(feature_extractor)
        self.classes = classes and int(classes)
        self.sample = sample
        self.classifier_activation = classifier_activation
        self.seed = seed
        self.seeds = keras.random.SeedGenerator(seed, name="seeds")
        self.feature_extractor = feature_extractor
        maps = feature_extractor.output_shape[1:]
        self.features = maps[-1]
        new = modules_after(maps, self.classes, dtype=self.dtype_policy)
        self.location, self.aggregation, self.merging, self.classification = (
            reused(modules or {}, module) for module in new
        )
        self.activation = keras.layers.Activation(
            classifier_activation, dtype="float32", name="predictions"
        )
        self.costs = Costs(*[profile(module).macs for module in self.modules() if module])
        self._predict_options = self.options()
        self._predict_functions = {}  # by options
        if modules is None and not self.trainable:
            self.trainable = False  # of the modules, too

    def build(self, input_shape):
        self.built = True  # images are checked in each call, which may be for fewer levels

    def call(self, images, levels=None, sample=None, training=None):
        """Returns class probabilities.

        Args:
            images: As for the model.
            levels: Number of levels to go through, at most the model's own; None is that.
            sample: As for the constructor; None is the model's own.
            training: Whether the feature extractor trains.
        """
        if self._report is not None:
            return self._report(images, training)
        if training and self.levels > 1:
            warnings.warn(
                "A TopDown within another model does not learn where to look; train it by its own "
                "fit, then use it.",
                stacklevel=2,
            )
        levels = self.go_down(images, self.options(levels, sample), training=training)
        return self.outputs_of(levels)

    def compute_output_spec(self, images, levels=None, sample=None, training=None):
        levels = self.options(levels).levels
        check_images(images.shape, self.base_size, self.channels, levels)
        return keras.KerasTensor((images.shape[0], self.classes or self.features), "float32")

    def predict(
        self,
        x,
        batch_size=None,
        verbose="auto",
        steps=None,
        callbacks=None,
        *,
        levels=None,
        sample=None,
        confidence=None,
        return_attention=False,
    ):
        """Returns class probabilities, an array `(images, classes)`.

        Args:
            x, batch_size, verbose, steps, callbacks: As for `keras.Model.predict`.
            levels: Number of levels to go through; None is the model's own. Only models trained by
                multi-level learning are accurate after fewer.
            sample: Whether candidates are attended at random; None is the model's own.
            confidence: An image whose most probable class has this probability, or more, after some
                level goes no further; None goes through all levels.
            return_attention: Whether to return a tuple with what was attended, an `Attention`.

        Raises:
            ValueError: If an argument is out of its range, or the images do not fit.
        """
        options = self.options(levels, sample, confidence, return_attention)
        self._predict_with(options)
        made = super().predict(x, batch_size, verbose, steps, callbacks)
        if not return_attention:
            return made.outputs
        attended = tuple(level > 0 for level in made.attended)
        return made.outputs, Attention(attended, tuple(made.probabilities), self.base_size)

    def predict_on_batch(self, x):
        """Returns class probabilities of one batch."""
        self._predict_with(self.options())
        return super().predict_on_batch(x).outputs

    def _predict_with(self, options):
        if options != self._predict_options:
            self._predict_functions[self._predict_options] = self.predict_function
            self.predict_function = self._predict_functions.get(options)
            self._predict_options = options

    def predict_step(self, *arguments):
        report = functools.partial(prediction, self, options=self._predict_options)
        with self.reporting(report):
            results = super().predict_step(*arguments)
        if not self._is_compiled_by_jax():
            return results
        made, state = results
        return made, state_after(self.capacities, made.counts[0], arguments[0][1], state)

    def count_params(self):
        """Returns the number of parameters; the moving baselines do not count."""
        return super().count_params() - self.baselines.shape[0]

    def get_config(self):
        others = [module for module in self.modules()[1:] if module]
        return {
            **super().get_config(),
            "name": self.name,
            "feature_extractor": keras.saving.serialize_keras_object(self.feature_extractor),
            "classes": self.classes,
            "levels": self.levels,
            "sample": self.sample,
            "classifier_activation": self.classifier_activation,
            "seed": self.seed,
            "modules": {each.name: keras.saving.serialize_keras_object(each) for each in others},
        }

    @classmethod
    def from_config(cls, config):
        restored = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("feature_extractor", "modules")
            if name in config  # older files have no modules
        }
        return cls(**{**config, **restored})

    def options(self, levels=None, sample=None, confidence=None, return_attention=False):
        """Returns the `Options` meant, checked; None is what the model has."""
        levels = self.levels if levels is None else levels
        check_levels(levels, most=self.levels)
        if confidence is not None and (self.classes is None or not 0 < confidence <= 1):
            raise ValueError(
                f"confidence is {confidence}; expected a probability above 0, of a model that "
                "classifies."
            )
        sample = self.sample if sample is None else bool(sample)
        return Options(int(levels), sample, confidence, return_attention)

    def modules(self, training=None):
        """Returns the `Modules` of a traversal."""
        extractor = self.feature_extractor
        if training:
            extractor = functools.partial(extractor, training=True)
        others = self.location, self.aggregation, self.merging, self.classification
        return Modules(extractor, *others)

    def go_down(self, images, options, samples=1, training=None):
        """Returns the levels of a traversal; see `traversal.traverse`."""
        check_images(images.shape, self.base_size, self.channels, options.levels)
        images = ops.cast(images, self.compute_dtype)
        rows = ops.shape(images)[0] * samples
        shapes = [(rows, nodes_in(level)) for level in range(2, options.levels + 1)]
        if options.sample:
            noise = [
                keras.random.uniform(shape, dtype="float32", seed=self.seeds) for shape in shapes
            ]
        else:
            noise = [ops.full(shape, THRESHOLD, dtype="float32") for shape in shapes]

        def is_confident(levels):
            logits = ops.cast(self.classification(self.go_up(levels)), "float32")
            return ops.max(ops.softmax(logits), axis=-1) >= options.confidence

        return traverse(
            self.modules(training),
            images,
            self.base_size,
            noise,
            samples=samples,
            capacities=self.capacities,
            stop=None if options.confidence is None else is_confident,
        )

    def go_up(self, levels):
        """Returns the merged features of each row; see `traversal.combine`."""
        return combine(self.modules(), levels, self.capacities)

    def outputs_of(self, levels):
        """Returns the class probabilities, or the features, after these levels."""
        vectors = self.go_up(levels)
        if self.classification is None:
            return ops.cast(vectors, "float32")
        return self.activation(self.classification(vectors))
