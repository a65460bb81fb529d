"""The log of epochs has no gaps and no repetitions."""

import json

import keras
import numpy as np
import pytest

from keras_multigrid.training import JsonLines
from tests.training.small_run import At, Killed, kill, terminate
from tests.training.test_resumable_fit import EPOCHS, STEPS, batches, build, fit

INTERRUPTIONS = [  # the moment, how, and the seconds between checkpoints
    (("train", 1, 1), kill, 0.0),
    (("train", 1, 2), terminate, 60.0),
    (("test", 1, 0), kill, 60.0),
    (("test", 1, 1), terminate, 60.0),
    (("epoch", 1, None), kill, 60.0),  # its line is written, but not in a checkpoint
    (("end", None, None), kill, 60.0),
]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_an_epoch_says_what_it_gave(tmp_path):
    path = tmp_path / "log.jsonl"
    _, history = fit(tmp_path, JsonLines(path), validation_data=batches(99).take(2))
    for epoch, line in enumerate(lines(path)):
        assert line.pop("seconds") >= 0
        assert line == {
            "epoch": epoch + 1,
            "step": (epoch + 1) * STEPS,
            "loss": history.history["loss"][epoch],
            "val_loss": history.history["val_loss"][epoch],
            "learning_rate": np.float32(0.01),
        }
    assert len(lines(path)) == EPOCHS


def test_a_log_with_interruptions_is_as_one_without(tmp_path):
    path = tmp_path / "log.jsonl"
    data = {"validation_data": batches(99).take(2)}
    fit(tmp_path / "whole", JsonLines(tmp_path / "whole.jsonl"), At(), **data)
    for moment, action, seconds in INTERRUPTIONS:
        with pytest.raises((Killed, SystemExit)):
            fit(tmp_path, JsonLines(path), At(moment, action), checkpoint_seconds=seconds, **data)
    for _ in range(2):
        fit(tmp_path, JsonLines(path), At(), **data)
        found, whole = lines(path), lines(tmp_path / "whole.jsonl")
        seconds = [line.pop("seconds") for line in found]
        assert seconds == sorted(seconds)
        for line in whole:
            del line["seconds"]
        assert found == whole


def test_half_a_line_is_replaced(tmp_path):
    path = tmp_path / "log.jsonl"
    fit(tmp_path, JsonLines(path), epochs=1)
    with open(path, "a") as file:
        file.write('{"epoch": 2, "st')
    fit(tmp_path, JsonLines(path), epochs=2)
    assert [line["epoch"] for line in lines(path)] == [1, 2]


def test_without_resumable_fit_each_run_appends(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl")
    model = build(optimizer=keras.optimizers.SGD(0.5))
    for _ in range(2):
        model.fit(batches(0), steps_per_epoch=1, callbacks=[log], verbose=0)
    assert [line["epoch"] for line in lines(log.path)] == [1, 1]
    assert lines(log.path)[0]["learning_rate"] == 0.5
