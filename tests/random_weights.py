"""Weights that hide nothing: no zero biases, no unit scales."""

import numpy as np


def randomize(layer, seed=2):
    """Sets weights that keep activations near 1 and variances positive."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        value = rng.normal(size=weight.shape) / np.sqrt(np.prod(weight.shape[:-1]))
        weight.assign(np.abs(value) + 0.5 if weight.name == "moving_variance" else value)
