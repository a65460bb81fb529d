"""Times top-down networks against their convolutional baselines, on TensorFlow or JAX.

    python tools/benchmark_top_down.py inference --locations 10 20 40
    python tools/benchmark_top_down.py training --locations 6 12

The location module is set to attend so many locations per image on average, at random: all
candidates of all nodes with the same probability. Each step draws the same, and what it draws is
counted. Both networks are timed in turns; the median of the ratios of neighbours is compared with
the ratio of their multiply-adds, counted as the paper does (each location), and as they are
computed (each window once).
"""

import argparse

import keras
import numpy as np
from timing import median_times

import keras_multigrid as kmg


def attend(model, locations):
    """Makes each candidate's probability such that so many locations are attended on average."""
    convolution = model.location.get_layer("location_conv")
    convolution.kernel.assign(np.zeros(convolution.kernel.shape))
    probability = min(kmg.top_down.coverage_target(locations, model.levels), 1 - 1e-6)
    logit = np.log(probability / (1 - probability))
    convolution.bias.assign(np.full(convolution.bias.shape, logit))


def drawn(model, images):
    """Returns the `Attention` that each step draws."""
    draw_again(model)
    return model.predict(images, len(images), verbose=0, return_attention=True)[1]


def measured(model, attention):
    """Returns mean nodes, windows, and multiply-adds per image, plain and with shared windows."""
    counts = attention.counts().sum(axis=1), attention.window_counts().sum(axis=1)
    macs = [kmg.complexity.traversal_macs(model, attention, shared) for shared in (False, True)]
    return [float(values.mean()) for values in (*counts, *macs)]


def draw_again(model):
    model.seeds.state.assign([1, 0])


def report(what, locations, times, counts, baseline_macs):
    others, own = times
    ratio = own.ratio
    nodes, windows, plain, shared = counts
    print(
        f"{what}, {locations} locations: {nodes:.1f} nodes, {windows:.1f} windows; "
        f"{own.milliseconds:.0f} ms against "
        f"{others.milliseconds:.0f} ms, ratio {ratio:.3f}; multiply-adds "
        f"{plain / baseline_macs:.3f} ({shared / baseline_macs:.3f} with shared windows): "
        f"wall / multiply-adds {ratio / (plain / baseline_macs):.2f} "
        f"({ratio / (shared / baseline_macs):.2f})",
        flush=True,
    )


def inference(locations, batch, rounds):
    """M2 against BL2 for ImageNet, at 256 pixels."""
    model, baseline = kmg.applications.TDImageNet2(), kmg.applications.BLImageNet2()
    images = np.random.default_rng(0).normal(size=(batch, 256, 256, 3)).astype("float32")
    baseline_macs = kmg.complexity.profile(baseline).macs
    for count in locations:
        attend(model, count)
        counts = measured(model, drawn(model, images))

        def predict(model=model):
            draw_again(model)
            model.predict_on_batch(images)

        times = median_times([lambda: baseline.predict_on_batch(images), predict], rounds)
        report("M2-ImageNet, inference", count, times, counts, baseline_macs)


def training(locations, batch, rounds):
    """M3 against BL3 for MNIST, at 56 pixels, a step of the paper's training."""
    baseline = kmg.applications.BLMNIST3()
    rng = np.random.default_rng(0)
    images = rng.random((batch, 56, 56, 1)).astype("float32")
    labels = rng.integers(0, 10, batch)
    baseline_macs = kmg.complexity.profile(baseline).macs
    baseline.compile(keras.optimizers.Adam(0.0), "sparse_categorical_crossentropy")
    for count in locations:
        model = kmg.applications.TDMNIST3()
        attend(model, count)
        samples = 2
        loss = kmg.top_down.TopDownLoss(float(count), samples=samples)
        model.compile(keras.optimizers.Adam(0.0), loss=loss)  # a rate of 0 keeps the locations
        attention = drawn(model, np.repeat(images, samples, axis=0))
        nodes, _, plain, _ = measured(model, attention)
        union = kmg.top_down.Attention(
            tuple(level.reshape(batch, samples, -1).any(axis=1) for level in attention.attended),
            (),
            attention.base_size,
        )
        windows = union.window_counts().mean(axis=0)
        parents = samples * attention.parents().sum(axis=1).mean()
        shared = model.costs.of(windows.sum(), windows[:-1].sum(), parents)
        shared += (samples - 1) * model.costs.classification
        counts = (samples * nodes, windows.sum(), samples * plain, shared)

        def train(model=model):
            draw_again(model)
            model.train_on_batch(images, labels)

        times = median_times([lambda: baseline.train_on_batch(images, labels), train], rounds)
        report("M3-MNIST, training", count, times, counts, baseline_macs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=("inference", "training"))
    parser.add_argument("--locations", type=float, nargs="+", required=True)
    parser.add_argument("--batch", type=int, help="default: 64, in training 128")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    measure, default = {"inference": (inference, 64), "training": (training, 128)}[options.work]
    print(f"{keras.backend.backend()}, {options.rounds} rounds")
    measure(options.locations, options.batch or default, options.rounds)
