"""What the plans of all tasks choose alike."""

import math

import numpy as np

from keras_multigrid.prediction.memory import result_sizes

UNITS = {"K": 1e3, "M": 1e6, "G": 1e9}
MOST_WEIGHT = 3.0  # of a class
KEPT_TWICE = 2  # results of layers, and their gradients
USED = 0.6  # of a GPU's memory: convolutions want some, too


def limit_of(budget, budgets, of):
    """Returns the multiply-adds of a budget: one of those with a name, or a number, as `"300M"`.

    Raises:
        ValueError: If it is neither; `of` says what is counted.
    """
    if budget in budgets:
        return budgets[budget]
    unit = UNITS.get(budget[-1:].upper(), 1)
    try:
        number = unit * float(budget if unit == 1 else budget[:-1])
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(
            f"budget is {budget!r}; expected {', '.join(budgets)}, or a number of multiply-adds of "
            f"{of}, such as 300M."
        )
    return number


def balancing_weights(counts, least):
    """Returns weights of classes, as text: the root of the median over the class's own count.

    Those are the median-frequency weights of Eigen and Fergus (2015), tempered by the root.

    Args:
        counts: How much there is of each class; one without any weighs 1.
        least: The smallest weight.
    """
    median = np.median([count for count in counts if count])
    weights = [math.sqrt(median / count) if count else 1.0 for count in counts]
    return ",".join(f"{min(max(weight, least), MOST_WEIGHT):.3g}" for weight in weights)


def fitting_batch(most, memory, model, shape):
    """Returns how many samples of a shape can be trained on at once, at least 1, at most `most`.

    Args:
        most: The number that is wanted.
        memory: Of the device, in bytes.
        model: The network, of which only the shapes matter.
        shape: Of a sample.
    """
    needed = 4 * KEPT_TWICE * sum(result_sizes(model, shape))  # bytes, in float32
    return max(1, min(most, int(USED * memory / needed)))
