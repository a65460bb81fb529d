"""A hard limit on a network's size, and the width that fills it."""

import dataclasses
import itertools
import math

from keras_multigrid import checks

WIDE = 2**30  # a width at which channels are as good as not rounded
FILLED = 0.99  # a share that is as good as all
MARGIN = 1e-7  # relative, around the widths at which a number of channels changes


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
    >>> count = functools.partial(kmg.complexity.count, kmg.applications.SGSEG)
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
            count: Its `ModelProfile`.
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
                "search fewer grids, lower ratios or fewer repeats."
            )

    def fill(self, count_at):
        """Solves for the largest width that fits; counts about five networks.

        Args:
            count_at: Function from a width multiplier to a `ModelProfile`.

        Returns:
            A number, with no more digits than it takes.

        Raises:
            ValueError: If not even one channel everywhere fits.
        """
        wide = count_at(WIDE)
        bases = {channels / WIDE for channels in wide.channels}
        slope = math.sqrt(self.share(wide)) / WIDE  # sizes are nearly quadratic in the width
        low, high, guess = 0.0, math.inf, 1 / slope
        fits = too_large = None
        for turn in itertools.count(1):
            start, end = _same_channels(bases, min(max(guess, low), high))
            width = _shortest(start * (1 + MARGIN), end * (1 - MARGIN))
            count = count_at(width)
            root = math.sqrt(self.share(count))
            if root <= 1:
                low, fits = end * (1 + MARGIN), (width, root)
            elif start == 0:
                self.check(count)
            else:
                high, too_large = start * (1 - MARGIN), (width, root)
            if low >= high:
                return fits[0]
            if not (fits and too_large):
                guess = width + (1 - root) / slope
            elif turn % 3:
                (width, root), (wider, larger) = fits, too_large
                guess = width + (1 - root) * (wider - width) / (larger - root)
            else:
                guess = (low + high) / 2

    def raised(self, count_at, low, high):
        """Returns a larger ratio that fits: one that fills the budget, or cannot be a channel more.

        Args:
            count_at: Function from the ratio to a `ModelProfile`.
            low: A ratio that fits.
            high: The largest.
        """
        fits, too_large = count_at(low), count_at(high)
        if self.share(too_large) <= 1:
            return high
        part = (1 - self.share(fits)) / (self.share(too_large) - self.share(fits))
        while self.share(fits) < FILLED:
            steps = zip(fits.channels, too_large.channels)
            ratio = float(f"{low + part * (high - low):.4g}")
            if max(more - fewer for fewer, more in steps) <= 1 or not low < ratio < high:
                break
            count, part = count_at(ratio), 0.5
            if self.share(count) <= 1:
                low, fits = ratio, count
            else:
                high, too_large = ratio, count
        return low


def _same_channels(bases, width):
    """Returns from which width to which no channels change; `bases` are those at a width of 1."""
    steps = [(base, max(1, math.floor(base * width + 0.5))) for base in bases]
    start = max(0 if channels == 1 else (channels - 0.5) / base for base, channels in steps)
    return start, min((channels + 0.5) / base for base, channels in steps)


def _shortest(low, high):
    """Returns the number of the fewest digits between two, the largest of them."""
    first = -math.floor(math.log10(high))
    for places in range(first, first + 12):
        number = math.floor(high * 10**places) / 10**places
        if number >= low and number > 0:
            return number
    return high
