"""A search: what it is asked for, and its run in one process or several."""

import dataclasses
import functools
import json
import pathlib
import time

from keras_multigrid import checks
from keras_multigrid.budget import Budget
from keras_multigrid.progress import say
from keras_multigrid.recipes import RECIPES, Recipe
from keras_multigrid.recipes.renamed import with_present_names
from keras_multigrid.runs.process import leaving_upon_sigterm
from keras_multigrid.runs.run_folder import check_empty, differences, locked
from keras_multigrid.stored import DamagedFile, make, read_json
from keras_multigrid.tuning.hypermodel import MultigridHyperModel
from keras_multigrid.tuning.oracles import ORACLES
from keras_multigrid.tuning.report import read_results, write_report
from keras_multigrid.tuning.space import SearchSpace
from keras_multigrid.tuning.tuner import TRIALS, lead, work
from keras_multigrid.tuning.workers import CHIEF, address, own_role, run_workers
from keras_multigrid.whole_files import write_json

SEARCH = "search.json"
SEARCH_KINDS = {"recipe": dict, "space": dict, "budget": dict | None}
SEARCH_REMEDY = "restore it from a copy, or name another folder with --output"
# Between the parts of a search.
MAY_CHANGE = ("trials", "data_dir", "checkpoint_seconds", "on_error")


@dataclasses.dataclass(frozen=True)
class Search:
    """What is asked for; see `tune`."""

    recipe: Recipe
    space: SearchSpace
    budget: Budget | None
    tuner: str
    trials: int
    objective: str

    def __post_init__(self):
        if self.tuner not in ORACLES:
            raise ValueError(
                f"There is no tuner {self.tuner!r}; expected one of {', '.join(ORACLES)}."
            )
        checks.positive_integers(trials=self.trials)
        metrics = ["loss", *(metric.name for metric in self.recipe.metrics())]
        if self.objective not in metrics:
            raise ValueError(
                f"{self.recipe.NAME} has no objective {self.objective!r}; expected one of "
                f"{', '.join(metrics)}."
            )

    @property
    def direction(self):
        return "min" if self.objective.endswith(("loss", "error")) else "max"

    @functools.cached_property
    def hypermodel(self):
        """The `MultigridHyperModel` of the recipe's network."""
        arguments = self.recipe.network_arguments()
        return MultigridHyperModel(self.recipe.model, self.space, self.budget, **arguments)

    def recipe_of(self, settings):
        """Returns the recipe of a candidate's settings."""
        return dataclasses.replace(self.recipe, **settings)

    def as_json(self):
        """Returns what `search.json` holds."""
        asked = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        asked["recipe"] = {"name": self.recipe.NAME, **dataclasses.asdict(self.recipe)}
        for name in ("space", "budget"):
            asked[name] = asked[name] and dataclasses.asdict(asked[name])
        return json.loads(json.dumps(asked))  # lists for tuples

    @classmethod
    def read(cls, folder, recipes=RECIPES):
        """Returns the search of a folder; `recipes` are classes by name."""
        path = folder / SEARCH
        asked = read_json(path, SEARCH_KINDS, SEARCH_REMEDY)
        if asked["space"].pop("depths", None):
            raise ValueError(
                f"{path} searches depths, which are called repeats now; name another folder with "
                "--output."
            )
        fields = with_present_names(asked["recipe"])
        recipe = recipes.get(fields.pop("name", None))
        if recipe is None:
            raise DamagedFile(path, "its recipe has no name that is known", SEARCH_REMEDY)
        parts = {"recipe": make(recipe, fields, path, SEARCH_REMEDY)}
        for name, kind in (("space", SearchSpace), ("budget", Budget)):
            parts[name] = asked[name] and make(kind, asked[name], path, SEARCH_REMEDY)
        return make(cls, {**asked, **parts}, path, SEARCH_REMEDY)


def tune(
    recipe,
    output=None,
    space=None,
    budget=None,
    tuner="bayesian",
    trials=20,
    objective=None,
    workers=1,
):
    """Searches the best candidate of a recipe; called again after an interruption, it continues.

    Candidates differ in what the `SearchSpace` has, by default the channel ratios; with a budget
    the width of each is solved for. Each is trained as the recipe says and scored on validation
    data: a part of the training data where the paper tests on all others.

    With `workers`, processes on this machine share the trials. Across machines, make the same call
    on each, with a folder that all see and KerasTuner's environment variables:
    `KERASTUNER_TUNER_ID` is `chief` on one and distinct on the others; the chief listens at
    `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT`, without encryption or password: use it in
    trusted networks only.

    Args:
        recipe: A `Recipe`.
        output: The search's folder; None is `runs/tune-` and the recipe's name. It gets `best.json`
            (a recipe file for `keras-multigrid train`), `ranking.md`, `pareto.png`, and a folder
            for each trial in `trials`.
        space: The `SearchSpace`.
        budget: A `Budget`, or None.
        tuner: `"bayesian"`, `"random"`, `"grid"`, or `"hyperband"`: many short trainings, the best
            of which are continued.
        trials: Number of trials; a finished search can be continued with more.
        objective: Name of a metric of the recipe, or `"loss"`; None is the recipe's.
        workers: Number of processes.

    Returns:
        A list of results, the best first and failed ones, without a score, last; None in workers on
        other machines.

    Raises:
        ValueError: If an argument is invalid, nothing fits the budget, or the folder is of another
            search.
        OSError: If another process works in the folder, or data are missing.

    Example:

    >>> import keras_multigrid as kmg
    >>> from keras_multigrid.recipes import MnistSegmentation
    >>> recipe = MnistSegmentation(**MnistSegmentation.SCALES["smoke"])  # "quick" learns more
    >>> budget = kmg.tuning.Budget(max_macs=6_000_000)
    >>> results = kmg.tuning.tune(recipe, "runs/ratios", budget=budget, trials=2)
    >>> results[0].settings["channel_ratios"], results[0].score  # the best
    """
    checks.instances(Recipe, recipe=recipe)
    checks.optional(checks.paths, output=output)
    checks.optional(functools.partial(checks.instances, SearchSpace), space=space)
    checks.optional(functools.partial(checks.instances, Budget), budget=budget)
    checks.texts(tuner=tuner)
    checks.positive_integers(workers=workers)
    checks.optional(checks.texts, objective=objective)
    output = pathlib.Path(output or pathlib.Path("runs", f"tune-{recipe.NAME}"))
    recipe = recipe.settled()
    recipe.check_data()
    objective, space = objective or recipe.OBJECTIVE, space or SearchSpace()
    search = Search(recipe, space, budget, tuner, trials, objective)
    if workers > 1 and RECIPES.get(recipe.NAME) is not type(recipe):
        name = type(recipe).__name__
        raise ValueError(f"{name} is not a recipe of this package; give workers=1.")
    role = own_role()
    if role is not None and workers > 1:
        raise ValueError(f"workers is {workers}, but this process is {role!r}; give workers=1.")
    with leaving_upon_sigterm():
        if role not in (None, CHIEF):
            say(f"{role} works in {output}, for the chief at {address()}")
            while not (output / SEARCH).exists():
                time.sleep(1)
            check_search(output, search)
            return work(search, output)
        with locked(output):
            claim_search(output, search)
            _ = search.hypermodel  # what is wrong is an error before all the work
            for split in recipe.tuning_splits():  # and data are prepared once
                recipe.load(split, 1)
            if role == CHIEF:
                lead(search, output)
            elif workers > 1:
                run_workers(output, workers)
            else:
                work(search, output)
            results = read_results(output / TRIALS, search.direction)
            if not results:
                raise OSError(f"{output} has no results; give workers a folder that all can see.")
            write_report(output, search, results)
            return results


def claim_search(folder, search):
    """Writes a search into a folder; a `ValueError` if the folder is of something else."""
    path = folder / SEARCH
    if path.exists():
        check_search(folder, search)
    else:
        check_empty(folder, path, "search")
    write_json(path, search.as_json())


def check_search(folder, search):
    """Raises a `ValueError` if a folder is of another search."""
    recipes = {**RECIPES, search.recipe.NAME: type(search.recipe)}
    before, now = _flat(Search.read(folder, recipes).as_json()), _flat(search.as_json())
    changes = differences(before, now, MAY_CHANGE)
    if changes:
        raise ValueError(
            f"{folder} is of another search ({'; '.join(changes)}); give the same to continue, or "
            "name another folder with --output."
        )


def _flat(asked):
    """Returns nested dictionaries as one."""
    groups = {name: value for name, value in asked.items() if isinstance(value, dict)}
    flat = {name: value for name, value in asked.items() if name not in groups}
    for name, group in groups.items():
        flat |= {f"{name}.{inner}": value for inner, value in group.items()}
    return flat
