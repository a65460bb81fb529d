"""Error against multiply-adds on CIFAR-10 (the paper's Table 1 has CIFAR-100).

    python applications/cifar_classification.py runs/cifar10 MG-sm-6 VGG-6 PMG-sm-9

Trains each network for the same few epochs, and draws `error.png`. Interrupted, the same command
continues. With `Cifar100` instead of `Cifar10` and the scale "paper" it is the paper's experiment.
"""

import os
import pathlib
import sys

from matplotlib.figure import Figure

from keras_multigrid.recipes import Cifar10
from keras_multigrid.runs import run

if len(sys.argv) < 3:
    sys.exit(f"usage: {sys.argv[0]} FOLDER NETWORK...    (networks of Table 1, such as MG-sm-6)")
folder, networks = pathlib.Path(sys.argv[1]), sys.argv[2:]
settings = {**Cifar10.SCALES["quick"], "data_dir": os.environ.get("TFDS_DATA_DIR")}

figure = Figure(figsize=(5, 4), dpi=120, layout="constrained")
axis = figure.subplots()
print_later = [f"{'network':<12} {'multiply-adds':>14} {'error, percent':>15} {'seconds':>8}"]
for network in networks:
    recipe = Cifar10(**{**settings, "model": network})
    metrics = run(recipe, folder / network)
    error = metrics["scores"]["error"]
    axis.plot(metrics["macs"] / 1e6, error, "o")
    axis.annotate(
        network,
        (metrics["macs"] / 1e6, error),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
    )
    print_later.append(
        f"{network:<12} {metrics['macs']:>14,} {error:>15.2f} {metrics['training_seconds']:>8.0f}"
    )
axis.set(xlabel="multiply-adds per image, millions", ylabel="test error, percent", title="CIFAR-10")
axis.margins(0.2)
figure.savefig(folder / "error.png")
print("\n".join(["", *print_later, f"Drawn: {folder / 'error.png'}"]))
