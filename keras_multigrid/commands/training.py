"""The commands `train` and `evaluate`: recipes, run."""

import difflib
import json
import pathlib

from keras_multigrid.progress import verbosity
from keras_multigrid.recipes import RECIPES
from keras_multigrid.recipes.overrides import change, resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import default_folder, load_run, read_recipe_file
from keras_multigrid.runs.skipped import skipped_sentence
from keras_multigrid.training import join_processes
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parsers."""
    train = commands.add_parser(
        "train",
        help=COMMANDS["train"],
        epilog="Example: keras-multigrid train mnist_segmentation --set model=R-PMG-20 "
        "--set source=digits --output runs/first",
    )
    train.add_argument(
        "recipe", help=f"what to train: {', '.join(RECIPES)}, or a recipe file, such as best.json"
    )
    add_recipe_options(train)
    train.add_argument(
        "--output", type=pathlib.Path, help="the run's folder (default: one for each settings)"
    )
    several = train.add_argument_group(
        "several processes (KERAS_BACKEND=jax)",
        "The same command on each machine, with its own --process; the folder is shared. When\n"
        "one ends, all end, with status 1; given again to all, the commands continue.",
    )
    several.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 listens")
    several.add_argument("--processes", type=int, default=1, help="how many there are (default: 1)")
    several.add_argument("--process", type=int, default=0, help="number of this one, from 0")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help=COMMANDS["evaluate"],
        epilog="Example: keras-multigrid evaluate runs/first --split validation",
    )
    add_run_options(evaluate)
    evaluate.add_argument("--split", help="of the data; `all` of one's own (default: for testing)")
    evaluate.add_argument(
        "--json", action="store_true", help="print one JSON object, as metrics.json has it"
    )
    evaluate.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        help="what to do with image files that cannot be decoded (default: what the run did)",
    )
    evaluate.set_defaults(command=_evaluate)


def add_recipe_options(parser):
    """Adds the options that change a recipe."""
    parser.add_argument("--scale", help="smoke, quick (default), long (of some) or paper")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a field of the recipe; may be given again",
    )


def add_run_options(parser):
    """Adds the folder of a run, and where its data are."""
    parser.add_argument("run", type=pathlib.Path, help="the run's folder")
    parser.add_argument("--data-dir", help="where the data are now, if elsewhere")


def _train(options):
    if options.coordinator or options.processes > 1:  # before anything of Keras or JAX runs
        join_processes(options.coordinator, options.processes, options.process)
    recipe = find_recipe(options)
    run(recipe, options.output or default_folder(recipe))
    return 0


def find_recipe(options):
    """Returns the recipe that is named, or in a file, with its scale and settings."""
    if options.recipe not in RECIPES and not options.recipe.endswith(".json"):
        nearest = difflib.get_close_matches(options.recipe, RECIPES, n=1, cutoff=0)[0]
        raise ValueError(
            f"There is no recipe {options.recipe!r}; did you mean {nearest!r}? "
            f"All: {', '.join(RECIPES)}; or name a recipe file, FILE.json."
        )
    if options.recipe in RECIPES:
        return resolve(RECIPES[options.recipe], options.scale or "quick", options.settings)
    if options.scale is not None:
        raise ValueError(
            f"{options.recipe} has all settings, and no scale {options.scale!r}; change single "
            "ones with --set."
        )
    return change(read_recipe_file(pathlib.Path(options.recipe)), options.settings)


def _evaluate(options):
    recipe, model = load_run(options.run, options.data_dir)
    if options.on_error:
        recipe = change(recipe, [f"on_error={options.on_error}"])
    verbose = 0 if options.json else verbosity()
    results = recipe.evaluate(model, options.split or recipe.TEST_SPLIT, verbose)
    if options.json:
        print(json.dumps({"results": results, **recipe.summary(results)}, indent=1))
        return 0
    for name, value in {**results, **recipe.scores(results)}.items():
        print(f"{name:<24} {value:.4f}")
    if recipe.skipped:
        print(skipped_sentence(recipe.skipped))
    return 0
