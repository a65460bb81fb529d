"""A small training with all that must survive, and programs that interrupt it.

python -m tests.training.small_run FOLDER [--kill MOMENT...] [--interrupt OPTIMIZER] [--eagerly]
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import pathlib
import signal
import time

import keras
import numpy as np

import keras_multigrid as kmg
from keras_multigrid.datasets.pipeline import Batching, index_batches
from tests.cheaper import leave_graphs_as_traced, running_eagerly

EPOCHS, STEPS, BATCH = 6, 5, 8
SAMPLES = 52  # 6 batches a pass: passes and epochs do not begin together


def batches(first_batch):
    """Endless reshuffled batches with noise of their own."""
    import tensorflow as tf

    def of_indices(indices, key):
        seeds = tf.stack([indices, tf.zeros_like(indices)], axis=1)
        images = tf.map_fn(
            lambda seed: tf.random.stateless_normal((8, 8, 1), seed),
            seeds,
            fn_output_signature=tf.float32,
        )
        noise = tf.random.stateless_normal((BATCH, 8, 8, 1), key, stddev=0.1)
        return images + noise, tf.reduce_mean(images, axis=(1, 2))

    numbers = index_batches(SAMPLES, Batching(BATCH, True, first_batch=first_batch))
    return numbers.map(of_indices)


def build(optimizer="adam", seed=1):
    keras.utils.set_random_seed(seed)
    images = keras.Input((8, 8, 1))
    pyramid = kmg.layers.ImagePyramid(2)(images)
    pyramid = kmg.layers.MultigridConv2D((4, 4))(pyramid)
    pyramid = kmg.layers.PerGrid(keras.layers.BatchNormalization())(pyramid)
    # On PyTorch dropout is exact only if it has a seed.
    seed = 3 if keras.backend.backend() == "torch" else None
    pyramid = kmg.layers.PerGrid(keras.layers.Dropout(0.3, seed=seed))(pyramid)
    pooled = [keras.layers.GlobalAveragePooling2D()(grid) for grid in pyramid]
    outputs = keras.layers.Dense(1, dtype="float32")(keras.layers.Concatenate()(pooled))
    model = keras.Model(images, outputs)
    model.compile(OPTIMIZERS[optimizer](), "mse", metrics=["mae"])
    return model


def adam():
    return keras.optimizers.Adam(0.02)


def with_all_else():
    """A schedule, moving averages, accumulation, and scales that change within the run."""
    schedule = kmg.schedules.StepwisePerEpoch(STEPS, boundaries=(1, 2), factor=0.5, start=0.2)
    sgd = kmg.optimizers.SGD(
        schedule, use_ema=True, ema_momentum=0.7, gradient_accumulation_steps=2
    )
    return keras.optimizers.LossScaleOptimizer(sgd, 2.0**127, dynamic_growth_steps=3)


OPTIMIZERS = {"adam": adam, "all else": with_all_else}


class Odd(keras.callbacks.Callback):
    """State of many kinds, that is at times as it was initially; rates that are multiplied."""

    def __init__(self):
        super().__init__()
        self.count, self.arrays = 0, {"none": None}

    def on_epoch_begin(self, epoch, logs=None):
        self.multiply(0.9)

    def on_train_batch_end(self, batch, logs=None):
        self.count = (self.count + 1) % 3
        self.arrays = {"sum": np.arange(2.0) * self.count, 3: (self.count, [None])}
        self.multiply(1 - self.count / 100)

    def multiply(self, factor):
        optimizer = self.model.optimizer
        if isinstance(optimizer, keras.optimizers.Adam):
            optimizer.learning_rate = optimizer.learning_rate * factor


class At(keras.callbacks.Callback):
    """Acts at a moment: (hook, epoch, batch), with None for what the hook has not."""

    def __init__(self, moment=None, action=None):
        super().__init__()
        self.moment, self.action = moment, action

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.act("train", batch)

    def on_test_batch_end(self, batch, logs=None):
        self.act("test", batch)

    def on_epoch_end(self, epoch, logs=None):
        self.act("epoch", None)

    def on_train_end(self, logs=None):
        self.epoch = None
        self.act("end", None)

    def act(self, kind, batch):
        if self.moment == (kind, self.epoch, batch):
            self.action()


class Killed(BaseException):
    """As `kill -9`: nothing is saved."""


def kill():
    raise Killed


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt():
    signal.raise_signal(signal.SIGINT)  # to this thread: two sent to a process may count as one


def run(folder, at=None, model=None, **options):
    """Trains and returns the model and the history; all that a checkpoint has is newly made."""
    folder = pathlib.Path(folder)
    # What continues starts with other weights and seeds, so that they must be restored.
    continues = any(folder.glob("checkpoints/*.npz"))  # or was killed before the first was whole
    model = model or build(seed=2 if continues else 1)
    callbacks = [
        kmg.training.JsonLines(folder / "log.jsonl"),
        Odd(),
        at or At(),
    ]
    if isinstance(model.optimizer, keras.optimizers.Adam):
        callbacks[:0] = [
            keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=0.02),
            keras.callbacks.EarlyStopping("val_loss", 0.0095, 1, restore_best_weights=True),
        ]
    validates = options.pop("validates", True)
    history = kmg.training.resumable_fit(
        model,
        batches,
        options.pop("epochs", EPOCHS),
        STEPS,
        folder / "checkpoints",
        validation_data=batches(10**3).take(2) if validates else None,
        callbacks=options.pop("callbacks", callbacks),
        verbose=0,
        **options,
    )
    return model, history


def digest(model, history):
    """Returns a digest of the weights, the optimizer's state, and the history."""
    variables = [*model.variables, *model.optimizer.variables]
    parts = [np.asarray(keras.ops.convert_to_numpy(variable)).tobytes() for variable in variables]
    parts.append(json.dumps([history.epoch, history.history]).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def log(folder):
    """Returns the lines of the log but for what no two runs have in common."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{**line, "seconds": None} for line in lines]


# Where a run is interrupted, one after the other, how, and how often it saves by itself.
INTERRUPTIONS = {
    "adam": [
        (("train", 0, 3), kill, 0.0),
        (("train", 1, 2), terminate, 60.0),
        (("test", 2, 0), kill, 60.0),
        (("epoch", 2, None), kill, 60.0),
        (("end", None, None), kill, 60.0),
    ],
    "all else": [(("train", 1, 1), terminate, 60.0)],
}


def check_interruptions(optimizer, folder):
    """Checks that a run with interruptions ends as one without."""
    keras.config.set_dtype_policy("float32" if optimizer == "adam" else "mixed_float16")
    model, history = run(folder / "whole", model=build(optimizer))
    scales = getattr(model.optimizer, "dynamic_scale", None)
    assert scales is None or 1 < float(scales) < 2.0**127, scales
    assert (len(history.epoch) < EPOCHS) == (optimizer == "adam"), history.history
    for moment, action, seconds in INTERRUPTIONS[optimizer]:
        begun = build(optimizer, seed=2 if (folder / "parts" / "checkpoints").exists() else 1)
        try:
            run(folder / "parts", At(moment, action), begun, checkpoint_seconds=seconds)
        except (Killed, SystemExit) as left:
            assert isinstance(left, Killed) or left.code == 0
        else:
            raise AssertionError(f"not interrupted at {moment}")
    for again in ("continued", "finished before")[: 2 if optimizer == "adam" else 1]:
        continued, its_history = run(folder / "parts", model=build(optimizer, seed=2))
        assert its_history.epoch == history.epoch, again
        assert its_history.history == history.history, (again, its_history.history)
        assert digest(continued, its_history) == digest(model, history), again
        assert log(folder / "parts") == log(folder / "whole"), again


class Slow(At):
    """Leaves time to be killed."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.2)


def train_slowly(folder):
    """What is killed: the process that the same command starts again."""
    be_deterministic()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digest").write_text(digest(*run(folder, Slow(), checkpoint_seconds=0.0)))


def check_kills(folder, moments):
    """Checks that a run killed at several moments ends as one that was not.

    Args:
        folder: An empty folder.
        moments: After how many more checkpoints to kill; 0 is while one is being written.
    """
    # Forked, a process need not import everything once more.
    context = multiprocessing.get_context("fork")
    whole, parts = folder / "whole", folder / "parts"

    def start(folder):
        process = context.Process(target=train_slowly, args=(folder,))
        process.start()
        return process

    def newest():
        paths = (parts / "checkpoints").glob("*.npz")
        return max((int(path.stem.rpartition("-")[2]) for path in paths), default=0)

    def wait(process, more):
        before = newest()
        while newest() < before + more if more else not any(parts.glob("*/unfinished.*")):
            assert process.is_alive(), "it ended before it was killed"
            time.sleep(0.003 if more else 0)

    uninterrupted = start(whole)
    for moment in moments:
        process = start(parts)
        wait(process, moment)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    process = start(parts)
    wait(process, 1)
    process.terminate()
    process.join()
    assert process.exitcode == 0
    assert not (parts / "digest").exists()
    for process in (uninterrupted, start(parts)):
        process.join()
        assert process.exitcode == 0
    assert (parts / "digest").read_text() == (whole / "digest").read_text()
    assert log(parts) == log(whole)
    assert not any(parts.glob("*/unfinished.*"))


def be_deterministic():
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--kill", nargs="*", type=int)
    parser.add_argument("--interrupt", choices=OPTIMIZERS)
    parser.add_argument("--eagerly", action="store_true", help="interrupts without graphs")
    options = parser.parse_args()
    if options.eagerly:
        leave_graphs_as_traced()
    if options.kill:
        check_kills(options.folder / "kills", options.kill)  # first: it forks
    if options.interrupt:
        be_deterministic()
        for part in ("whole", "parts"):
            (options.folder / "interruptions" / part).mkdir(parents=True)
        with running_eagerly() if options.eagerly else contextlib.nullcontext():
            check_interruptions(options.interrupt, options.folder / "interruptions")


if __name__ == "__main__":
    main()
