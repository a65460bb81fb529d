"""Times our networks against their textbook composition out of stock Keras layers, and peers.

The networks of a group live in one process and take turns, in training and in inference; the
textbook's has the same weights. Exported to TensorFlow, ours has its batch normalizations folded
and its kernels summed ahead; "textbook, folded" has the former alone. GFLOP/s count two for each
multiply-add of the textbook's network, and three times as many in training. Memory and import times
come from processes of their own.

    python tools/benchmark.py --json results/speed_tensorflow.json --picture docs/speed.png
    KERAS_BACKEND=jax python tools/benchmark.py --groups R-MG-34 --batch-size 256 \
        --precision mixed_bfloat16                    # on a GPU
"""

import argparse
import dataclasses
import gc
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from peers import HRNet, has_hrnet, resnet34
from timing import compiled, median_times

import keras_multigrid as kmg
from keras_multigrid.recipes.quickstart import Quickstart
from keras_multigrid.runs.versions import versions

zoo = kmg.applications
IMPORTS = ("keras", "keras_multigrid")
STEPS_FOR_MEMORY = 3


@dataclasses.dataclass(frozen=True)
class Group:
    """A network, and the peers that run beside it."""

    make: Callable
    batch_size: int
    peers: tuple = ()
    hrnet: bool = False


GROUPS = {
    "PMG-11 quickstart": Group(lambda: Quickstart().network(), 32),
    "PMG-11 32 px": Group(
        lambda: zoo.PMGSEG(classes=1, input_shape=(32, 32, 1), width_multiplier=0.25), 32
    ),
    "PMG-11 64 px": Group(zoo.PMGSEG, 16),
    "MG-16": Group(lambda: zoo.MG(depth=16), 32),
    "R-MG-34": Group(zoo.RMG34, 8, (resnet34, zoo.ResNet50), hrnet=True),
}


@dataclasses.dataclass
class Row:
    """One network doing one thing."""

    group: str
    network: str
    work: str
    milliseconds: float
    images_per_second: float
    gflops: float
    ratio: float  # of time, to the textbook's

    def __str__(self):
        return (
            f"{self.group:<18} {self.network:<22} {self.work:<10} {self.milliseconds:9.1f} ms "
            f"{self.images_per_second:9.1f} images/s {self.gflops:7.0f} GFLOP/s  {self.ratio:5.2f}"
        )


class Trained:
    """A compiled network and a batch for it."""

    def __init__(self, model, batch_size):
        rng = np.random.default_rng(0)
        self.model = model
        self.images = rng.random((batch_size, *model.input_shape[1:])).astype("float32")
        self.targets = (rng.random((batch_size, *model.output_shape[1:])) > 0.5).astype("float32")
        dense = len(model.output_shape) == 4
        loss = "binary_crossentropy" if dense else "categorical_crossentropy"
        # The rate is small: what is measured are steps, and they must stay finite.
        model.compile(keras.optimizers.SGD(1e-6, momentum=0.9), loss)

    def train(self):
        return float(self.model.train_on_batch(self.images, self.targets))

    def predict(self):
        return self.model.predict_on_batch(self.images)


def benchmark(name, batch_size, repeats):
    """Measures one group; returns its rows."""
    group = GROUPS[name]
    batch_size = batch_size or group.batch_size
    model = group.make()
    textbook = kmg.stock.stock_network(model)
    networks = {"textbook": textbook, "keras_multigrid": model}
    networks.update((peer.name, peer) for peer in (make() for make in group.peers))
    macs = {key: kmg.complexity.profile(network).macs for key, network in networks.items()}
    macs["keras_multigrid"] = macs["textbook, folded"] = macs["textbook"]
    trained = {key: Trained(network, batch_size) for key, network in networks.items()}
    print(f"{name}: batch {batch_size}", flush=True)
    assert_close(trained["textbook"].predict(), trained["keras_multigrid"].predict())
    exported = {}
    if keras.backend.backend() == "tensorflow":
        variants = {
            "textbook": textbook,
            "textbook, folded": kmg.stock.stock_network(textbook, for_inference=True),
            "keras_multigrid": kmg.stock.stock_network(model, for_inference=True),
        }
        for key, network in variants.items():
            exported[key] = exported_call(network, trained["textbook"].images)
            assert_close(exported["textbook"](), exported[key]())
    if group.hrnet and has_hrnet():
        trained[HRNet.name] = HRNet(batch_size)
        macs[HRNet.name] = trained[HRNet.name].macs()
    works = {
        "training": {key: value.train for key, value in trained.items()},
        "inference": {key: value.predict for key, value in trained.items()},
        "exported": exported,
    }
    rows = []
    for work, calls in works.items():
        for key, measured in zip(calls, median_times(list(calls.values()), repeats)):
            flops = 2 * macs[key] * batch_size * (3 if work == "training" else 1)
            rows.append(
                Row(
                    name,
                    key,
                    work,
                    measured.milliseconds,
                    1e3 * batch_size / measured.milliseconds,
                    flops / measured.milliseconds / 1e6,
                    measured.ratio,
                )
            )
            print(rows[-1], flush=True)
    return rows


def exported_call(model, images):
    """Exports a model as SavedModel, and returns a call of what TensorFlow loads."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        loaded = tf.saved_model.load(folder)
    images = tf.constant(images)
    return lambda: loaded.serve(images).numpy()


def assert_close(expected, outputs):
    """Raises an `AssertionError` if outputs differ by more than rounding."""
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def peak(repeats):
    """Returns the GFLOP/s of a large matrix product and of a large convolution."""
    matrix, image, kernel = (
        ops.convert_to_tensor(np.random.rand(*shape).astype("float32"))
        for shape in ((2048, 2048), (64, 28, 28, 128), (3, 3, 128, 128))
    )

    def convolve(image, kernel):
        return ops.conv(image, kernel, padding="same", data_format="channels_last")

    calls = [compiled(ops.matmul, matrix, matrix), compiled(convolve, image, kernel)]
    flops = (2 * 2048**3, 2 * 64 * 28 * 28 * 9 * 128 * 128)
    times = median_times(calls, 3 * repeats)
    return {
        name: count / time.milliseconds / 1e6
        for name, count, time in zip(("matrix product", "convolution"), flops, times)
    }


def training_memory(name, network, batch_size):
    """Prints the MiB of main memory that a network and a few steps of training take at most."""
    before = _memory("VmRSS")
    model = GROUPS[name].make()
    if network == "textbook":
        model = kmg.stock.stock_network(model)
    gc.collect()  # ours, in the textbook's process
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the largest so far
    trained = Trained(model, batch_size or GROUPS[name].batch_size)
    for _ in range(STEPS_FOR_MEMORY):
        trained.train()
    print(_memory("VmHWM") - before)


def _memory(key):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def measure_memory(name, options):
    """Returns the memory of training in MiB, medians of three processes each."""
    memory = {}
    for network in ("textbook", "keras_multigrid"):
        command = [sys.executable, __file__, "--memory-of", name, network]
        command += ["--precision", options.precision]
        if options.batch_size:
            command += ["--batch-size", str(options.batch_size)]
        runs = [subprocess.run(command, capture_output=True, check=True) for _ in range(3)]
        memory[network] = statistics.median(float(run.stdout.split()[-1]) for run in runs)
    return memory


def measure_imports(repeats=7):
    """Returns the seconds that a new process takes to import Keras, and this package."""
    seconds = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name in IMPORTS:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def draw(results, path):
    """Draws the GFLOP/s of all rows, a panel per group, with the machine's peak as a line."""
    from matplotlib.figure import Figure

    rows = [Row(**row) for row in results["rows"]]
    groups = list(dict.fromkeys(row.group for row in rows))
    figure = Figure((3 * len(groups) + 1, 4.5), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    colors = {"training": "#0072B2", "inference": "#E69F00", "exported": "#009E73"}
    for panel, group in zip(panels, groups):
        networks = list(dict.fromkeys(row.network for row in rows if row.group == group))
        for offset, (work, color) in enumerate(colors.items()):
            chosen = [row for row in rows if row.group == group and row.work == work]
            positions = [networks.index(row.network) + 0.27 * (offset - 1) for row in chosen]
            panel.bar(positions, [row.gflops for row in chosen], 0.25, color=color, label=work)
        line = panel.axhline(max(results["peak"].values()), color="black", linestyle="--")
        panel.set_xticks(range(len(networks)), networks, rotation=30, ha="right")
        panel.set_title(group)
    panels[0].set_ylabel("GFLOP/s on textbook multiply-adds")
    line.set_label("the machine's peak")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Groups: " + ", ".join(GROUPS)
    )
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="NAME")
    parser.add_argument("--batch-size", type=int, help="instead of each group's own")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--precision", default="float32", help="Keras dtype policy")
    parser.add_argument("--json", type=pathlib.Path, help="file for all numbers")
    parser.add_argument("--picture", type=pathlib.Path, help="file for a bar chart")
    parser.add_argument("--no-memory", action="store_true", help="skip memory and import times")
    parser.add_argument("--memory-of", nargs=2, metavar=("GROUP", "NETWORK"))
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.precision)
    if options.memory_of:
        training_memory(*options.memory_of, options.batch_size)
        return

    results = {
        "backend": keras.backend.backend(),
        "versions": versions(),
        "cores": os.cpu_count(),
        "precision": options.precision,
        "peak": peak(options.repeats),
        "rows": [],
    }
    print(f"{results['backend']}, peak GFLOP/s: {results['peak']}", flush=True)
    for name in options.groups:
        rows = benchmark(name, options.batch_size, options.repeats)
        results["rows"] += [dataclasses.asdict(row) for row in rows]
        keras.backend.clear_session()
    if not options.no_memory:
        results["training_memory_mib"] = {}
        for name in options.groups:
            memory = results["training_memory_mib"][name] = measure_memory(name, options)
            ratio = memory["keras_multigrid"] / memory["textbook"]
            print(f"{name}: memory of training {memory} MiB, ratio {ratio:.2f}", flush=True)
        results["import_seconds"] = measure_imports()
        ratio = results["import_seconds"][IMPORTS[1]] / results["import_seconds"][IMPORTS[0]]
        print(f"import: {results['import_seconds']} s, ratio {ratio:.2f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.picture:
        draw(results, options.picture)


if __name__ == "__main__":
    main()
