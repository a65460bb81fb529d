"""Times a training step of PMG-11 with Keras' batch normalization and with the fused one.

Both networks live in one process and take turns; medians and their ratio are printed.

    python tools/benchmark_batch_normalization.py
"""

import argparse
from unittest import mock

import keras
import numpy as np
from timing import median_times

import keras_multigrid as kmg
from keras_multigrid.blocks import units


def network(layer_class, side, width_multiplier):
    """Returns PMG-11 with the given batch normalization, ready to train."""
    with mock.patch.object(units, "FusedBatchNormalization", layer_class):
        model = kmg.applications.PMGSEG(
            classes=1, input_shape=(side, side, 1), width_multiplier=width_multiplier
        )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy")
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--width-multiplier", type=float, default=0.25)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()

    layers = (keras.layers.BatchNormalization, kmg.layers.FusedBatchNormalization)
    models = [network(layer, options.side, options.width_multiplier) for layer in layers]
    images = np.random.default_rng(0).random((options.batch_size, options.side, options.side, 1))
    masks = (images > 0.5).astype("float32")
    times = median_times(
        [lambda model=model: model.train_on_batch(images, masks) for model in models],
        options.repeats,
    )
    for layer, time in zip(layers, times):
        print(f"{layer.__name__:<24} {time.milliseconds:7.1f} ms a step")
    print(f"fused / plain, median of the turns: {times[1].ratio:.2f}")


if __name__ == "__main__":
    main()
