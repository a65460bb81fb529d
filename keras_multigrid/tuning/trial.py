"""One trial: the training of a candidate in a folder of its own, like any other run."""

import dataclasses
import gc
import math
import shutil

import keras

from keras_multigrid.progress import say
from keras_multigrid.runs.process import set_up
from keras_multigrid.runs.run_folder import CHECKPOINTS, LOG, claim
from keras_multigrid.runs.train import train
from keras_multigrid.stored import DamagedFile, make, read_json, with_tuples
from keras_multigrid.training.json_lines import read_json_lines
from keras_multigrid.tuning.hypermodel import Candidate
from keras_multigrid.whole_files import whole, write_json

RESULT, ATTEMPT = "result.json", "attempt.json"
RESULT_REMEDY = "restore it from a copy, or remove its folder to leave the trial out of the ranking"
NEEDED = ("trainable_params", "macs", "epochs", "score", "seconds")  # unless it failed
MOST_DEATHS = 3  # of processes, without a checkpoint in between


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a trial; a failed one has a `failure` and no `score`."""

    trial: str
    settings: dict[str, float | tuple[float, ...] | None] = dataclasses.field(default_factory=dict)
    trainable_params: int | None = None
    macs: int | None = None
    epochs: int | None = None
    score: float | None = None
    metrics: dict[str, float] | None = None
    seconds: float | None = None
    failure: str | None = None


def run_trial(recipe, candidate, folder, epochs, objective, before=None):
    """Trains and scores a candidate; called again, it continues, or returns the finished result.

    Args:
        recipe: The candidate's `Recipe`.
        candidate: The `Candidate`.
        folder: Path of the trial's folder, named by its number.
        epochs: How far to train it.
        objective: Name of the metric that is the score.
        before: Folder of a shorter training of the same candidate, to go on from its checkpoint, or
            None.

    Returns:
        A `Result`. Whatever goes wrong in a trial is its failure, and not an error.

    Raises:
        OSError: If something cannot be read or written, for which the candidate is not to blame.
        DamagedFile: If a file of the trial is damaged.
    """
    if (folder / RESULT).exists():
        return read_result(folder / RESULT)
    folder.mkdir(parents=True, exist_ok=True)
    claim(folder, recipe)
    sizes = dataclasses.asdict(candidate.count)
    result = Result(trial=folder.name, settings=candidate.settings(), epochs=epochs, **sizes)
    try:
        metrics, seconds = _train(recipe, folder, epochs, objective, before)
        score = metrics[objective]
        if not math.isfinite(score):
            raise FloatingPointError(f"{objective} is {score}")
        result = dataclasses.replace(result, score=score, metrics=metrics, seconds=seconds)
    except (OSError, DamagedFile):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        result = dataclasses.replace(result, failure=reason)
    keras.backend.clear_session()  # here, where nothing holds the network any more
    gc.collect()
    write_result(folder, result)
    (folder / ATTEMPT).unlink(missing_ok=True)
    return result


def read_result(path):
    """Returns the `Result` in a file."""
    written = read_json(path, {"settings": dict}, RESULT_REMEDY)
    written["settings"] = with_tuples(written["settings"])
    result = make(Result, written, path, RESULT_REMEDY)
    if result.trial != path.parent.name:
        raise DamagedFile(path, f"it is of trial {result.trial!r}", RESULT_REMEDY)
    if result.failure is None:
        absent = [f"it has no {name!r}" for name in NEEDED if getattr(result, name) is None]
        settings = {field.name for field in dataclasses.fields(Candidate)} - {"count"}
        unknown = [f"{name!r} is not a setting" for name in result.settings if name not in settings]
        for what in absent + unknown:
            raise DamagedFile(path, what, RESULT_REMEDY)
    return result


def write_result(folder, result):
    """Writes a `Result` into its trial's folder, and returns it."""
    write_json(folder / RESULT, dataclasses.asdict(result))
    return result


def _train(recipe, folder, epochs, objective, before):
    """Returns the metrics on the data to choose by, and the seconds that the training took."""
    is_new = not (folder / CHECKPOINTS).exists()
    if is_new and before is not None and (before / CHECKPOINTS).exists():
        _copy(before, folder)
    _check_attempts(folder)
    splits = recipe.tuning_splits()

    def show_epoch(epoch, logs):
        names = [name for name in logs if name.removeprefix("val_") in ("loss", objective)]
        values = ", ".join(f"{name} {logs[name]:.4g}" for name in names)
        say(f"trial {folder.name}, epoch {epoch + 1} of {epochs}: {values}")

    progress = keras.callbacks.LambdaCallback(on_epoch_end=show_epoch)
    try:
        with set_up(recipe):
            model = train(recipe, folder, epochs, splits, [progress], verbose=0)
            last = read_json_lines(folder / LOG)[-1]
            if recipe.validation:
                marked = {name: value for name, value in last.items() if name.startswith("val_")}
                metrics = {name.removeprefix("val_"): value for name, value in marked.items()}
            else:
                metrics = recipe.evaluate(model, splits[1], verbose=0)
    except (KeyboardInterrupt, SystemExit, OSError, DamagedFile):
        (folder / ATTEMPT).unlink(missing_ok=True)  # saved and left in good order
        raise
    return {name: float(value) for name, value in metrics.items()}, last["seconds"]


def _check_attempts(folder):
    """Raises a `MemoryError` for a trial in which one process after the other died."""
    names = [path.name for path in (folder / CHECKPOINTS).glob("checkpoint-*.npz")]
    saved = max(names, default=None)
    deaths = 0
    if (folder / ATTEMPT).exists():  # nobody took it away
        kinds = {"deaths": int, "saved": str | None}
        last = read_json(folder / ATTEMPT, kinds, "remove it, and give the same command again")
        deaths = last["deaths"] + 1 if last["saved"] == saved else 0
    if deaths >= MOST_DEATHS:
        raise MemoryError(
            f"{deaths} processes were killed in this trial, one after the other; probably it takes "
            "more memory than there is"
        )
    write_json(folder / ATTEMPT, {"deaths": deaths, "saved": saved})


def _copy(before, folder):
    """Copies what a longer training needs of a shorter one; the checkpoints last, at once."""
    shutil.copy(before / LOG, folder / LOG)
    with whole(folder / CHECKPOINTS) as unfinished:
        shutil.copytree(before / CHECKPOINTS, unfinished)
