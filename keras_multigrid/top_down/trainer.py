"""Training of a top-down model by `fit`: what Keras' own steps do not do (section 4)."""

import contextlib
import functools
import warnings

import keras
from keras import ops

from keras_multigrid.top_down.capacity import CapacityRunner, state_after
from keras_multigrid.top_down.geometry import CANDIDATES, MAX_LEVELS
from keras_multigrid.top_down.outcome import Outcome, outcome
from keras_multigrid.top_down.policy_gradient import (
    TopDownLoss,
    count_penalty,
    coverage_penalty,
    likelihood_ratio_loss,
    log_likelihood,
    moving_baseline,
)

COUNTS = "node_counts"  # in the logs of a step on JAX


def take_counts(outputs):
    """Takes the needed counts out of the logs, or the predictions, of a step."""
    return outputs.pop(COUNTS) if isinstance(outputs, dict) else outputs.counts.max(axis=0)


class TopDownTrainer(keras.Model):
    """What `TopDown` adds to the training and evaluation of a Keras model.

    A subclass has what `outcome` needs, `classes` and `costs`.
    """

    def __init__(self, levels, **kwargs):
        super().__init__(**kwargs)
        self.levels = levels
        self.supports_jit = keras.backend.backend() == "jax"  # shapes depend on values elsewhere
        self.capacities = None  # for XLA, within a step: how many nodes of each level; None is all
        self._report = None  # what a call returns within a step, instead of probabilities
        self.baselines = self.add_weight(
            name="baselines",
            shape=(MAX_LEVELS,),
            initializer="zeros",
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="mean",
        )
        names = ["macs"]
        if levels > 1:
            names += [f"locations_{level}" for level in range(2, levels + 1)]
            names += ["locations", "expected_locations", "baseline"]
            names += [f"candidate_{number}" for number in range(1, CANDIDATES + 1)]
        self._means = {name: keras.metrics.Mean(name) for name in names}

    @property
    def learning_rule(self):
        """The `TopDownLoss` the model is compiled with, or a default one."""
        if self.classes is None:
            raise ValueError("The model has classes=None; training needs a number of classes.")
        if self.loss in (None, "sparse_categorical_crossentropy"):
            return TopDownLoss()
        rule = self.loss
        if not isinstance(rule, TopDownLoss):
            raise ValueError(
                f"The model is compiled with loss={rule!r}; expected keras_multigrid.top_down."
                "TopDownLoss(...), the rule by which locations are learned."
            )
        return rule

    def train_step(self, *arguments):
        rule = self.learning_rule
        weights = [weight for weight, *_ in rule.weights_and_targets(self.levels)]
        depths = [depth for depth, weight in enumerate(weights, 1) if weight]
        report = functools.partial(outcome, self, samples=rule.samples, depths=depths, sample=True)
        with self.reporting(report), warnings.catch_warnings():
            if self.levels == 1:  # nothing is attended: those weights are not used
                warnings.filterwarnings("ignore", message="Gradients do not exist")
            return self._complete(arguments, super().train_step(*arguments))

    def test_step(self, *arguments):
        report = functools.partial(outcome, self, samples=1, depths=[self.levels], sample=None)
        with self.reporting(report):
            return self._complete(arguments, super().test_step(*arguments))

    def make_train_function(self, force=False):
        self._make_step_function("train", super().make_train_function, force)

    def make_test_function(self, force=False):
        self._make_step_function("test", super().make_test_function, force)

    def make_predict_function(self, force=False):
        self._make_step_function("predict", super().make_predict_function, force)

    def _make_step_function(self, kind, make, force):
        """Makes Keras' function of a step, on JAX one for each tuple of capacities."""
        name = f"{kind}_function"
        if not self._is_compiled_by_jax():
            make(force)
        elif self.steps_per_execution > 1:
            raise ValueError(
                f"steps_per_execution is {self.steps_per_execution}; expected 1 on JAX, where a "
                "step of a top-down model may have to be run again."
            )
        elif getattr(self, name) is None or force:
            step = getattr(type(self), f"{kind}_step")

            def compiled():
                kept = getattr(self, name)
                # A new function object, or JAX would take what it compiled for other capacities.
                setattr(self, f"{kind}_step", lambda *arguments: step(self, *arguments))
                make(force=True)
                delattr(self, f"{kind}_step")
                function = getattr(self, name)
                setattr(self, name, kept)
                return function

            setattr(self, name, CapacityRunner(self, compiled, take_counts))

    def _is_compiled_by_jax(self):
        return keras.backend.backend() == "jax" and self.jit_compile and not self.run_eagerly

    def _complete(self, arguments, results):
        """Returns the results of a step, on JAX with the old state if not all nodes fitted."""
        if not self._is_compiled_by_jax():
            return results
        logs, state = results
        return logs, state_after(self.capacities, logs[COUNTS], arguments[0], state)

    @contextlib.contextmanager
    def reporting(self, report):
        """Makes calls return `report(images, training)`."""
        self._report = report
        try:
            yield
        finally:
            self._report = None

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if sample_weight is not None:
            raise ValueError("There are sample or class weights; expected images and labels alone.")
        if y is None:
            raise ValueError("There are no labels; expected images and labels.")
        if not isinstance(y_pred, Outcome):  # Keras asks for shapes
            return ops.zeros(())
        labels = _repeated(y, ops.shape(y_pred.probabilities)[0])
        of_layers = sum(ops.sum(loss) for loss in self.losses)
        losses, baselines = [], []
        rules = self.learning_rule.weights_and_targets(self.levels)
        for index, (rule, logits) in enumerate(zip(rules, y_pred.logits)):
            baselines.append(y_pred.baselines[index])
            if logits is None:
                continue
            likelihoods = log_likelihood(logits, labels)
            if not training:
                return -ops.mean(likelihoods) + of_layers
            baselines[-1] = moving_baseline(baselines[-1], likelihoods)
            losses.append(self._learning_loss(index, rule, likelihoods, y_pred))
        unused = y_pred.baselines[self.levels :]
        self.baselines.assign(ops.concatenate([ops.stack(baselines), unused]))
        return sum(losses) + of_layers

    def _learning_loss(self, index, rule, likelihoods, outcome):
        """Returns lambda_z J^(z), of `index + 1` levels."""
        weight, target, coverage = rule
        if not index:
            return -weight * ops.mean(likelihoods)
        settings = self.learning_rule
        expected = ops.sum(outcome.expected[:, :index], axis=1)
        uses = ops.sum(outcome.uses[:index])
        return weight * (
            likelihood_ratio_loss(
                likelihoods,
                ops.sum(outcome.log_probabilities[:, :index], axis=1),
                outcome.baselines[index],
                settings.reward_weight,
            )
            + count_penalty(expected, target, settings.count_weight)
            + coverage_penalty(
                ops.sum(outcome.candidate_sums[:index], axis=0) / uses,
                coverage,
                settings.coverage_weight,
            )
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if not isinstance(y_pred, Outcome):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        for name, values in self._measured(y_pred).items():
            weight = ops.sum(y_pred.uses) if name.startswith("candidate") else None
            self._means[name].update_state(values, weight)
        rows = ops.shape(y_pred.probabilities)[0]
        logs = super().compute_metrics(x, _repeated(y, rows), y_pred.probabilities)
        if self._is_compiled_by_jax():
            logs[COUNTS] = y_pred.counts
        return logs

    def _measured(self, outcome):
        """Returns what the metrics of a batch are the means of."""
        if self.levels == 1:
            return {"macs": self.costs.of(1, 0, 0)}
        locations, parents = ops.sum(outcome.attended, axis=1), ops.sum(outcome.parents, axis=1)
        asked = 1 + locations - outcome.attended[:, -1]
        candidates = ops.sum(outcome.candidate_sums, axis=0) / ops.sum(outcome.uses)
        return {
            "macs": self.costs.of(1 + locations, asked, parents),
            "locations": locations,
            "expected_locations": ops.sum(outcome.expected, axis=1),
            "baseline": outcome.baselines[self.levels - 1],
            **{
                f"locations_{level}": outcome.attended[:, level - 2]
                for level in range(2, self.levels + 1)
            },
            **{f"candidate_{index + 1}": candidates[index] for index in range(CANDIDATES)},
        }


def _repeated(labels, rows):
    """Returns each label once per Monte Carlo sample."""
    if len(labels.shape) > 2 or (len(labels.shape) == 2 and labels.shape[1] != 1):
        raise ValueError(
            f"The labels have shape {tuple(labels.shape)}; expected integers of shape (batch,), "
            "the numbers of the classes."
        )
    labels = ops.reshape(labels, (-1, 1))
    samples = rows // ops.shape(labels)[0]
    return ops.reshape(ops.tile(labels, (1, samples)), (-1,))
