"""Measures the memory and the rate of `predict` on one large image, beside one tile alone.

python tools/measure_prediction.py --side 9000

The network is as the plan chooses it for street scenes on a CPU, its weights random.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np
from PIL import Image

import keras_multigrid as kmg
from keras_multigrid.datasets.masks.labels import MaskLabels, SegmentationTask
from keras_multigrid.export.segmentation_task import add_task
from keras_multigrid.prediction.predictor import Predictor

CLASSES = 11


def network(width_multiplier):
    """Returns a network from raw pixels to probabilities, as of the recipe `segmentation`."""
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 64, -2)(image)
    x = kmg.layers.PaddingToMultiple(16)(x)
    logits = kmg.applications.PMGSEG(
        input_tensor=x,
        classes=CLASSES,
        classifier_activation=None,
        width_multiplier=width_multiplier,
        channel_ratios=(1, 2, 2, 2),
        stem_strides=2,
        head="concatenate",
    ).output
    logits = kmg.layers.UpSamplingLike(1)(logits, image)
    return keras.Model(image, keras.layers.Softmax()(logits), name="PMG-11")


def write_inputs(folder, model, side):
    """Writes a run and an image."""
    labels = MaskLabels(
        names=tuple(f"class {number}" for number in range(CLASSES)),
        values=tuple(range(CLASSES)),
        colours=tuple(0x101010 * number for number in range(CLASSES)),
    )
    model.save(folder / "model.keras")
    add_task(
        folder / "model.keras", SegmentationTask(labels=labels, channels=3, image_type="uint8")
    )
    patch = np.random.default_rng(0).integers(0, 256, (500, 500, 3), "uint8")
    image = np.tile(patch, (-(-side // 500), -(-side // 500), 1))[:side, :side]
    Image.fromarray(image).save(folder / "image.png", compress_level=1)


def tile_rate(model, repeats=3):
    """Returns megapixels a second of one tile, and its side."""
    predictor = Predictor([model])
    height, width = predictor.plan((2 * predictor.usual_tile,) * 2).tile
    tile = np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype("float32")
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        model.predict_on_batch(tile)
        seconds.append(time.perf_counter() - start)
    return height * width / 1e6 / min(seconds[1:]), height


def predict(folder, options):
    """Returns the seconds and the peak memory, in GB, of the command in a process of its own."""
    command = [sys.executable, "-m", "keras_multigrid.cli", "predict", str(folder)]
    command += [str(folder / "image.png"), "--output", str(folder / "output"), *options]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("`predict` failed, as it said above.")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=9000, help="of the image (default: 9000)")
    parser.add_argument("--width", type=float, default=0.117, help="of the network's layers")
    for option in ("--flips", "--probabilities"):
        parser.add_argument(option, action="store_true", help="as of `predict`")
    options = parser.parse_args()
    others = [f"--{name}" for name in ("flips", "probabilities") if getattr(options, name)]
    model = network(options.width)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_inputs(folder, model, options.side)
        rate, side = tile_rate(model)
        print(f"One tile of {side} x {side}: {rate:.2f} megapixels a second", flush=True)
        seconds, memory = predict(folder, others)
    pixels = options.side**2 / 1e6
    print(
        f"`predict {' '.join(others)}` of {options.side} x {options.side}: {seconds:.0f} s, "
        f"{pixels / seconds:.2f} megapixels a second, at most {memory:.2f} GB of memory"
    )


if __name__ == "__main__":
    main()
