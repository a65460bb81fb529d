"""Tunes the channel ratios of PMG-SEG, and compares what it finds with the paper's.

    python applications/channel_ratios.py runs/ratios

The task is the quickstart's: a distorted digit is to be drawn upright in the centre. Candidates may
have as many multiply-adds as the paper's ratios have with 8, 4, 2 and 1 channels. Takes under ten
minutes on two cores; killed and started again, it continues.
"""

import dataclasses
import pathlib
import sys

import keras_multigrid as kmg
from keras_multigrid.recipes import Quickstart
from keras_multigrid.runs import run

PAPER = (1, 1 / 2, 1 / 4, 1 / 8)
RECIPE = Quickstart(
    baseline=None,
    channel_ratios=PAPER,
    width_multiplier=1 / 8,
    epochs=3,
    steps_per_epoch=100,
    seed=100,
)
SPACE = kmg.tuning.SearchSpace(ratios=(1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8))
SEEDS = (0, 1, 2)


def main(folder):
    size = kmg.complexity.count(
        kmg.applications.PMGSEG,
        input_shape=RECIPE.input_shape(),
        classes=RECIPE.classes(),
        width_multiplier=RECIPE.width_multiplier,
    )
    budget = kmg.tuning.Budget(max_macs=size.macs)
    results = kmg.tuning.tune(RECIPE, folder / "search", SPACE, budget, trials=14, workers=2)
    (paper,) = [result for result in results if int(result.trial) == 0]
    lines = [
        "| | ratios | multiply-adds | test IoU, one training per seed | mean |",
        "|---" * 5 + "|",
    ]
    for name, result in (("paper", paper), ("found", results[0])):
        scores = []
        for seed in SEEDS:
            of_seed = dataclasses.replace(RECIPE, seed=seed, **result.settings)
            scores.append(run(of_seed, folder / f"{name}-{seed}")["results"]["iou"])
        ratios = ", ".join(f"{ratio:g}" for ratio in result.settings["channel_ratios"])
        shown = ", ".join(f"{score:.3f}" for score in scores)
        mean = sum(scores) / len(scores)
        lines.append(f"| {name} | {ratios} | {result.macs:,} | {shown} | {mean:.3f} |")
    (folder / "comparison.md").write_text("\n".join([*lines, ""]))
    print("", *lines, sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    main(pathlib.Path(sys.argv[1]))
