"""Hard attention over an image pyramid: the second paper's traversal and its learning rule."""

from keras_multigrid.top_down.attention import Attention
from keras_multigrid.top_down.early_stopping import confidence_curve
from keras_multigrid.top_down.model import TopDown
from keras_multigrid.top_down.policy_gradient import (
    TopDownLoss,
    count_penalty,
    coverage_penalty,
    coverage_target,
    likelihood_ratio_loss,
    log_likelihood,
    log_probability,
    moving_baseline,
)

__all__ = [
    "Attention",
    "TopDown",
    "TopDownLoss",
    "confidence_curve",
    "count_penalty",
    "coverage_penalty",
    "coverage_target",
    "likelihood_ratio_loss",
    "log_likelihood",
    "log_probability",
    "moving_baseline",
]
