"""Tells, after the first steps, how long a training will take."""

import time

import keras

from keras_multigrid.progress import say

MEASURED, PASSED_OVER = 20, 2  # steps; the first ones compile
SHORT = 100  # steps that need no telling


class ExpectedDuration(keras.callbacks.Callback):
    """Prints the expected duration after 20 steps.

    Args:
        steps: Of the whole training.
    """

    checkpointed = False  # runs that began without it go on

    def __init__(self, steps):
        super().__init__()
        self._all, self._done, self._start = steps, 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self._done += 1
        if self._done == PASSED_OVER:
            self._start = time.monotonic()
        if self._done == MEASURED and self._all > SHORT:
            step = (time.monotonic() - self._start) / (MEASURED - PASSED_OVER)
            say(f"\nAbout {_text(step * self._all)} for {self._all:,} steps of {step:.2f} s.")


def _text(seconds):
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
