"""Tunes the channel ratios of PMG-SEG, and compares what it finds with the paper's.

    python applications/channel_ratios.py runs/ratios

The task is the quickstart's: a distorted digit is to be drawn upright in the centre. All candidates
have as many multiply-adds as the budget allows. Takes under ten minutes on two cores; killed and
started again, it continues.
"""

import dataclasses
import pathlib
import sys

import keras_multigrid as kmg
from keras_multigrid.recipes import Quickstart, run

PAPER = (1, 1 / 2, 1 / 4, 1 / 8)
BUDGET = kmg.tuning.Budget(max_macs=5_000_000)
SPACE = kmg.tuning.SearchSpace(ratios=(1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8))
SEEDS = (0, 1, 2)


def main(folder):
    recipe = Quickstart(channel_ratios=PAPER, epochs=3, steps_per_epoch=100, seed=100)
    results = kmg.tuning.tune(
        recipe, folder / "search", SPACE, BUDGET, "bayesian", trials=16, workers=2
    )
    (paper,) = [result for result in results if int(result.trial) == 0]
    print(f"\n{'ratios':<28} {'multiply-adds':>13}  test IoU, one training per seed")
    for name, result in (("paper", paper), ("found", results[0])):
        scores = []
        for seed in SEEDS:
            of_seed = dataclasses.replace(recipe, seed=seed, **result.settings)
            scores.append(run(of_seed, folder / f"{name}-{seed}")["results"]["iou"])
        ratios = ", ".join(f"{ratio:g}" for ratio in result.settings["channel_ratios"])
        texts = "  ".join(f"{score:.3f}" for score in scores)
        mean = sum(scores) / len(scores)
        print(f"{ratios:<28} {result.macs:>13,}  {texts}  mean {mean:.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    main(pathlib.Path(sys.argv[1]))
