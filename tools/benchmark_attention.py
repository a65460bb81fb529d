"""What a sweep of attention maps costs beside the forward passes that it needs.

python tools/benchmark_attention.py --repeats 5

One process computes the maps of an image of 64x64 pixels at stride 1, 3,249 positions, with few
probes and with every pixel a probe, and the bare passes of the network over as many images, in
batches of the same size that lie ready. They take turns.
"""

import argparse

import numpy as np
from timing import median_times

from keras_multigrid.applications import create_model
from keras_multigrid.attention_maps import sweep

SIDE, OCCLUDER = 64, 8
POSITIONS = (SIDE - OCCLUDER + 1) ** 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["PMG-11", "R-PMG-20"])
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--width-multiplier", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{'':<24} {'bare passes':>12} {'7 probes':>9} {'4,096 probes':>13}")
    for name in options.models:
        for classes in options.classes:
            model = create_model(
                name,
                classes=classes,
                input_shape=(SIDE, SIDE, 1),
                width_multiplier=options.width_multiplier,
            )
            bare, few, every = compare(model, options.batch_size, options.repeats)
            print(
                f"{name + f', {classes} outputs':<24} {bare.milliseconds / 1e3:>10.1f} s "
                f"{few.ratio:>9.3f} {every.ratio:>13.3f}",
                flush=True,
            )


def compare(model, batch_size, repeats):
    """Returns the times of the bare passes, and of maps of 7 probes and of all."""
    images = np.random.default_rng(0).random((1, SIDE, SIDE, 1), "float32")
    every = np.stack(np.indices((SIDE, SIDE)), axis=-1).reshape(-1, 2)
    batch = np.repeat(images, batch_size, axis=0)
    whole, rest = divmod(POSITIONS, batch_size)

    def bare():
        for _ in range(whole):
            model.predict_on_batch(batch)
        if rest:
            model.predict_on_batch(batch[:rest])

    def attend(probes):
        sweep(model, images, probes, batch_size=batch_size, verbose=0).maps()

    return median_times([bare, lambda: attend(None), lambda: attend(every)], repeats)


if __name__ == "__main__":
    main()
