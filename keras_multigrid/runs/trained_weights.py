"""The weights in a run's folder: of its end, or of its last good checkpoint."""

from typing import NamedTuple

from keras_multigrid.applications.weight_files import read_weights, variables_by_name
from keras_multigrid.runs.run_folder import CHECKPOINTS, MODEL, read_recipe
from keras_multigrid.training import load_checkpoint


class TrainedWeights(NamedTuple):
    """What a run has trained so far.

    Attributes:
        recipe: Its `Recipe`.
        arrays: Dictionary of arrays by name, as of `read_weights`.
        step: Steps trained.
        finished: Whether that is the end.
    """

    recipe: object
    arrays: dict
    step: int
    finished: bool


def trained_weights(folder, data_dir=None):
    """Returns the `TrainedWeights` of a run's folder.

    Args:
        folder: Path of the folder.
        data_dir: Where the data are now, if elsewhere.

    Raises:
        ValueError: If it is not the folder of a run, or nothing was saved in it yet.
    """
    recipe = read_recipe(folder, data_dir)
    steps = recipe.epochs * recipe.steps_per_epoch
    if (folder / MODEL).exists():
        return TrainedWeights(recipe, read_weights(folder / MODEL), steps, finished=True)
    saved = load_checkpoint(folder / CHECKPOINTS)
    if saved is None:
        raise ValueError(f"{folder} has neither {MODEL} nor a whole checkpoint yet.")
    step, saved, _ = saved
    # A checkpoint has the variables by number, in the order of the model's.
    model = recipe.build_network()
    numbers = {id(variable): number for number, variable in enumerate(model.variables)}
    arrays = {
        name: saved[f"model/{numbers[id(variable)]}"]
        for name, variable in variables_by_name(model).items()
    }
    for name, variable in variables_by_name(model).items():
        if arrays[name].shape != tuple(variable.shape):
            raise ValueError(
                f"The checkpoint in {folder} is not of its {model.name}: {name} has the shape "
                f"{arrays[name].shape} there and {tuple(variable.shape)} here."
            )
    # A moving average replaces the weights after the last checkpoint only.
    return TrainedWeights(recipe, arrays, step, finished=step >= steps and not recipe.ema)
