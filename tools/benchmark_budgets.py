"""Measures how long it takes to complete candidates to a budget, for every network of the papers.

    python tools/benchmark_budgets.py [PATTERN]

The ratios are not the network's own, and the budget is so small a share of its multiply-adds that
whole channels are coarse steps, so that ratios are raised as well. Prints CPU seconds of this one
process, which other programs disturb less than those of the clock, and how many networks were
built to be counted. Each candidate starts with nothing counted.
"""

import argparse
import random
import time

import keras_tuner

import keras_multigrid as kmg
from keras_multigrid.tuning import Budget, MultigridHyperModel

SHARE = 0.02
RATIOS = (0.125, 0.25, 0.4, 0.5, 1.0, 1.5, 2.0)


def complete(name, rng):
    """Returns the CPU seconds, the networks that were counted, and the share of the budget."""
    hypermodel, hp = MultigridHyperModel(name), keras_tuner.HyperParameters()
    macs = hypermodel.candidate(hp).count.macs
    hypermodel.budget = Budget(max_macs=SHARE * macs)
    for grid in range(1, len(hypermodel.own_ratios or ())):
        hp.values[f"ratio_{grid}"] = rng.choice(RATIOS)
    hypermodel.count_network.cache_clear()
    start = time.process_time()
    share = hypermodel.budget.share(hypermodel.candidate(hp).count)
    return time.process_time() - start, hypermodel.count_network.cache_info().misses, share


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*", help="shell-style pattern of names")
    options = parser.parse_args()
    rng = random.Random(0)
    print("| network | CPU seconds | networks counted | filled |\n|---|---:|---:|---:|")
    for name in kmg.applications.list_models(options.pattern):
        try:
            seconds, counted, share = complete(name, rng)
        except ValueError as error:  # Keras' own networks have no width
            assert "over the budget" in str(error), error
            continue
        print(f"| {name} | {seconds:.1f} | {counted} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
