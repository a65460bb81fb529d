"""Compares the largest convolutions of R-MG-34 with what the machine can do (TensorFlow).

Attainable is the peak, or bandwidth times intensity where that is less; intensity is in operations
per byte of inputs, kernel and outputs, each read or written once.

    python tools/roofline.py --batch-size 8
"""

import argparse
import collections

import keras
import tensorflow as tf
from benchmark import peak
from timing import median_times

import keras_multigrid as kmg

LARGEST = 3


def convolutions(model):
    """Returns how often a network has a convolution of each (side, channels, filters)."""
    counts = collections.Counter()
    for layer in model.layers:
        if isinstance(layer, kmg.layers.MultigridConv2D):
            for kernel, output in zip(layer.kernels, keras.tree.flatten(layer.output)):
                counts[(output.shape[1], *kernel.shape[2:])] += 1
    return counts


def bandwidth(repeats):
    """Returns the bytes per second of adding two large vectors."""
    vectors = [tf.random.uniform((1 << 26,)) for _ in range(2)]
    (time,) = median_times([tf.function(lambda: vectors[0] + vectors[1])], repeats)
    return 3 * 4 * (1 << 26) / time.milliseconds * 1e3


def passes(batch_size, side, channels, filters):
    """Returns the three passes of a 3x3 convolution as calls without arguments."""
    image = tf.random.normal((batch_size, side, side, channels))
    kernel = tf.random.normal((3, 3, channels, filters))
    upstream = tf.random.normal((batch_size, side, side, filters))
    options = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    return {
        "forward": tf.function(lambda: tf.nn.conv2d(image, kernel, **options)),
        "gradient of the input": tf.function(
            lambda: tf.raw_ops.Conv2DBackpropInput(
                input_sizes=image.shape, filter=kernel, out_backprop=upstream, **options
            )
        ),
        "gradient of the kernel": tf.function(
            lambda: tf.raw_ops.Conv2DBackpropFilter(
                input=image, filter_sizes=kernel.shape, out_backprop=upstream, **options
            )
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    peaks = peak(options.repeats)
    bytes_per_second = bandwidth(options.repeats)
    print(f"peak GFLOP/s: {peaks}; bandwidth {bytes_per_second / 1e9:.0f} GB/s")

    def operations(convolution):
        (side, channels, filters), count = convolution
        return 2 * 9 * side**2 * channels * filters * count

    found = sorted(convolutions(kmg.applications.RMG34()).items(), key=operations, reverse=True)
    for convolution in found[:LARGEST]:
        (side, channels, filters), count = convolution
        flops = operations(convolution) / count * options.batch_size
        numbers = options.batch_size * side**2 * (channels + filters) + 9 * channels * filters
        intensity = flops / (4 * numbers)
        attainable = min(max(peaks.values()), bytes_per_second * intensity / 1e9)
        print(
            f"{side}x{side}, {channels} -> {filters}, {count} times: {intensity:.0f} operations "
            f"per byte, attainable {attainable:.0f} GFLOP/s"
        )
        calls = passes(options.batch_size, side, channels, filters)
        for name, time in zip(calls, median_times(list(calls.values()), options.repeats)):
            rate = flops / time.milliseconds / 1e6
            print(
                f"    {name:<24} {time.milliseconds:6.2f} ms  {rate:4.0f} GFLOP/s  "
                f"{rate / attainable:4.0%}"
            )


if __name__ == "__main__":
    main()
