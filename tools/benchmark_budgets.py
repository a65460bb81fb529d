"""Measures how long it takes to complete candidates to a budget, for every network of the papers.

    python tools/benchmark_budgets.py [PATTERN]

Prints, per network, the slowest of some candidates (own and other ratios, a wide and a narrow
budget): CPU seconds of this process, which other programs disturb less than those of the clock, and
how many networks were counted. Each candidate starts with nothing counted.
"""

import random
import sys
import time

import keras_tuner

import keras_multigrid as kmg
from keras_multigrid.tuning import Budget, MultigridHyperModel

CASES = (("params", 0.5), ("macs", 0.02))  # limit, share of the network's own
RATIOS = (0.125, 0.25, 0.4, 0.5, 1.0, 1.5, 2.0)


def complete(name, limit, share):
    """Returns the CPU seconds, and how many networks were counted."""
    own = MultigridHyperModel(name).candidate(keras_tuner.HyperParameters()).count
    most = {"params": own.trainable_params, "macs": own.macs}[limit]
    hypermodel = MultigridHyperModel(name, budget=Budget(**{f"max_{limit}": share * most}))
    hp, rng = keras_tuner.HyperParameters(), random.Random(0)
    hypermodel.declare_hyperparameters(hp)
    if hypermodel.own_ratios is not None:
        for grid in range(1, len(hypermodel.own_ratios)):
            hp.values[f"ratio_{grid}"] = rng.choice(RATIOS)
    hypermodel.count_network.cache_clear()
    start = time.process_time()
    hypermodel.candidate(hp)
    return time.process_time() - start, hypermodel.count_network.cache_info().misses


def main():
    names = kmg.applications.list_models(*sys.argv[1:])
    print("| network | " + " | ".join(f"{share:.0%} of {limit}" for limit, share in CASES) + " |")
    print("|---" * (len(CASES) + 1) + "|")
    for name in names:
        cells = []
        for limit, share in CASES:
            try:
                cells.append("{:.1f} s, {} counts".format(*complete(name, limit, share)))
            except ValueError as error:  # a network without a width
                assert "over the budget" in str(error), error
                cells.append("has no width")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
