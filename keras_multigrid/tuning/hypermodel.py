"""A KerasTuner hypermodel over any constructor of `keras_multigrid.applications`."""

import dataclasses
import functools
import inspect

import keras
import keras_tuner
from keras_tuner.engine.hyperparameters import Fixed

from keras_multigrid import checks
from keras_multigrid.applications.paper import paper_model, without_replaced
from keras_multigrid.budget import FILLED, WIDE, Budget
from keras_multigrid.complexity import ModelProfile, count
from keras_multigrid.tuning.space import SearchSpace, checked

RAISED = 1.25  # the largest factor on ratios, to fill what whole channels leave
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0)
ARGUMENTS = {"width": "width_multiplier", "widths": "width_multiplier"}
NETWORK = ("channel_ratios", "width_multiplier", "repeats")  # arguments of a constructor
COUNTED = 100  # networks whose counts are kept


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """A choice of a network and its training; None is the network's or the recipe's own value.

    Attributes:
        channel_ratios: Widths of the grids relative to the finest.
        width_multiplier: Factor on all widths, solved for where there is a budget.
        repeats: The paper's n.
        learning_rate: The learning rate at the start.
        weight_decay: The optimizer's weight decay.
        count: Parameters and multiply-adds, a `complexity.ModelProfile`.

    Example:

    >>> import keras_tuner
    >>> import keras_multigrid as kmg
    >>> hypermodel = kmg.tuning.MultigridHyperModel("PMG-11")
    >>> hypermodel.candidate(keras_tuner.HyperParameters()).count.trainable_params
    605718
    """

    channel_ratios: tuple[float, ...] | None
    width_multiplier: float | None
    repeats: int | None
    learning_rate: float | None
    weight_decay: float | None
    count: ModelProfile

    def network(self):
        """Returns the arguments of the constructor."""
        return {name: value for name, value in self.settings().items() if name in NETWORK}

    def settings(self):
        """Returns what was chosen, by name: the constructor's arguments and the optimizer's."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "count"]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class MultigridHyperModel(keras_tuner.HyperModel):
    """A network whose channel ratios, and what goes with them, are hyperparameters.

    Works with every tuner of KerasTuner. With a budget, each candidate is completed to it by
    solving for the width, and no weights are allocated for one over it. Where whole channels leave
    more than 1 % of the budget unused, ratios other than the network's own are raised by up to a
    quarter; narrow networks may use less all the same.

    Your own hyperparameters named `grids`, `ratio_1`, `ratio_2`, ..., `repeats`, `width`,
    `learning_rate` or `weight_decay` replace what is searched; give them to KerasTuner's tuners:
    `hp.Fixed("learning_rate", 0.05)`.

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
            constructor, arguments = row.constructor, row.arguments_with(**arguments)
        checks.constructors(constructor=constructor)
        checks.optional(functools.partial(checks.instances, SearchSpace), space=space)
        checks.optional(functools.partial(checks.instances, Budget), budget=budget)
        checks.optional(checks.functions, compile=compile)
        self.constructor, self.arguments = constructor, arguments
        self.space, self.budget, self.compile = space or SearchSpace(), budget, compile
        self.count_network = functools.lru_cache(COUNTED)(
            lambda **network: count(constructor, **self._arguments(network))
        )
        self._check_searched({each for each in ("repeats", "widths") if getattr(self.space, each)})
        self.own_ratios = self._own_ratios()
        if self.own_ratios is None and self.space.grids is not None:
            raise ValueError(f"{constructor.__name__} has no grids to choose from.")
        self.candidate(keras_tuner.HyperParameters())  # errors before any work
        for grids in self.space.grids or ():
            self._count({"channel_ratios": (1,) * grids})

    def declare_hyperparameters(self, hp):
        self._choose(hp)

    def build(self, hp):
        candidate = self.candidate(hp)
        model = self.constructor(**self._arguments(candidate.network()))
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
        """Completes a choice to the budget: by the width, and by ratios that are not fixed."""

        def of_width(width):
            return self._count({**chosen, "width_multiplier": width})

        chosen["width_multiplier"] = self.budget.fill(of_width)
        if chosen["channel_ratios"] in (None, self.own_ratios):
            return
        for grid in range(len(chosen["channel_ratios"]) - 1, 0, -1):  # the coarsest first
            if self.budget.share(self._count(chosen)) >= FILLED:
                return
            if f"ratio_{grid}" not in fixed:
                self._raise_ratio(chosen, grid)

    def _raise_ratio(self, chosen, grid):
        ratios = chosen["channel_ratios"]

        def with_ratio(ratio):
            return {**chosen, "channel_ratios": (*ratios[:grid], ratio, *ratios[grid + 1 :])}

        def count_at(ratio):
            return self._count(with_ratio(ratio))

        ratio = self.budget.raised(count_at, ratios[grid], RAISED * ratios[grid])
        if count_at(ratio) != self._count(chosen):
            chosen.update(with_ratio(ratio))

    def _count(self, chosen):
        network = {name: chosen[name] for name in NETWORK if chosen.get(name) is not None}
        return self.count_network(**network)

    def _arguments(self, network):
        """Returns all arguments of the constructor."""
        return {**without_replaced(self.arguments, network), **network}

    def _choose(self, hp):
        """Declares the hyperparameters and returns what is chosen."""
        self._check_hyperparameters(hp)
        space, own = self.space, self.arguments
        ratios = own.get("channel_ratios")
        if self.own_ratios is not None:
            ratios = self._choose_ratios(hp)
        return {
            "channel_ratios": ratios,
            "width_multiplier": space.choose(hp, "width", "widths", own.get("width_multiplier")),
            "repeats": space.choose(hp, "repeats", "repeats", own.get("repeats")),
            "learning_rate": space.choose(hp, "learning_rate", "learning_rates"),
            "weight_decay": space.choose(hp, "weight_decay", "weight_decays"),
        }

    def _choose_ratios(self, hp):
        own = self.own_ratios
        space = SearchSpace(
            ratios=self.space.ratios or {*RATIOS, *own}, grids=self.space.grids or (len(own),)
        )
        grids = space.choose(hp, "grids", "grids", len(own))
        numbers = {*space.grids, grids}
        ratios = [1.0]
        for grid in range(1, max(numbers)):
            name, default = f"ratio_{grid}", own[min(grid, len(own) - 1)]
            if any(each.name == name and not each.conditions for each in hp.space):
                ratios.append(checked("ratios", hp.get(name)))  # the user's, for any number
                continue
            with hp.conditional_scope("grids", [number for number in numbers if number > grid]):
                ratios.append(space.choose(hp, name, "ratios", default))
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
        self._check_searched({each for each in ("repeats", "width") if each in hp})

    def _own_ratios(self):
        """Returns the ratios of the constructor's design, or None if it has no grids."""
        if not self._takes("channel_ratios"):
            return None
        if self.arguments.get("channel_ratios"):
            return tuple(map(float, self.arguments["channel_ratios"]))
        axis = 0 if keras.config.image_data_format() == "channels_first" else -1
        pyramids = [
            [shape[axis] for shape in row.output_shape]
            for row in self._count({"width_multiplier": WIDE}).rows
            if row.trainable_params and isinstance(row.output_shape, list)
        ]
        widths = max(pyramids, key=lambda each: (len(each), sum(each)))  # neither stem nor head
        return tuple(width / widths[0] for width in widths)

    def _check_searched(self, names):
        """Raises a `ValueError` for what the constructor lacks, or a budget solves for."""
        for name in names:
            argument = ARGUMENTS.get(name, name)
            if not self._takes(argument):
                network = self.constructor.__name__
                raise ValueError(f"{name} cannot be searched: {network} has no {argument}.")
            if argument == "width_multiplier" and self.budget is not None:
                raise ValueError(f"The width is solved for under a budget; leave {name} out.")

    def _takes(self, argument):
        return argument in inspect.signature(self.constructor).parameters
