"""Work in batches of one size, with progress."""

import sys

import keras
import numpy as np


def check_integer(name, value, low, high=None):
    """Raises a `ValueError` for what is no integer from `low` on, up to `high` if there is one."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):
        limits = f"from {low} on" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} is {value!r}; expected an integer {limits}.")


def even_batches(items, batch_size):
    """Returns lists of items, as few as possible and as equal as possible, the last the shortest.

    Compiled functions get batches of one size; the less the last one lacks, the less is computed
    in vain.
    """
    count = -(-len(items) // batch_size)
    size = -(-len(items) // count)
    return [items[start : start + size] for start in range(0, len(items), size)]


def progress_bar(steps, verbose, unit="batch"):
    """Returns Keras' progress bar; `"auto"` moves on a terminal, elsewhere it is a last line."""
    if verbose == "auto":
        verbose = 1 if sys.stdout.isatty() else 2
    return keras.utils.Progbar(steps, verbose=verbose, unit_name=unit)
