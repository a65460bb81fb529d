"""What callbacks keep on the disk is after interruptions as it would be without."""

import csv
import os

import h5py
import keras
import numpy as np
import pytest

from keras_multigrid.training import load_checkpoint, save_checkpoint
from tests.training.small_run import At, Killed, kill, terminate
from tests.training.test_resumable_fit import batches, fit


class Lines(keras.callbacks.Callback):
    """Opens a file anew, writes a header, and a line for each step, which it does not flush."""

    def __init__(self, path, mode="w"):
        super().__init__()
        self.path, self.mode, self.file = path, mode, None

    def on_train_begin(self, logs=None):
        self.file = open(self.path, self.mode)  # noqa: SIM115
        self.write("step,loss")

    def on_train_batch_end(self, batch, logs=None):
        self.write(f"{batch},{logs['loss']!r}")

    def on_train_end(self, logs=None):
        self.file.close()

    def write(self, line):
        self.file.write(line.encode() + b"\n" if "b" in self.mode else f"{line}\n")


class OwnCSVLogger(keras.callbacks.CSVLogger):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**logs, "square": epoch**2})


def every_second_step(path):
    return keras.callbacks.ModelCheckpoint(
        path.with_name("{epoch}-{batch}.weights.h5"), save_freq=2, save_weights_only=True
    )


def best(path):
    return keras.callbacks.ModelCheckpoint(
        path.with_name("best.weights.h5"), "loss", save_best_only=True, save_weights_only=True
    )


CALLBACKS = {
    "CSVLogger": keras.callbacks.CSVLogger,
    "CSVLogger that appends": lambda path: keras.callbacks.CSVLogger(path, append=True),
    "CSVLogger of one's own": OwnCSVLogger,
    "lines of text": Lines,
    "lines of bytes": lambda path: Lines(path, "wb"),
    "ModelCheckpoint of steps": every_second_step,
    "ModelCheckpoint of the best": best,
}
# Where a training is ended, one after the other, and how often it saves by itself.
ENDS = [
    (("train", 0, 2), kill, 60.0),  # before anything was saved
    (("train", 1, 2), kill, 0.0),
    (("test", 1, 0), kill, 60.0),
    (("epoch", 1, None), kill, 60.0),
    (("train", 2, 1), terminate, 60.0),
]


def files(folder):
    """Returns what is in the files of callbacks, by callback and file."""
    paths = [path for name in CALLBACKS for path in (folder / name).glob("*")]
    return {f"{path.parent.name}: {path.name}": contents(path) for path in paths}


def contents(path):
    if path.suffix != ".h5":
        return path.read_text()
    arrays = []
    with h5py.File(path) as file:
        file.visititems(lambda _, each: arrays.append(np.array(each).tolist()))
    return arrays


def train(folder, names=tuple(CALLBACKS), at=None, **options):
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    callbacks = [CALLBACKS[name](folder / name / "log.csv") for name in names]
    data = batches(99).take(2)
    try:
        fit(folder / "checkpoints", *callbacks, at or At(), validation_data=data, **options)
    except (Killed, SystemExit):
        # What a killed process has not written is lost, and not written when it is collected.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for value in (value for callback in callbacks for value in vars(callback).values()):
            if hasattr(value, "fileno") and not value.closed:
                os.dup2(nowhere, value.fileno())
        os.close(nowhere)
        return
    assert at is None, "it was not interrupted"


def test_files_are_as_without_interruptions(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(whole)
    for moment, action, seconds in ENDS:
        train(parts, at=At(moment, action), checkpoint_seconds=seconds)
    for _ in ("continued", "finished before"):
        train(parts)
        found, expected = files(parts), files(whole)
        assert found.keys() == expected.keys() and len(expected) >= len(CALLBACKS)
        for file in expected:
            assert found[file] == expected[file], file


def test_rows_of_an_earlier_training_stay(tmp_path):
    name = "CSVLogger that appends"
    (tmp_path / name).mkdir()
    path = tmp_path / name / "log.csv"
    path.write_text("epoch,loss,val_loss\n0,9,9\n")
    for moment, action, seconds in ENDS[1:3]:
        train(tmp_path, [name], At(moment, action), checkpoint_seconds=seconds)
    train(tmp_path, [name])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "0", "1", "2"]


def test_a_file_that_was_lost_comes_back(tmp_path):
    path = tmp_path / "lines of text" / "log.csv"
    train(tmp_path, ["lines of text"], At(*ENDS[1][:2]), checkpoint_seconds=0.0)
    path.unlink()
    train(tmp_path, ["lines of text"])
    steps = [line.partition(",")[0] for line in path.read_text().splitlines()]
    assert steps == ["step", *"012301230123"]


def test_backups_of_keras_are_refused(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(ValueError, match="BackupAndRestore is among the callbacks"):
        fit(tmp_path, backup)


@pytest.mark.parametrize(
    "notes, message",
    [
        ({"epoch": 1}, "checkpoint-000000300.npz is damaged: it has no 'step'; move it away"),
        ([], "checkpoint-000000300.npz is damaged: resumable_fit has not written it"),
        ({"of": "another program"}, "damaged: it has an unknown entry 'of'"),
        (
            {"epoch": "1", "step": 0, "stopped": False, "callbacks": [], "setup": {}},
            "epoch is '1', expected an integer",
        ),
    ],
)
def test_checkpoints_of_another_program_are_refused(notes, message, tmp_path):
    save_checkpoint(tmp_path, 300, {}, notes)
    with pytest.raises(ValueError, match=message):
        fit(tmp_path)


@pytest.mark.parametrize("name", ["checkpoint-abc.npz", "checkpoint-000000004 (1).npz"])
def test_a_checkpoint_without_a_number_is_named_and_never_removed(name, tmp_path):
    path = save_checkpoint(tmp_path, 4, {}, {})
    path.rename(tmp_path / name)
    with pytest.raises(ValueError, match=r"has no number in its name; rename it .* or move"):
        fit(tmp_path)
    for number in (5, 6, 7):
        save_checkpoint(tmp_path, number, {}, {})
    assert (tmp_path / name).exists() and len([*tmp_path.iterdir()]) == 3


def test_numbers_are_ordered_as_numbers(tmp_path):
    path = save_checkpoint(tmp_path, 9, {}, "ninth")
    path.rename(tmp_path / "checkpoint-9.npz")
    save_checkpoint(tmp_path, 10, {}, "tenth")
    assert load_checkpoint(tmp_path)[2] == "tenth"
