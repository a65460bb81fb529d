"""The paper's learning rates: constant within an epoch, one table entry per epoch.

Keras' `ExponentialDecay` would differ in the last digits, and go on falling after the last epoch;
runs that were begun with these continue exactly.
"""

import numbers

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks


class _RatePerEpoch(keras.optimizers.schedules.LearningRateSchedule):
    """Looks the rate up, so that it is the exact one, rounded to float32, on every backend."""

    def __init__(self, steps_per_epoch, start, rates, name):
        checks.texts(name=name)
        checks.positive_integers(steps_per_epoch=steps_per_epoch)
        self.steps_per_epoch, self.start, self.name = steps_per_epoch, start, name
        self._rates = np.asarray(rates, "float32")

    def __call__(self, step):
        epoch = ops.floor_divide(step, self.steps_per_epoch)
        epoch = ops.clip(epoch, 0, len(self._rates) - 1)
        return ops.take(self._rates, ops.cast(epoch, "int32"))

    def get_config(self):
        return {"steps_per_epoch": self.steps_per_epoch, "start": self.start, "name": self.name}


@keras.saving.register_keras_serializable(package="keras_multigrid")
class ExponentialPerEpoch(_RatePerEpoch):
    """Exponential decay, epoch by epoch (the paper's non-residual nets, sections 4.1 and 4.2).

    In epoch e = 1, ..., E the rate is `start * (end / start) ** ((e - 1) / (E - 1))`: with the
    defaults 10^-(1 + 3 (e - 1) / (E - 1)). After the last epoch it stays at `end`.

    Args:
        epochs: E, the number of epochs; a single one has the rate `start`.
        steps_per_epoch: Batches per epoch. Keras counts every batch, also when it accumulates
            gradients over several.
        start: Rate of the first epoch.
        end: Rate of the last epoch.
        name: Name.

    Returns:
        When called with a step, counted from 0, its rate as a float32 tensor; before, the first.

    Raises:
        ValueError: If an argument is not positive, or `epochs` or `steps_per_epoch` not an integer.

    Example:

    >>> import keras_multigrid as kmg
    >>> rate = kmg.schedules.ExponentialPerEpoch(epochs=4, steps_per_epoch=300)
    >>> [round(float(rate(step)), 6) for step in (0, 299, 300, 600, 900, 5000)]
    [0.1, 0.1, 0.01, 0.001, 0.0001, 0.0001]
    """

    def __init__(self, epochs, steps_per_epoch, *, start=0.1, end=1e-4, name="ExponentialPerEpoch"):
        checks.positive_integers(epochs=epochs)
        checks.positive_numbers(start=start, end=end)
        progress = np.arange(epochs) / max(epochs - 1, 1)
        super().__init__(steps_per_epoch, start, start * (end / start) ** progress, name)
        self.epochs, self.end = epochs, end

    def get_config(self):
        return {**super().get_config(), "epochs": self.epochs, "end": self.end}


@keras.saving.register_keras_serializable(package="keras_multigrid")
class StepwisePerEpoch(_RatePerEpoch):
    """A constant rate, multiplied by a factor after some epochs (the paper's residual nets).

    The first epoch after k of the boundaries has the rate `start * factor ** k`: with the defaults
    epochs 1 to 60 have 0.1, 61 to 120 0.02, 121 to 160 0.004, and those after 160 0.0008. ImageNet
    (section 4.4) is `StepwisePerEpoch(10_000, boundaries=(30, 60, 90), factor=0.1)`.

    Args:
        steps_per_epoch: Batches per epoch. Keras counts every batch, also when it accumulates
            gradients over several.
        boundaries: Numbers of epochs, increasing, after which the rate is multiplied.
        factor: The factor.
        start: Rate of the first epoch.
        name: Name.

    Returns:
        When called with a step, counted from 0, its rate as a float32 tensor; before, the first.

    Raises:
        ValueError: If an argument is not positive, `steps_per_epoch` not an integer, or
            `boundaries` are not increasing positive integers.

    Example:

    >>> import keras_multigrid as kmg
    >>> rate = kmg.schedules.StepwisePerEpoch(steps_per_epoch=300)
    >>> [round(float(rate(300 * epoch)), 6) for epoch in (0, 59, 60, 120, 160, 1000)]
    [0.1, 0.1, 0.02, 0.004, 0.0008, 0.0008]
    """

    def __init__(
        self,
        steps_per_epoch,
        boundaries=(60, 120, 160),
        *,
        factor=0.2,
        start=0.1,
        name="StepwisePerEpoch",
    ):
        checks.positive_numbers(factor=factor, start=start)
        integers = isinstance(boundaries, list | tuple) and all(
            isinstance(boundary, numbers.Integral) for boundary in boundaries
        )
        if not integers or [0, *boundaries] != sorted({0, *boundaries}):
            raise ValueError(
                f"StepwisePerEpoch: boundaries is {boundaries!r}; expected increasing positive "
                "integers, for example (60, 120, 160)."
            )
        epochs = np.arange(max(boundaries, default=0) + 1)
        passed = np.searchsorted(boundaries, epochs, side="right")
        super().__init__(steps_per_epoch, start, start * float(factor) ** passed, name)
        self.boundaries, self.factor = tuple(boundaries), factor

    def get_config(self):
        own = {"boundaries": list(self.boundaries), "factor": self.factor}
        return {**super().get_config(), **own}
