"""Names the operations that a step takes longest in, ours and the textbook's (TensorFlow).

Operations run one at a time here, so that their times add up. JAX is needed to read the profile.

    python tools/profile_operations.py R-MG-34
"""

import argparse
import collections
import os
import pathlib
import tempfile

os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import tensorflow as tf
from benchmark import GROUPS, Trained
from jax.profiler import ProfileData

import keras_multigrid as kmg

STEPS = 4


def operation_times(call):
    """Returns the milliseconds and the number of calls of each kind of operation in a call."""
    for _ in range(3):
        call()
    milliseconds, calls = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(STEPS):
                call()
        (trace,) = pathlib.Path(folder).rglob("*.xplane.pb")
        for plane in ProfileData.from_file(str(trace)).planes:
            for line in plane.lines:
                for event in line.events:
                    name, _, kind = event.name.rpartition(":")
                    # Operations are path:kind; others are Class::method, or the whole step.
                    if name and not name.endswith(":") and "__inference" not in kind:
                        milliseconds[kind] += event.duration_ns / 1e6 / STEPS
                        calls[kind] += 1
    return milliseconds, calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--work", choices=("training", "inference"), default="training")
    options = parser.parse_args()
    group = GROUPS[options.group]
    model = group.make()
    for title, network in (
        ("textbook", kmg.stock.rewrite(model)),
        ("keras_multigrid", model),
    ):
        trained = Trained(network, group.batch_size)
        call = trained.train if options.work == "training" else trained.predict
        milliseconds, calls = operation_times(call)
        print(
            f"\n{options.group}, {options.work}, {title}: {sum(milliseconds.values()):.1f} ms, "
            f"{sum(calls.values()) // STEPS} operations"
        )
        for kind, time in milliseconds.most_common(10):
            print(f"{kind:<42} {time:8.2f} ms  {calls[kind] // STEPS:5d} calls")


if __name__ == "__main__":
    main()
