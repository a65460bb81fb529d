"""A search with stand-ins for trainings, as a process: FOLDER SECONDS_A_TRIAL TRIALS.

Each trial notes its begin in the file `begun`. What is dead is noticed sooner than usual.
"""

import pathlib
import sys
import time

import pytest

from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.tuning import SearchSpace, oracles, tune, tuner
from keras_multigrid.tuning.trial import RESULT, Result, read_result, write_result

RECIPE = MnistSegmentation(**{**MnistSegmentation.SCALES["smoke"], "model": "SG-11"})
SPACE = SearchSpace(widths=(0.05, 0.06, 0.07, 0.08, 0.09, 0.1))


def search(folder, seconds, trials, patch):
    """Searches in a folder, with stand-ins that are set by a `pytest.MonkeyPatch`."""

    def run_trial(recipe, candidate, trial_folder, epochs, objective, before=None):
        if (trial_folder / RESULT).exists():
            return read_result(trial_folder / RESULT)
        with open(folder.parent / "begun", "a") as begun:
            begun.write(f"{trial_folder.name}\n")
        time.sleep(seconds)
        result = Result(
            trial=trial_folder.name,
            settings=candidate.settings(),
            score=candidate.width_multiplier,
            seconds=seconds,
            epochs=epochs,
            trainable_params=candidate.count.trainable_params,
            macs=candidate.count.macs,
        )
        return write_result(trial_folder, result)

    patch.setattr(oracles, "SILENT_SECONDS", 3)
    patch.setattr(tuner, "run_trial", run_trial)
    patch.setattr(MnistSegmentation, "load", lambda *_, **__: [None])
    tune(RECIPE, folder, SPACE, tuner="grid", trials=trials)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        search(pathlib.Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), patch)
