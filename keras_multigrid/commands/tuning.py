"""The command `tune`."""

import math
import pathlib
import sys

from keras_multigrid.commands.training import RECIPES, add_recipe_options, find_recipe
from keras_multigrid_cli import COMMANDS

CHOICES = {
    "ratios": (float, "widths of each grid but the finest, relative to it (default: 1/8 to 2)"),
    "grids": (int, "numbers of grids"),
    "repeats": (int, "the paper's n, layers or units of each section"),
    "widths": (float, "width multipliers; under a budget the width is solved for"),
    "learning-rates": (float, "learning rates"),
    "weight-decays": (float, "weight decays"),
}


def add_commands(commands):
    """Adds the parser."""
    tune = commands.add_parser(
        "tune",
        help=COMMANDS["tune"],
        epilog="Example: keras-multigrid tune mnist_segmentation --set source=digits "
        "--max-macs 1e8 --ratios 0.25,0.5,1,2 --learning-rates 0.005,0.015 --output runs/tune",
    )
    tune.add_argument("recipe", help=f"what to tune: {', '.join(RECIPES)}, or a recipe file")
    add_recipe_options(tune)
    tune.add_argument(
        "--output", type=pathlib.Path, help="the search's folder (default: runs/tune-RECIPE)"
    )
    tune.add_argument(
        "--tuner", default="bayesian", help="hyperband, bayesian (default), random or grid"
    )
    tune.add_argument("--trials", type=int, default=20, help="how many (default: 20)")
    tune.add_argument(
        "--objective", help="a metric of the validation data (default: the recipe's), or loss"
    )
    budget = tune.add_argument_group(
        "budget", "Each candidate is completed to it by its width, and none is over it."
    )
    budget.add_argument("--max-params", type=float, metavar="N", help="parameters, such as 3e6")
    budget.add_argument("--max-macs", type=float, metavar="N", help="multiply-adds per image")
    space = tune.add_argument_group(
        "what is searched", "Values to choose from, with commas between; by default ratios alone."
    )
    for name, (_, what) in CHOICES.items():
        space.add_argument(f"--{name}", metavar="VALUES", help=what)
    tune.add_argument_group(
        "several processes",
        "Across machines: the same command on each, with a folder that all see, and KerasTuner's\n"
        "KERASTUNER_TUNER_ID (chief on one, distinct on the others), KERASTUNER_ORACLE_IP and\n"
        "KERASTUNER_ORACLE_PORT (where the chief listens, without encryption or password).",
    ).add_argument("--workers", type=int, default=1, help="processes on this machine (default: 1)")
    tune.set_defaults(command=_tune)


def _tune(options):
    recipe = find_recipe(options)
    from keras_multigrid.tuning import Budget, SearchSpace, tune

    limits = {
        name: _limit(name, getattr(options, name))
        for name in ("max_params", "max_macs")
        if getattr(options, name) is not None
    }
    results = tune(
        recipe,
        options.output,
        SearchSpace(**_choices(options)),
        Budget(**limits) if limits else None,
        options.tuner,
        options.trials,
        options.objective,
        options.workers,
    )
    if results is not None and results[0].score is None:
        print("keras-multigrid: every trial failed, as said above.", file=sys.stderr)
        return 1
    return 0


def _limit(name, value):
    if not 1 <= value < math.inf:
        option = name.replace("_", "-")
        raise ValueError(f"--{option} is {value:g}; expected a positive number, such as 3e6.")
    return int(value)


def _choices(options):
    """Returns the arguments of the search space."""
    choices = {}
    for option, (kind, _) in CHOICES.items():
        name = option.replace("-", "_")
        text = getattr(options, name)
        if text is None:
            continue
        try:
            choices[name] = tuple(kind(value) for value in text.split(","))
        except ValueError:
            raise ValueError(
                f"--{option} is {text!r}; expected numbers with commas between, such as 1,2."
            ) from None
    return choices
