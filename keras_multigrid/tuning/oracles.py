"""KerasTuner's oracles, which propose what to try, made to survive what happens to processes."""

import itertools
import math
import pathlib
import time
import warnings

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from sklearn.exceptions import ConvergenceWarning

from keras_multigrid.runs.run_folder import is_locked
from keras_multigrid.stored import DamagedFile, check, read_json
from keras_multigrid.whole_files import write_json

REMEDY = "restore it from a copy, or name another folder with --output"
TRIAL_KINDS = {
    "trial_id": str,
    "hyperparameters": dict,
    "metrics": dict,
    "score": float | None,
    "best_step": int | None,
    "status": str,
    "message": str | None,
}
SILENT_SECONDS = 20  # without a sign of life a worker is dead; live ones ask, or lock a folder


class Survival:
    """What an oracle lacks to go on after any process was killed at any time.

    Its state is one file, which is whole or not there; KerasTuner writes several, in between which
    finished trials would be forgotten. The trial of a worker that died is given to another. The
    first trial is the network's own settings, and none is given twice.

    Args:
        folder: Path of the folder of `oracle.json`.
        trials_folder: Path of the folders that workers lock, one per trial.
        **options: Those of the KerasTuner oracle.
    """

    def __init__(self, folder, trials_folder, **options):
        super().__init__(**options)
        self.verbose = 0  # the tuner shows more
        self._max_collisions = 1000  # draws before a space counts as exhausted
        self.trials_folder = trials_folder
        self._file = pathlib.Path(folder, "oracle.json")
        self._may_save = True
        self._has_stopped = False
        self._last_heard = {}  # from each worker
        if self._file.exists():
            self.reload()

    def get_state(self):
        trials = {number: trial.get_state() for number, trial in self.trials.items()}
        return {**super().get_state(), "trials": trials}

    def set_state(self, state):
        self.trials = {number: Trial.from_state(trial) for number, trial in state["trials"].items()}
        super().set_state(state)

    def save(self):
        if self._may_save:
            write_json(self._file, self.get_state())

    def reload(self):
        state = read_json(self._file, {"trials": dict[str, dict]}, REMEDY)
        kinds = {name: _kind(value) for name, value in self.get_state().items()}  # of a new search
        check(state, kinds, self._file, REMEDY)
        for number, trial in state["trials"].items():
            check(trial, TRIAL_KINDS, self._file, REMEDY)
            if trial["trial_id"] != number:
                what = f"trial {number} has the trial_id {trial['trial_id']!r}"
                raise DamagedFile(self._file, what, REMEDY)
        for name in ("start_order", "end_order", "retry_queue"):
            unknown = [number for number in state[name] if number not in state["trials"]]
            if unknown:
                raise DamagedFile(self._file, f"{name} has no trial {unknown[0]!r}", REMEDY)
        try:
            self.set_state(state)
        except DamagedFile:
            raise
        except Exception as error:  # KerasTuner checks nothing
            what = f"KerasTuner cannot read it ({type(error).__name__})"
            raise DamagedFile(self._file, what, REMEDY) from error
        self._last_heard = dict.fromkeys(self.ongoing_trials, time.monotonic())

    def _save_trial(self, trial):
        """Leaves the files of single trials out: all are in the one of the oracle."""

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        self._last_heard[tuner_id] = time.monotonic()
        self._give_up_silent_workers(tuner_id)
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.STOPPED:
            if self.ongoing_trials:  # one of which may be given to this worker yet
                self.tuner_ids.add(tuner_id)
                trial.status = TrialStatus.IDLE
            self._has_stopped = not self.ongoing_trials
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial):
        for worker, ongoing in self.ongoing_trials.items():
            if ongoing.trial_id == trial.trial_id:
                self._last_heard[worker] = time.monotonic()
        # On their way between processes the values were rounded.
        trial.hyperparameters = self.trials[trial.trial_id].hyperparameters
        self._may_save = False  # until the trial is off the list of ongoing ones
        super().end_trial(trial)
        self._may_save = True
        self.save()

    @keras_tuner.synchronized
    def is_over(self):
        """Returns whether nothing is left to do, and every worker knows, or is dead."""
        if self._has_stopped:
            self._give_up_silent_workers(None)
        return self._has_stopped and not self.ongoing_trials and not self.tuner_ids

    def populate_space(self, trial_id):
        response = super().populate_space(trial_id)
        if response["status"] == TrialStatus.RUNNING and self._duplicate(response["values"]):
            values = self._random_values()  # Bayesian optimization would repeat itself
            if values is None:
                return {"status": TrialStatus.STOPPED, "values": None}
            response["values"] = values
        return response

    def _random_values(self):
        if self.start_order:
            return super()._random_values()
        space = self.get_space()
        return {hp.name: hp.default for hp in space.space if space.is_active(hp)}

    def _give_up_silent_workers(self, asking):
        """Forgets workers that died, and leaves their trials to others."""
        for worker in sorted({*self.tuner_ids, *self.ongoing_trials} - {asking}):
            trial = self.ongoing_trials.get(worker)
            is_silent = time.monotonic() - self._last_heard.get(worker, 0) > SILENT_SECONDS
            if not is_silent or (trial and is_locked(self.trials_folder / trial.trial_id)):
                continue
            self.tuner_ids.discard(worker)
            if trial:
                del self.ongoing_trials[worker]
                self._retry_queue.append(trial.trial_id)


def _kind(value):
    """Returns the type hint for values such as one."""
    kinds = {float: int | float, dict: dict, list: list}
    return next((kind for kind in kinds if isinstance(value, kinds[kind])), object)


class Random(Survival, keras_tuner.oracles.RandomSearchOracle):
    """Random search."""


class Bayesian(Survival, keras_tuner.oracles.BayesianOptimizationOracle):
    """Bayesian optimization with a Gaussian process."""

    def populate_space(self, trial_id):
        # What KerasTuner draws would be other numbers after an interruption.
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        with warnings.catch_warnings():  # of a process fitted to few trials
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


class Grid(Survival, keras_tuner.Oracle):
    """All combinations, in order; KerasTuner's own forgets its place when it is interrupted."""

    def populate_space(self, trial_id):
        if not self.start_order:
            return {"status": TrialStatus.RUNNING, "values": self._random_values()}
        for values in self._combinations():
            if not self._duplicate(values):
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}

    def _combinations(self):
        space = self.get_space()
        for combination in itertools.product(*[hp.values for hp in space.space]):
            space.values = {hp.name: value for hp, value in zip(space.space, combination)}
            yield {hp.name: space.values[hp.name] for hp in space.space if space.is_active(hp)}


class Hyperband(Survival, keras_tuner.oracles.HyperbandOracle):
    """Hyperband: many short trainings, the best of which are continued."""

    def fit_into(self, trials):
        """Starts with the shortest trainings whose best are still continued to the end."""
        brackets = reversed(range(self._get_num_brackets()))
        start = next((each for each in brackets if self._trials_of(each) <= trials), 0)
        self.min_epochs = 0.99 * self.max_epochs / self.factor**start
        self._current_bracket, self._brackets = start, []
        self._start_new_bracket()

    def populate_space(self, trial_id):
        response = super().populate_space(trial_id)
        if response["status"] != TrialStatus.STOPPED:
            return response
        # Nothing new is left: go on with the best, if it is not at its end.
        before = {
            trial.hyperparameters.values.get("tuner/trial_id") for trial in self.trials.values()
        }
        ranked = self.get_best_trials(len(self.trials))
        best = next((trial for trial in ranked if trial.trial_id not in before), None)
        values = best.hyperparameters.values if best else {}
        if not best or best.score is None or values["tuner/epochs"] == self.max_epochs:
            return response
        longer = {
            "tuner/trial_id": best.trial_id,
            "tuner/initial_epoch": values["tuner/epochs"],
            "tuner/epochs": self.max_epochs,
        }
        return {"status": TrialStatus.RUNNING, "values": {**values, **longer}}

    def _trials_of(self, bracket):
        return sum(self._get_size(bracket, number) for number in range(bracket + 1))


ORACLES = {"hyperband": Hyperband, "bayesian": Bayesian, "random": Random, "grid": Grid}


def make_oracle(name, objective, direction, trials, epochs, seed, folder, trials_folder):
    """Returns an oracle.

    Args:
        name: A key of `ORACLES`.
        objective: Name of a metric.
        direction: `"min"` or `"max"`.
        trials: Number of trials, at most.
        epochs: Of a whole training; Hyperband has shorter ones.
        seed: Seed of what is drawn.
        folder: Path of the folder of the oracle's state.
        trials_folder: Path of the folder of the trials' folders.
    """
    options = {
        "objective": keras_tuner.Objective(objective, direction),
        "seed": seed + 1,  # 0 would be a random one
        "max_consecutive_failed_trials": math.inf,  # the search goes on
    }
    if name == "hyperband":
        options |= {"max_epochs": epochs, "hyperband_iterations": None}  # until `trials` are done
    if name == "bayesian":  # random ones; KerasTuner would take three for each hyperparameter
        options["num_initial_points"] = max(3, trials // 4)
    oracle = ORACLES[name](folder, trials_folder, **options)
    if name == "hyperband" and not oracle.start_order:
        oracle.fit_into(trials)
    oracle.max_trials = trials
    return oracle
