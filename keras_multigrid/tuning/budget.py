"""A hard limit on a network's size, and the width that fills it."""

import dataclasses
import math

from keras_multigrid import checks

SMALLEST = 1e-6  # a width of one channel everywhere
TOLERANCE = 1e-7


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that a candidate may have; one limit, or both.

    Args:
        max_params: Trainable parameters.
        max_macs: Multiply-adds per image.

    Raises:
        ValueError: If there is no limit, or one is not positive.

    Example:

    >>> import functools
    >>> import keras_multigrid as kmg
    >>> budget = kmg.tuning.Budget(max_params=600_000)
    >>> ratios = (1, 1, 1)
    >>> count = functools.partial(
    ...     kmg.complexity.count, kmg.applications.PMGSEG, channel_ratios=ratios
    ... )
    >>> width = budget.fill(lambda width: count(width_multiplier=width))
    >>> count(width_multiplier=width).trainable_params <= 600_000
    True
    """

    max_params: float | None = None
    max_macs: float | None = None

    def __post_init__(self):
        checks.optional(checks.numbers, max_params=self.max_params, max_macs=self.max_macs)
        limits = [limit for limit in (self.max_params, self.max_macs) if limit is not None]
        if not limits:
            raise ValueError("A budget needs max_params, max_macs, or both.")
        for limit in limits:
            if not 0 < limit < math.inf:
                raise ValueError(f"The budget is {limit!r}; expected a positive number.")

    def __str__(self):
        limits = (("parameters", self.max_params), ("multiply-adds", self.max_macs))
        return " and ".join(f"{limit:,} {what}" for what, limit in limits if limit is not None)

    def share(self, count):
        """Returns how much of the budget a network takes, 1 for all of it.

        Args:
            count: Its `Count`.
        """
        return max(
            count.trainable_params / (self.max_params or math.inf),
            count.macs / (self.max_macs or math.inf),
        )

    def check(self, count):
        """Raises a `ValueError` for a network that takes more."""
        if self.share(count) > 1:
            raise ValueError(
                f"The network has at least {count.trainable_params:,} parameters and "
                f"{count.macs:,} multiply-adds, over the budget of {self}; raise the budget, or "
                "search fewer grids, lower ratios or less depth."
            )

    def fill(self, count_at, low=SMALLEST, high=None):
        """Solves for the largest width, or ratio, that fits.

        Args:
            count_at: Function from the width multiplier, or ratio, to a `Count`.
            low: The smallest.
            high: The largest; None is without limit.

        Returns:
            A number, with no more digits than it takes.

        Raises:
            ValueError: If not even the smallest fits.
        """
        self.check(count_at(low))
        smallest = low
        if high is None:
            high = 1.0
            while self.share(count_at(high)) <= 1:
                low, high = high, 2 * high
        elif self.share(count_at(high)) <= 1:
            return _shortest(high, low, count_at)
        while high - low > TOLERANCE * high:
            middle = (low + high) / 2
            if self.share(count_at(middle)) <= 1:
                low = middle
            else:
                high = middle
        return _shortest(low, smallest, count_at)


def _shortest(number, smallest, count_at):
    """Returns the shortest number, not above one, with the same count."""
    decimals = -math.floor(math.log10(number))
    for places in range(decimals, decimals + 8):
        shorter = math.floor(number * 10**places) / 10**places
        if shorter >= smallest and count_at(shorter) == count_at(number):
            return shorter
    return number
