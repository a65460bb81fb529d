"""The learning rule, as pure functions (second paper, section 4 and appendix A.4)."""

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks
from keras_multigrid.top_down.geometry import CANDIDATES

BASELINE_MOMENTUM = 0.9


def likelihood_ratio_loss(log_likelihoods, log_probabilities, baseline, weight):
    """Returns a loss whose gradient is minus that of equation (1), the variant of REINFORCE.

    Args:
        log_likelihoods: l_i = log p(label | locations, image), of shape `(rows,)`.
        log_probabilities: log p(locations | image), of shape `(rows,)`.
        baseline: b, a scalar.
        weight: lambda_f.

    Returns:
        A scalar: the mean of -l_i - lambda_f * (l_i - b) * log p(locations | image), where no
        gradient flows through the factor in parentheses.

    Example:

    >>> import keras_multigrid as kmg
    >>> loss = kmg.top_down.likelihood_ratio_loss
    >>> float(loss([-1.0, -3.0], [-2.0, -4.0], baseline=-2.0, weight=0.5))
    1.5
    """
    checks.arrays(log_likelihoods=log_likelihoods, log_probabilities=log_probabilities)
    checks.arrays(baseline=baseline, weight=weight)
    log_likelihoods = ops.convert_to_tensor(log_likelihoods)
    log_probabilities = ops.convert_to_tensor(log_probabilities)
    advantage = ops.stop_gradient(log_likelihoods - baseline)
    return ops.mean(-log_likelihoods - weight * advantage * log_probabilities)


def count_penalty(expected_counts, target, weight):
    """Returns minus R_t, equation (2), a scalar: draws the mean number of locations to a target.

    Args:
        expected_counts: Sum of the probabilities of each row, of shape `(rows,)`.
        target: c_t.
        weight: lambda_t.

    Example:

    >>> import keras_multigrid as kmg
    >>> float(kmg.top_down.count_penalty([3.0, 5.0], target=2.0, weight=0.5))
    1.0
    """
    checks.arrays(expected_counts=expected_counts, target=target, weight=weight)
    expected_counts = ops.convert_to_tensor(expected_counts)
    return weight / 2 * ops.square(ops.mean(expected_counts) - target)


def coverage_penalty(candidate_means, target, weight):
    """Returns minus R_r, equation (3), a scalar: draws all candidates to the same probability.

    Args:
        candidate_means: Mean probability of each candidate, of shape `(9,)`.
        target: c_r.
        weight: lambda_r.

    Example:

    >>> import keras_multigrid as kmg
    >>> float(kmg.top_down.coverage_penalty([0.0, 1.0], target=0.5, weight=4.0))
    0.5
    """
    checks.arrays(candidate_means=candidate_means, target=target, weight=weight)
    candidate_means = ops.convert_to_tensor(candidate_means)
    return weight / 2 * ops.mean(ops.square(candidate_means - target))


def coverage_target(target_locations, levels):
    """Returns the c_r that fits c_t, a float: the same probability a/9 of all candidates.

    The paper does not give c_r. With a attended candidates per node there are a + a^2 + ... in all.

    Args:
        target_locations: c_t, positive.
        levels: Number of levels, at least 2.

    Raises:
        ValueError: If there cannot be so many locations.

    Example:

    >>> import keras_multigrid as kmg
    >>> round(9 * kmg.top_down.coverage_target(39.0, levels=4), 6)  # 3 + 9 + 27
    3.0
    """
    checks.numbers(target_locations=target_locations)
    checks.positive_integers(levels=levels)
    most = sum(CANDIDATES**depth for depth in range(1, levels))
    if not 0 < target_locations <= most:
        raise ValueError(
            f"target_locations is {target_locations}; expected more than 0 and at most {most}, all "
            f"locations of {levels} levels."
        )
    roots = np.roots([*[1.0] * (levels - 1), -target_locations])
    (root,) = roots[(abs(roots.imag) < 1e-6) & (roots.real > 0)].real
    return float(root) / CANDIDATES


def log_probability(logits, attended):
    """Returns log p of Bernoulli decisions, summed over a node's candidates, of shape `(nodes,)`.

    Args:
        logits: Logits of their probabilities, of shape `(nodes, 9)`.
        attended: The decisions, boolean, of the same shape.

    Example:

    >>> import keras_multigrid as kmg
    >>> float(kmg.top_down.log_probability([[0.0, 0.0]], [[True, False]])[0])  # 2 log 0.5
    -1.386294...
    """
    checks.arrays(logits=logits, attended=attended)
    logits = ops.convert_to_tensor(logits)
    return ops.sum(ops.log_sigmoid(ops.where(attended, logits, -logits)), axis=-1)


def log_likelihood(logits, labels):
    """Returns log p(label), of shape `(rows,)`.

    Args:
        logits: Logits of the classes, of shape `(rows, classes)`.
        labels: Integers, of shape `(rows,)`.

    Example:

    >>> import keras_multigrid as kmg
    >>> float(kmg.top_down.log_likelihood([[0.0, 0.0]], [1])[0])
    -0.6931471...
    """
    checks.arrays(logits=logits, labels=labels)
    logits = ops.cast(ops.convert_to_tensor(logits), "float32")
    return -ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def moving_baseline(baseline, log_likelihoods):
    """Returns the next baseline b, equation (12), a scalar.

    Args:
        baseline: The present one.
        log_likelihoods: l_i of a batch, of shape `(rows,)`.

    Example:

    >>> import keras_multigrid as kmg
    >>> round(float(kmg.top_down.moving_baseline(-1.0, [-2.0, -4.0])), 6)
    -1.2
    """
    checks.arrays(baseline=baseline, log_likelihoods=log_likelihoods)
    mean = ops.mean(ops.convert_to_tensor(log_likelihoods))
    return BASELINE_MOMENTUM * baseline + (1 - BASELINE_MOMENTUM) * mean


@keras.saving.register_keras_serializable(package="keras_multigrid")
class TopDownLoss(keras.losses.Loss):
    """The settings of the learning rule, equations (4) to (6), to compile a `TopDown` with.

    The defaults are the paper's for MNIST; for ImageNet its weights are 1e-8, 1e-9 and 1e-9.

    Args:
        target_locations: c_t, how many locations to attend per image on average; or, for
            multi-level learning, a list of them, for 2, 3, ... levels.
        level_weights: lambda_z for 1, 2, ... levels: how much the classification after so many
            levels counts. None is learning rule (4), the last level alone.
        samples: M, Monte Carlo samples per image.
        reward_weight: lambda_f.
        coverage_weight: lambda_r.
        count_weight: lambda_t.
        name: Name.

    Raises:
        ValueError: If a number is out of its range.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.TDMNIST1(levels=2)
    >>> model.compile(
    ...     keras.optimizers.Adam(0.01, epsilon=1e-8),
    ...     loss=kmg.top_down.TopDownLoss(target_locations=2.0),
    ...     metrics=["accuracy"],
    ... )
    """

    def __init__(
        self,
        target_locations=2.0,
        level_weights=None,
        *,
        samples=2,
        reward_weight=1e-6,
        coverage_weight=1e-7,
        count_weight=1e-7,
        name="top_down_loss",
    ):
        super().__init__(name=name)
        checks.positive_integers(samples=samples)
        checks.arrays(target_locations=target_locations)
        checks.optional(checks.lists, level_weights=level_weights)
        checks.texts(name=name)
        weights = {
            "reward_weight": reward_weight,
            "coverage_weight": coverage_weight,
            "count_weight": count_weight,
        }
        checks.numbers(**weights)
        for argument, value in weights.items():
            if not value >= 0:
                raise ValueError(f"{argument} is {value}; expected 0 or more.")
        if level_weights is not None:
            level_weights = [float(weight) for weight in level_weights]
            finite = np.isfinite(level_weights).all()
            if not finite or min(level_weights) < 0 or not any(level_weights):
                raise ValueError(
                    f"level_weights is {level_weights}; expected numbers of 0 or more, at least "
                    "one above 0."
                )
        targets = np.asarray(target_locations, float)
        if not ((targets > 0) & np.isfinite(targets)).all():
            raise ValueError(
                f"target_locations is {target_locations}; expected more than 0 locations."
            )
        self.target_locations = targets.tolist()
        self.level_weights = level_weights
        self.samples = int(samples)
        self.reward_weight = reward_weight
        self.coverage_weight = coverage_weight
        self.count_weight = count_weight

    def weights_and_targets(self, levels):
        """Returns lambda_z, c_t and c_r for 1, 2, ... levels; 1 level has no targets.

        Raises:
            ValueError: If there are too few or too many weights or targets for these levels.
        """
        weights = self.level_weights or (*[0.0] * (levels - 1), 1.0)
        if len(weights) != levels:
            raise ValueError(
                f"level_weights has {len(weights)} entries; expected {levels}, one per level."
            )
        targets = self.target_locations
        if np.ndim(targets) == 0:
            if sum(weight > 0 for weight in weights[1:]) > 1:
                raise ValueError(
                    f"target_locations is {targets}; expected a list with level_weights, for 2 to "
                    f"{levels} levels."
                )
            targets = [targets] * (levels - 1)
        if levels > 1 and len(targets) != levels - 1:
            raise ValueError(
                f"target_locations has {len(targets)} entries; expected {levels - 1}, for 2 to "
                f"{levels} levels, or a number."
            )
        of_levels = [(weights[0], None, None)]
        for depth, (weight, target) in enumerate(zip(weights[1:], targets), 2):
            of_levels.append((weight, target, weight and coverage_target(target, depth)))
        return of_levels

    def call(self, y_true, y_pred):
        """Raises a `ValueError`: a `TopDown` applies the rule itself, in its own `fit`."""
        raise ValueError(
            "TopDownLoss trains a TopDown, not a model around one; expected model.compile and "
            "model.fit of the TopDown itself."
        )

    def get_config(self):
        return {
            "name": self.name,
            "target_locations": self.target_locations,
            "level_weights": self.level_weights,
            "samples": self.samples,
            "reward_weight": self.reward_weight,
            "coverage_weight": self.coverage_weight,
            "count_weight": self.count_weight,
        }
