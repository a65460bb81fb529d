"""What is searched."""

import dataclasses
import math
from collections.abc import Collection


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The values to choose from; None keeps the network's or the recipe's own value.

    The paper leaves the channels of each grid free: its grids "need not match in any particular
    manner" (section 3). All combinations of ratios are searched, one ratio per grid.

    Args:
        ratios: Widths of each grid but the finest, relative to the finest; None is 1/8 to 2, and
            the network's own.
        grids: Numbers of grids.
        repeats: The paper's n, layers or units of each section.
        widths: Width multipliers; only without a `Budget`, which solves for the width.
        learning_rates: Learning rates, at their start; the first trial has the first.
        weight_decays: Weight decays; the first trial has the first.

    Raises:
        ValueError: If a list is empty or has a value out of range.

    Example:

    >>> import keras_multigrid as kmg
    >>> space = kmg.tuning.SearchSpace(ratios=(0.25, 0.5, 1), grids=(2, 3), repeats=(2,))
    >>> space.grids
    (2, 3)
    """

    ratios: tuple[float, ...] | None = None
    grids: tuple[int, ...] | None = None
    repeats: tuple[int, ...] | None = None
    widths: tuple[float, ...] | None = None
    learning_rates: tuple[float, ...] | None = None
    weight_decays: tuple[float, ...] | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            values = getattr(self, field.name)
            if values is None:
                continue
            if not isinstance(values, Collection) or isinstance(values, str) or not len(values):
                raise ValueError(f"{field.name} is {values!r}; expected one or more values.")
            whole = field.name in ("grids", "repeats")
            for value in values:
                self._check(field.name, value, whole)
            distinct = tuple(dict.fromkeys(map(int if whole else float, values)))
            object.__setattr__(self, field.name, distinct)

    def _check(self, name, value, whole):
        smallest = 0 if name == "weight_decays" else math.nextafter(0, 1)
        is_number = isinstance(value, int | float) and smallest <= value < math.inf
        if not is_number or (whole and value != int(value)):
            kind = "positive integers" if whole else "positive numbers"
            raise ValueError(f"{name} has {value!r}; expected {kind}.")

    def choose(self, hp, name, field, own=None):
        """Returns what is chosen of a field: what the user fixed, or a choice that is declared.

        Args:
            hp: The `keras_tuner.HyperParameters`.
            name: Name of the hyperparameter.
            field: Name of the field.
            own: What is chosen if the field is None; else the default is nearest to it.

        Returns:
            A number; None for a grid that is absent.
        """
        values = getattr(self, field)
        if values is None:
            return checked(field, hp.get(name)) if name in hp else own
        default = values[0] if own is None else min(values, key=lambda value: abs(value - own))
        chosen = hp.Choice(name, sorted(values), default=default)
        if chosen is None:
            return None
        chosen = checked(field, chosen)
        # Between processes KerasTuner rounds numbers to single precision.
        exact = [value for value in values if math.isclose(value, chosen, rel_tol=1e-6)]
        return exact[0] if exact else chosen


def checked(field, value):
    """Returns one value of a field of a `SearchSpace`, checked as the field is."""
    return getattr(SearchSpace(**{field: (value,)}), field)[0]
