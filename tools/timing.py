"""Timing side by side: calls take turns, so that a noisy machine disturbs all of them alike."""

import statistics
import time
from typing import NamedTuple

import keras

WARM_UP = 3


class Time(NamedTuple):
    """Median time of a call, and the median of its ratios to the first call in each turn."""

    milliseconds: float
    ratio: float


def median_times(calls, repeats):
    """Returns a `Time` for each of some calls without arguments, which take turns."""
    for call in calls:
        for _ in range(WARM_UP):
            call()
    turns = []
    for turn in range(repeats):
        # Each turn begins with another call, so that none always follows the same one.
        order = [(turn + index) % len(calls) for index in range(len(calls))]
        seconds = {index: _seconds(calls[index]) for index in order}
        turns.append(seconds)
    return [
        Time(
            1e3 * statistics.median(turn[index] for turn in turns),
            statistics.median(turn[index] / turn[0] for turn in turns),
        )
        for index in range(len(calls))
    ]


def compiled(function, *arrays):
    """Returns a call without arguments; to the compiler the arrays are no constants."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        function = tf.function(function)
        return lambda: function(*arrays)
    if keras.backend.backend() == "jax":
        import jax

        function = jax.jit(function)
        return lambda: jax.block_until_ready(function(*arrays))
    import torch

    return torch.no_grad()(lambda: function(*arrays))


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
