"""Work in batches of one size, with progress."""

import sys

import keras


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
