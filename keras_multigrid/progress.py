"""How long work shows that it goes on."""

import sys

import keras


def say(line):
    """Prints a line at once: into files, too, and whole between those of other processes."""
    print(line, flush=True)


def verbosity():
    """Returns Keras' `verbose`: a moving bar on a terminal, a line at each end elsewhere."""
    return 1 if sys.stdout.isatty() else 2


def progress_bar(steps, verbose="auto", unit="batch"):
    """Returns a `keras.utils.Progbar`, whose `add(1)` is to be called after each step."""
    verbose = verbosity() if verbose == "auto" else verbose
    return keras.utils.Progbar(steps, verbose=verbose, unit_name=unit)
