"""A training in two processes of JAX, of which one is killed: FOLDER KILLED.

Forked, the processes need not import everything once more.
"""

import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time

import keras
import numpy as np
import tensorflow  # noqa: F401

from keras_multigrid import cli, recipes  # noqa: F401
from tests.cheaper import drawing_once, painting_nothing
from tests.processes import free_port

SETTINGS = {
    "model": "SG-11",
    "width_multiplier": 0.05,
    "repeats": 1,
    "batch_size": 4,
    "steps_per_epoch": 2,
    "epochs": 2,
    "validation": "false",
    "checkpoint_seconds": 0,
}


class SlowHistory(keras.callbacks.History):
    seconds = 0.0  # between the steps, to be killed

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def train(folder, options, seconds, output):
    """Gives the command, with what it prints in two files."""
    for descriptor, kind in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{output}.{kind}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    keras.callbacks.History, SlowHistory.seconds = SlowHistory, seconds
    command = ["train", "mnist_segmentation", "--scale", "smoke", "--output", str(folder)]
    for key, value in SETTINGS.items():
        command += ["--set", f"{key}={value}"]
    with drawing_once(), painting_nothing():
        sys.exit(cli.main([*command, *options]))


def start(folder, options=(), seconds=0.0, output="alone"):
    arguments = (folder, options, seconds, folder.with_name(output))
    process = multiprocessing.get_context("fork").Process(target=train, args=arguments)
    process.start()
    return process


def start_both(folder, seconds):
    several = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--process"]
    return [start(folder, [*several, str(n)], seconds, f"process{n}") for n in (0, 1)]


def end(process, seconds=300):
    process.join(seconds)
    return process.exitcode


def said(folder, process, kind="out"):
    return (folder / f"process{process}.{kind}").read_text()


def losses(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def main(folder, killed):
    together, alone = folder / "together", folder / "alone"
    processes = start_both(together, seconds=0.5)
    try:
        while not list(together.glob("checkpoints/checkpoint-*.npz")):
            assert all(process.is_alive() for process in processes), said(folder, 0, "err")
            time.sleep(0.05)
        processes[killed].kill()
        status = end(processes[1 - killed])
        # Where process 0 is gone JAX may end the other before we can.
        assert status == 1 or (killed == 0 and status == -signal.SIGABRT)
        if status == 1:
            errors = said(folder, 1 - killed, "err")
            assert "Another process has ended" in errors and "Traceback" not in errors
        assert not (together / "model.keras").exists()
        processes = start_both(together, seconds=0.0)
        assert [*map(end, processes)] == [0, 0], said(folder, 0, "err")
    finally:
        for process in processes:
            process.kill()
    assert "Continues at" in said(folder, 0)
    assert "Written to" in said(folder, 0) and "Written to" not in said(folder, 1)
    assert end(start(alone)) == 0
    np.testing.assert_allclose(losses(together), losses(alone), rtol=1e-5)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
