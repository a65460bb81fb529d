"""Measures the data pipelines: samples per second, beside a plain implementation and a training.

Pipeline and plain loops take turns in one process; medians, and the median of the pairs' ratios,
are printed. Then PMG-11 trains on fresh samples, in turns with a batch that stays, to see how long
it waits for data, and how much the pipeline's own work slows it.

    python tools/benchmark_datasets.py
    python tools/benchmark_datasets.py --source mnist --data-dir DIR --cifar
"""

import argparse
import pathlib
import statistics
import tempfile
import time

import keras
import numpy as np
import plain_datasets as plain
import tensorflow as tf

import keras_multigrid as kmg

BATCH = 64
PASS = 500 * BATCH  # samples
TURNS = 7
SECONDS = 0.7  # of each turn


def rate(take, samples):
    """Returns samples per second of a function that makes some each time it is called."""
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        take()
        calls += 1
    return samples * calls / (time.perf_counter() - start)


def compare(name, dataset, plain_samples, batch_size=BATCH):
    """Prints the rates of a pipeline and of plain functions, each makes one sample."""
    iterator = iter(dataset.repeat())
    for _ in range(20):
        next(iterator)
    rates, plain_rates = [], {library: [] for library in plain_samples}
    for _ in range(TURNS):
        for library, sample in plain_samples.items():
            plain_rates[library].append(rate(sample, 1))
        for _ in range(5):  # what was prefetched meanwhile
            next(iterator)
        rates.append(rate(lambda: next(iterator), batch_size))
    print(f"{name:<32} {statistics.median(rates):>11,.0f} samples/s", flush=True)
    for library, values in plain_rates.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates, values))
        print(f"  plain, {library:<23} {statistics.median(values):>11,.0f}   {ratio:6.1f} x")


def drawn(source, data_dir):
    """Compares the drawn data sets."""
    digits, labels = kmg.datasets.load_digits("train", source=source, data_dir=data_dir)
    rows = np.arange(PASS) % len(digits)
    digits, labels, rng = digits[rows], labels[rows], np.random.default_rng(0)
    for name, draw, function in (
        ("mnist_segmentation", kmg.datasets.Segmentation(digits, labels), plain.segmentation),
        (
            "mnist_spatial_transformer",
            kmg.datasets.SpatialTransformer(digits),
            plain.spatial_transformer,
        ),
        (
            "located_mnist/noisy, 28 px",
            kmg.datasets.LocatedDigits(digits, labels, "noisy", size=28),
            plain.located_digit,
        ),
    ):
        compare(
            name,
            kmg.datasets.draw_batches(draw, PASS, BATCH),
            {
                library: lambda function=function, warp=warp: function(rng, digits, labels, warp)
                for library, warp in (("OpenCV", plain.warp_opencv), ("SciPy", plain.warp_scipy))
            },
        )


def cifar(data_dir):
    """Compares CIFAR-10's training pipeline; the images are whitened and enlarged before."""
    dataset = kmg.datasets.load("cifar10", "train[:10000]", 128, data_dir=data_dir, augment=True)
    images = np.random.default_rng(0).normal(size=(10_000, 36, 36, 3)).astype("float32")
    labels, rng = np.zeros(len(images), int), np.random.default_rng(0)
    compare(
        "cifar10, batch 128",
        dataset,
        {"NumPy": lambda: plain.cifar(rng, images, labels)},
        batch_size=128,
    )


def image_folder():
    """Compares the ImageNet pipeline on synthetic photographs, and ten crops with one."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(256):
            coarse = tf.constant(rng.integers(0, 255, (12, 16, 3)), tf.float32)
            pixels = tf.cast(tf.image.resize(coarse, (375, 500), "bicubic"), tf.int32)
            noisy = tf.clip_by_value(pixels + rng.integers(-9, 9, pixels.shape), 0, 255)
            path = pathlib.Path(folder, str(number % 4), f"{number}.jpg")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(tf.io.encode_jpeg(tf.cast(noisy, tf.uint8)).numpy())
            paths.append(path)
        compare(
            "image folder, training, 500x375",
            kmg.datasets.load_image_folder(folder, ".", 32, augment=True),
            {"OpenCV": lambda: plain.imagenet(rng, paths[rng.integers(len(paths))])},
            batch_size=32,
        )
        model = kmg.applications.RMG18(width_multiplier=0.25)
        single = kmg.datasets.load_image_folder(folder, ".", 16).take(4)
        ten = kmg.datasets.load_image_folder(folder, ".", 16, ten_crop=True).take(4)
        ten_model = kmg.ten_crop.ten_crop_model(model)
        ratios = []
        for _ in range(4):
            start = time.perf_counter()
            model.predict(single, verbose=0)
            middle = time.perf_counter()
            ten_model.predict(ten, verbose=0)
            ratios.append((time.perf_counter() - middle) / (middle - start))
        print(f"ten crops / one crop, narrow R-MG-18: {statistics.median(ratios[1:]):.2f} x")


def training(source, data_dir, fresh_batches):
    """Prints how long PMG-11 waits for a batch, and its step beside that on a batch that stays."""
    for name, outputs in (("mnist_segmentation", 10), ("mnist_spatial_transformer", 1)):
        model = kmg.applications.PMGSEG(classes=outputs)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy")
        dataset = kmg.datasets.load(
            name, "train", BATCH, source=source, data_dir=data_dir, fresh=True
        )
        iterator = iter(dataset)
        kept = next(iterator)
        model.train_on_batch(*kept)
        waits, fresh_steps, kept_steps = [], [], []
        for _ in range(fresh_batches):
            start = time.perf_counter()
            model.train_on_batch(*kept)
            middle = time.perf_counter()
            batch = next(iterator)
            got = time.perf_counter()
            model.train_on_batch(*batch)
            end = time.perf_counter()
            kept_steps.append(middle - start)
            waits.append((got - middle) / (end - middle))
            fresh_steps.append(end - middle)
        step = statistics.median(fresh_steps)
        print(
            f"PMG-11 on {name}: {1000 * step:,.0f} ms a step of {BATCH}, "
            f"{BATCH / step:,.0f} samples/s; waits for data {100 * statistics.median(waits):.2f} % "
            f"of it; step / step on a batch that stays: "
            f"{statistics.median(a / b for a, b in zip(fresh_steps, kept_steps)):.3f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", default="digits", help="of digits: digits or mnist")
    parser.add_argument("--data-dir", help="of TensorFlow Datasets")
    parser.add_argument("--cifar", action="store_true", help="measure CIFAR-10 too")
    parser.add_argument("--steps", type=int, default=12, help="of training, on each task")
    options = parser.parse_args()
    drawn(options.source, options.data_dir)
    if options.cifar:
        cifar(options.data_dir)
    image_folder()
    training(options.source, options.data_dir, options.steps)


if __name__ == "__main__":
    main()
