"""A log of one JSON object per epoch, without gaps or repetitions after interruptions."""

import json
import os
import time

import keras

from keras_multigrid import checks
from keras_multigrid.stored import DamagedFile, check, parse_json

LOG_REMEDY = "restore it from a copy, or train in another folder"


def read_json_lines(path):
    """Returns the metrics of each epoch, a list of dictionaries, from a log of `JsonLines`.

    Raises:
        DamagedFile: If it is damaged, or lacks an epoch.
    """
    lines = path.read_bytes().splitlines()
    log = [parse_json(line, {}, path, LOG_REMEDY) for line in lines]
    if not log:
        raise DamagedFile(path, "it is empty", LOG_REMEDY)
    for number, line in enumerate(log, 1):
        check(line, dict.fromkeys(line, float), path, LOG_REMEDY)
        if line["epoch"] != number:
            what = f"its line {number} is of epoch {line['epoch']}"
            raise DamagedFile(path, what, LOG_REMEDY)
    return log


class JsonLines(keras.callbacks.Callback):
    """Appends the metrics of each epoch to a file, one JSON object a line.

    `resumable_fit` replaces lines that an interrupted run wrote after its last checkpoint.

    Args:
        path: The file.

    Example:

    >>> import keras_multigrid as kmg
    >>> log = kmg.training.JsonLines("metrics.jsonl")
    """

    def __init__(self, path):
        checks.paths(path=path)
        super().__init__()
        self.path = path
        self.length = 0  # bytes of the file that this run has written
        self.seconds = 0.0
        self.rate = None
        self._stopwatch = _Stopwatch()

    def on_train_begin(self, logs=None):
        self._stopwatch.lap()

    def on_epoch_begin(self, epoch, logs=None):
        self.rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def on_train_batch_end(self, batch, logs=None):
        self.seconds += self._stopwatch.lap()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += self._stopwatch.lap()
        line = {
            "epoch": epoch + 1,
            "step": (epoch + 1) * self.params["steps"],
            "seconds": round(self.seconds, 1),
            **{name: float(value) for name, value in (logs or {}).items()},
            "learning_rate": self.rate,
        }
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.truncate(min(self.length, os.path.getsize(self.path)))
            file.seek(0, os.SEEK_END)
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())  # no later than the checkpoint that counts on it
            self.length = file.tell()


class _Stopwatch:
    last = 0.0

    def lap(self):
        """Returns the seconds since the last lap."""
        before, self.last = self.last, time.monotonic()
        return self.last - before
