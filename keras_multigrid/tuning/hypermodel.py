"""A KerasTuner hypermodel over any constructor of `keras_multigrid.applications`."""

import dataclasses
import functools
import inspect
import itertools
import math

import keras_tuner
from keras_tuner.engine.hyperparameters import Fixed

from keras_multigrid import checks
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.complexity import Count, count
from keras_multigrid.tuning.budget import Budget
from keras_multigrid.tuning.space import SearchSpace

MOST_GRIDS = 8
FILLED = 0.99  # of a budget
RAISED = (1.05, 1.25)  # factors on ratios, to fill what whole channels leave
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a choice of hyperparameters comes to; what is None is the network's or recipe's own.

    Attributes:
        channel_ratios: Widths of the grids relative to the finest.
        width_multiplier: Factor on all widths, solved for where there is a budget.
        depth: The paper's n.
        learning_rate: Its start.
        weight_decay: Of the optimizer.
        count: Parameters and multiply-adds, a `complexity.Count`.

    Example:

    >>> import keras_tuner
    >>> import keras_multigrid as kmg
    >>> hypermodel = kmg.tuning.MultigridHyperModel("PMG-11")
    >>> hypermodel.candidate(keras_tuner.HyperParameters()).count.trainable_params
    605718
    """

    channel_ratios: tuple[float, ...] | None
    width_multiplier: float | None
    depth: int | None
    learning_rate: float | None
    weight_decay: float | None
    count: Count

    def network(self):
        """Returns the arguments of the constructor."""
        return _network(self.settings())

    def settings(self):
        """Returns what was chosen, by name: the constructor's arguments and the optimizer's."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            name: value for name, value in values.items() if name != "count" and value is not None
        }


def _network(chosen):
    names = {"channel_ratios": "channel_ratios", "width_multiplier": "width_multiplier"}
    names["depth"] = "repeats"
    return {
        argument: chosen[name] for name, argument in names.items() if chosen.get(name) is not None
    }


class MultigridHyperModel(keras_tuner.HyperModel):
    """A network whose channel ratios, and what goes with them, are hyperparameters.

    Works with every tuner of KerasTuner. Sizes are counted by arithmetic: with a budget, each
    candidate is completed to it by solving for the width, and one over it is never built. Where
    whole channels leave more than 1 % of it unused, ratios other than the network's own are raised
    by up to a quarter; narrow networks may use less all the same.

    Hyperparameters of one's own named `grids`, `ratio_1`, `ratio_2`, ..., `depth`, `width`,
    `learning_rate` or `weight_decay` take the place of what is searched, as KerasTuner's tuners are
    given them: `hp.Fixed("learning_rate", 0.05)`.

    Args:
        constructor: A function of `keras_multigrid.applications`, or a name of `list_models`.
        space: The `SearchSpace`.
        budget: A `Budget`, or None.
        compile: Function of the model and its `Candidate` that compiles it; None leaves it.
        **arguments: More arguments of the constructor, such as `classes`; those that are also
            searched are the default, which most tuners try first.

    Raises:
        ValueError: If the constructor does not take what is searched or fixed, or nothing fits the
            budget.

    Example:

    >>> import keras_tuner
    >>> import keras_multigrid as kmg
    >>> def compile(model, candidate):
    ...     optimizer = kmg.optimizers.SGD(candidate.learning_rate)
    ...     model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> hypermodel = kmg.tuning.MultigridHyperModel(
    ...     kmg.applications.MG,
    ...     kmg.tuning.SearchSpace(ratios=(0.25, 0.5, 1), learning_rates=(0.02, 0.1)),
    ...     kmg.tuning.Budget(max_params=1_000_000),
    ...     compile,
    ...     depth=6,
    ...     classes=10,
    ... )
    >>> model = hypermodel.build(keras_tuner.HyperParameters())  # or: RandomSearch(hypermodel, ...)
    >>> 990_000 < kmg.complexity.profile(model).trainable_params <= 1_000_000
    True
    """

    def __init__(self, constructor, space=None, budget=None, compile=None, **arguments):
        super().__init__()
        if isinstance(constructor, str):
            row = paper_model(constructor)
            constructor, arguments = row.constructor, {**row.arguments, **arguments}
        checks.constructors(constructor=constructor)
        checks.optional(functools.partial(checks.instances, SearchSpace), space=space)
        checks.optional(functools.partial(checks.instances, Budget), budget=budget)
        checks.optional(checks.functions, compile=compile)
        self.constructor, self.arguments = constructor, arguments
        self.space, self.budget, self.compile = space or SearchSpace(), budget, compile
        self._check_space()
        self.own_ratios = self._own_ratios()
        if self.own_ratios is None and self.space.grids is not None:
            raise ValueError(f"{constructor.__name__} has no grids to choose from.")
        self.candidate(keras_tuner.HyperParameters())  # errors before any work
        for grids in self.space.grids or ():
            count(constructor, **{**arguments, "channel_ratios": (1,) * grids})

    def declare_hyperparameters(self, hp):
        self._choose(hp)

    def build(self, hp):
        candidate = self.candidate(hp)
        model = self.constructor(**self._with(candidate.network()))
        if self.compile is not None:
            self.compile(model, candidate)
        return model

    def candidate(self, hp):
        """Returns the `Candidate` of a `keras_tuner.HyperParameters`, completed to the budget."""
        chosen = self._choose(hp)
        if self.budget is not None and self._takes("width_multiplier"):
            self._fill(chosen, {each.name for each in hp.space if isinstance(each, Fixed)})
        size = self._count(chosen)
        if self.budget is not None:
            self.budget.check(size)
        return Candidate(**chosen, count=size)

    def _fill(self, chosen, fixed):
        """Completes a choice to the budget by the width; fixed ratios stay."""

        def of_width(width):
            return self._count({**chosen, "width_multiplier": width})

        chosen["width_multiplier"] = self.budget.fill(of_width)
        if chosen["channel_ratios"] not in (None, self.own_ratios):
            self._fill_by_ratios(chosen, fixed)

    def _fill_by_ratios(self, chosen, fixed):
        """Raises ratios a little where whole channels leave some of the budget."""

        def of_ratio(ratios, grid, ratio):
            return self._count({**chosen, "channel_ratios": _replaced(ratios, grid, ratio)})

        grids = range(len(chosen["channel_ratios"]) - 1, 0, -1)
        grids = [grid for grid in grids if f"ratio_{grid}" not in fixed]
        for factor, grid in itertools.product(RAISED, grids):  # the coarsest first, a little first
            ratios, size = chosen["channel_ratios"], self._count(chosen)
            if self.budget.share(size) >= FILLED:
                return
            of_this = functools.partial(of_ratio, ratios, grid)
            ratio = self.budget.fill(of_this, ratios[grid], factor * ratios[grid])
            if of_this(ratio) != size:
                chosen["channel_ratios"] = _replaced(ratios, grid, ratio)

    def _count(self, chosen):
        return count(self.constructor, **self._with(_network(chosen)))

    def _with(self, network):
        """Returns all arguments of the constructor; `repeats` is in place of its own depth."""
        own = dict(self.arguments)
        if "repeats" in network:
            own.pop("depth", None)
        return {**own, **network}

    def _choose(self, hp):
        """Declares the hyperparameters and returns what is chosen."""
        self._check_hyperparameters(hp)
        space, own = self.space, self.arguments
        ratios = own.get("channel_ratios")
        if self.own_ratios is not None:
            ratios = self._choose_ratios(hp)
        return {
            "channel_ratios": ratios,
            "width_multiplier": _choice(hp, "width", "widths", space, own.get("width_multiplier")),
            "depth": _choice(hp, "depth", "depths", space, own.get("repeats")),
            "learning_rate": _choice(hp, "learning_rate", "learning_rates", space),
            "weight_decay": _choice(hp, "weight_decay", "weight_decays", space),
        }

    def _choose_ratios(self, hp):
        own = self.own_ratios
        space = SearchSpace(
            ratios=self.space.ratios or {*RATIOS, *own}, grids=self.space.grids or (len(own),)
        )
        grids = _choice(hp, "grids", "grids", space, len(own))
        numbers = {*space.grids, grids}
        ratios = [1.0]
        for grid in range(1, max(numbers)):
            name, default = f"ratio_{grid}", own[min(grid, len(own) - 1)]
            if any(each.name == name and not each.conditions for each in hp.space):
                ratios.append(_checked("ratios", hp.get(name)))  # the user's, for any number
                continue
            with hp.conditional_scope("grids", [number for number in numbers if number > grid]):
                ratios.append(_choice(hp, name, "ratios", space, default))
        return tuple(ratios[:grids])

    def _check_hyperparameters(self, hp):
        """Raises a `ValueError` for values that would be without effect."""
        name = self.constructor.__name__
        network = hp.Fixed("network", name)
        if network != name:
            raise ValueError(
                f"The hyperparameters are of the network {network!r}; expected {name!r}."
            )
        if self.own_ratios is None and "grids" in hp:
            raise ValueError(f"{name} has no grids to choose from.")
        if self.budget is not None and "width" in hp:
            raise ValueError("The width is solved for under a budget; leave width out.")
        for each, argument in (("depth", "repeats"), ("width", "width_multiplier")):
            if each in hp and not self._takes(argument):
                raise ValueError(f"{each} cannot be chosen: {name} has no {argument}.")

    def _own_ratios(self):
        """Returns the ratios of the constructor's design, or None if it has no grids."""
        if not self._takes("channel_ratios"):
            return None
        if self.arguments.get("channel_ratios"):
            return tuple(map(float, self.arguments["channel_ratios"]))
        expected = count(self.constructor)
        for factor in (1 / 2, 2):  # the paper's are all of this kind
            for grids in range(1, MOST_GRIDS + 1):
                ratios = tuple(float(factor**grid) for grid in range(grids))
                try:
                    if count(self.constructor, channel_ratios=ratios) == expected:
                        return ratios
                except ValueError:  # more grids than the constructor takes
                    break
        raise ValueError(f"The ratios of {self.constructor.__name__} are not known; name them.")

    def _check_space(self):
        if self.budget is not None and self.space.widths is not None:
            raise ValueError("The width is solved for under a budget; leave widths out.")
        for name, argument in (("depths", "repeats"), ("widths", "width_multiplier")):
            if getattr(self.space, name) is not None and not self._takes(argument):
                raise ValueError(
                    f"{name} cannot be searched: {self.constructor.__name__} has no {argument}."
                )

    def _takes(self, argument):
        return argument in inspect.signature(self.constructor).parameters


def _choice(hp, name, field, space, own=None):
    """Returns what is chosen of a field of the space, None for an absent grid.

    It is declared, by default nearest to one's own, or the first; or it is what the user fixed.
    """
    values = getattr(space, field)
    if values is None:
        return _checked(field, hp.get(name)) if name in hp else own
    default = next(iter(values)) if own is None else _nearest(values, own)
    chosen = hp.Choice(name, sorted(values), default=default)
    if chosen is None:
        return None
    chosen = _checked(field, chosen)
    nearest = _nearest(values, chosen)
    # Between processes KerasTuner rounds numbers to single precision.
    return nearest if math.isclose(nearest, chosen, rel_tol=1e-6) else chosen


def _checked(field, value):
    """Returns one value of a field of the space."""
    return getattr(SearchSpace(**{field: (value,)}), field)[0]


def _replaced(ratios, grid, ratio):
    return (*ratios[:grid], ratio, *ratios[grid + 1 :])


def _nearest(values, number):
    return min(values, key=lambda value: abs(value - number))
