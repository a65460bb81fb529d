"""What a run costs beside bare training steps: checkpoints, logs, metrics, TensorBoard.

python tools/benchmark_run_overhead.py --batch-size 64 --steps 10 --rounds 8

One process trains two copies of PMG-11 in turns: blocks of a run with all that `run` does (but
validation), and blocks of a bare compiled `train_on_batch` loop on the same data, without metrics.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time

import keras

from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.recipes.optimization import make_optimizer
from keras_multigrid.runs.train import run_callbacks
from keras_multigrid.training import resumable_fit


class InTurns(keras.callbacks.Callback):
    """Runs a bare block before each epoch, and times both."""

    def __init__(self, bare_block):
        super().__init__()
        self.bare_block = bare_block
        self.bare, self.run = [], []
        self.started = None

    def on_epoch_begin(self, epoch, logs=None):
        self._stop()
        start = time.perf_counter()
        self.bare_block()
        self.started = time.perf_counter()
        self.bare.append(self.started - start)

    def on_train_end(self, logs=None):
        self._stop()

    def _stop(self):
        if self.started is not None:
            self.run.append(time.perf_counter() - self.started)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="PMG-11")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="in a block (default: 10)")
    parser.add_argument("--rounds", type=int, default=8, help="blocks of each kind (default: 8)")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    parser.add_argument("--output", type=pathlib.Path, help="a JSON file")
    options = parser.parse_args()

    recipe = MnistSegmentation(
        model=options.model,
        source="digits",
        fresh=True,
        epochs=options.rounds + 1,  # the first compiles
        steps_per_epoch=options.steps,
        batch_size=options.batch_size,
        checkpoint_seconds=options.checkpoint_seconds,
    )
    bare = recipe.network()
    bare.compile(make_optimizer(recipe), recipe.LOSS)
    batches = iter(recipe.load("train", options.batch_size, first_batch=0))

    def bare_block():
        for _ in range(options.steps):
            bare.train_on_batch(*next(batches))

    model = recipe.network()
    recipe.compile(model)
    turns = InTurns(bare_block)
    with tempfile.TemporaryDirectory() as folder:
        resumable_fit(
            model,
            lambda first_batch: recipe.load("train", recipe.batch_size, first_batch=first_batch),
            recipe.epochs,
            recipe.steps_per_epoch,
            pathlib.Path(folder, "checkpoints"),
            callbacks=[turns, *run_callbacks(recipe, pathlib.Path(folder))],
            checkpoint_seconds=recipe.checkpoint_seconds,
            verbose=2,
        )
    ratios = [run / bare for run, bare in zip(turns.run[1:], turns.bare[1:])]
    result = {
        "bare_ms_per_step": 1000 * statistics.median(turns.bare[1:]) / options.steps,
        "run_ms_per_step": 1000 * statistics.median(turns.run[1:]) / options.steps,
        "median_ratio": statistics.median(ratios),
        "ratios": ratios,
    }
    print(json.dumps(result, indent=2))
    if options.output:
        options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
