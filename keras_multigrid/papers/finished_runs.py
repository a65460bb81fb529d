"""The finished runs in folders, to be shown together."""

import dataclasses
import pathlib

from keras_multigrid.runs.run_folder import LOG, MODEL, RECIPE, RESULTS, read_recipe
from keras_multigrid.runs.trained import read_network, read_results
from keras_multigrid.training.json_lines import read_json_lines


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run's folder, its recipe, and what its `metrics.json` holds."""

    folder: pathlib.Path
    recipe: object
    metrics: dict

    @property
    def samples(self):
        """Number of samples that it was trained on."""
        return self.metrics["epochs"] * self.recipe.steps_per_epoch * self.recipe.batch_size

    def model(self):
        """Returns the trained network."""
        return read_network(self.folder, self.recipe.model)

    def log(self):
        """Returns the metrics of each epoch."""
        return read_json_lines(self.folder / LOG)


class FinishedRuns:
    """The finished runs in folders, at any depth; of equal ones the longest trained."""

    def __init__(self, folders, data_dir=None):
        self.runs = []
        for path in sorted(path for folder in folders for path in folder.rglob(RESULTS)):
            if not all((path.parent / name).exists() for name in (RECIPE, MODEL, LOG)):
                continue  # of something else than a run
            metrics = read_results(path)
            recipe = read_recipe(path.parent, data_dir)
            self.runs.append(FinishedRun(path.parent, recipe, metrics))
        self.runs.sort(key=lambda each: each.samples)

    def of(self, recipe_class, networks=None, **fields):
        """Returns runs by their networks, in the order of `networks`; None is any, by name.

        All are of one source of digits, that of the longest training.
        """
        found = {
            each.recipe.model: each
            for each in self.runs
            if type(each.recipe) is recipe_class
            and all(getattr(each.recipe, name) == value for name, value in fields.items())
        }
        networks = sorted(found) if networks is None else networks
        found = {network: found[network] for network in networks if network in found}
        longest = max(found.values(), key=lambda each: each.samples, default=None)
        return {
            network: each
            for network, each in found.items()
            if each.recipe.source == longest.recipe.source
        }
