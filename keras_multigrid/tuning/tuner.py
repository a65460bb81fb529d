"""KerasTuner's loop over trials, in which each is a run in a folder of its own."""

import contextlib
import io
import shutil
import threading
import time

import grpc
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus

from keras_multigrid.progress import say
from keras_multigrid.runs.process import hide_retracing
from keras_multigrid.runs.run_folder import CHECKPOINTS, is_locked, locked
from keras_multigrid.tuning.oracles import make_oracle
from keras_multigrid.tuning.report import describe, read_results
from keras_multigrid.tuning.trial import Result, run_trial, write_result
from keras_multigrid.tuning.workers import address, check_address

TRIALS = "trials"


def work(search, output):
    """Runs trials until none is left."""
    hide_retracing()
    try:
        CandidateTuner(search, output).search()
    except grpc.RpcError as error:
        raise ConnectionError(
            f"The chief at {address()} does not answer ({error.code().name}); the same command "
            "continues when it does."
        ) from error


def lead(search, output):
    """Gives trials to workers until all are done."""
    check_address()
    tuner = CandidateTuner(search, output)
    # KerasTuner's own loop would wait forever for a worker that died.
    server = threading.Thread(target=tuner.search, daemon=True)
    server.start()
    with without_keras_tuners_prints():
        while not tuner.oracle.is_over():
            if not server.is_alive():
                raise OSError(f"The chief cannot listen at {address()}; it says why above.")
            time.sleep(0.5)


def without_keras_tuners_prints():
    """Hides what KerasTuner prints of each condition that it sends (1.4.8)."""
    return contextlib.redirect_stdout(io.StringIO())


class CandidateTuner(BaseTuner):
    """KerasTuner's loop over trials, each trained in its own folder."""

    def __init__(self, search, output):
        self.asked_for, self.trials_folder = search, output / TRIALS
        self._asked = 0.0
        self._lock = contextlib.ExitStack()
        oracle = make_oracle(
            search.tuner,
            search.objective,
            search.direction,
            search.trials,
            search.recipe.epochs,
            search.recipe.seed,
            output,
            self.trials_folder,
        )
        super().__init__(oracle, search.hypermodel(), output.parent, output.name)

    def _populate_initial_space(self):
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)  # all, without building a network
        self.oracle.update_space(space)

    def save(self):
        """Leaves it to the oracle."""

    def on_trial_end(self, trial):
        with without_keras_tuners_prints():
            super().on_trial_end(trial)
        self._lock.close()

    def pre_create_trial(self):
        """Lets a worker that waits ask once in a second."""
        time.sleep(max(0.0, self._asked + 1 - time.monotonic()))
        self._asked = time.monotonic()

    def _try_run_and_update_trial(self, trial):
        """Runs a trial; KerasTuner's own would print every failure's traceback."""
        objective, folder = self.asked_for.objective, self.trials_folder / trial.trial_id
        while is_locked(folder):  # by a worker that was taken for dead
            time.sleep(1)
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(folder))
            result = self._run(trial, folder)
            self._lock = stack.pop_all()  # until the oracle knows: whoever works holds its lock
        if self.asked_for.tuner != "hyperband":  # which goes on from them
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        if result.failure is not None:
            trial.status = TrialStatus.FAILED
            say(f"trial {trial.trial_id} failed: {result.failure}")
            return
        self.oracle.update_trial(trial.trial_id, {objective: result.score})
        trial.status = TrialStatus.COMPLETED
        finished = read_results(self.trials_folder, self.asked_for.direction)
        best = f"best of {len(finished)}: {finished[0].score:.4f}, trial {finished[0].trial}"
        took = f"in {result.seconds:.0f} s"
        say(f"trial {trial.trial_id}: {objective} {result.score:.4f} {took}; {best}")

    def _run(self, trial, folder):
        search, values = self.asked_for, trial.hyperparameters.values
        try:
            candidate = self.hypermodel.candidate(trial.hyperparameters)
        except ValueError as error:  # nothing fits the budget
            chosen = {
                name: value
                for name, value in values.items()
                if name != "network" and not name.startswith("tuner/")
            }
            failed = Result(trial=folder.name, settings=chosen, failure=str(error))
            return write_result(folder, failed)
        say(f"trial {trial.trial_id} of {search.trials}: {describe(candidate)}")
        before = values.get("tuner/trial_id")
        return run_trial(
            search.recipe_of(candidate.settings()),
            candidate,
            folder,
            values.get("tuner/epochs", search.recipe.epochs),
            search.objective,
            before and self.trials_folder / before,
        )
