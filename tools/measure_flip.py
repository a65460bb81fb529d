"""Measures whether flipping a trained network is worth it, at equal multiply-adds.

For each task and seed a network is trained for a while. Then it is trained on as it is, and, from
the same weights, flipped; the flipped one gets so many steps that both take as many multiply-adds.

    python tools/measure_flip.py runs/flip --tfds DIR --masks DIR

The tasks `VGG-6` and `RES-12` are CIFAR-10 at half width, by test error; `dense` is segmentation of
a folder of masks, by mean IoU on its images for validation, with the trained RES-12 as the encoder
under `segmenter`. The same command continues after an interruption. `report.md` in the folder has
the table.
"""

import argparse
import functools
import itertools
import json
import pathlib
import statistics
import subprocess
import sys

import keras
import numpy as np

import keras_multigrid as kmg
from keras_multigrid.complexity import profile

CIFAR = ("VGG-6", "RES-12")
TASKS = (*CIFAR, "dense")
WAYS = ("plain", "flipped")
EPOCH = 100  # steps, about: a line and a checkpoint


def main(arguments=None):
    options = _parser().parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    _claim(options)
    wanted = list(itertools.product(options.seeds, options.tasks, options.ways))
    for seed, task, way in wanted:
        path = options.output / task / str(seed) / f"{way}.json"
        if not path.exists() and len(wanted) > 1:  # each in a process, whose memory ends with it
            _run_alone(arguments, seed, task, way)
        elif not path.exists():
            result = _continued(options, task, seed, way)
            path.write_text(json.dumps(result, indent=2) + "\n")
    _report(options)
    return 0


def _run_alone(arguments, seed, task, way):
    one = ["--seeds", str(seed), "--tasks", task, "--ways", way]
    given = sys.argv[1:] if arguments is None else arguments
    done = subprocess.run([sys.executable, __file__, *map(str, given), *one])
    if done.returncode:
        sys.exit(done.returncode)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path, help="folder of the runs and the report")
    parser.add_argument("--tfds", help="TensorFlow Datasets' folder, with cifar10")
    parser.add_argument("--masks", help="folder of images and masks")
    parser.add_argument("--ignore-index", type=int, help="value of pixels that do not count")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--width", type=float, default=0.5, help="of the CIFAR networks")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=1500, help="before the flip")
    parser.add_argument("--more-steps", type=int, default=1500, help="of the plain one after it")
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--dense-batch-size", type=int, default=8)
    parser.add_argument("--dense-steps", type=int, default=1000)
    parser.add_argument("--dense-more-steps", type=int, default=1000)
    parser.add_argument("--dense-rate", type=float, default=0.002, help="of AdamW")
    parser.add_argument("--crop", type=int, default=160, help="side of the crops of images")
    parser.add_argument("--budget", type=float, default=50e6, help="of the segmenter's neck")
    parser.add_argument("--images", type=int, help="tested on so many; default all")
    return parser


def _claim(options):
    """Refuses a folder that was begun with other settings."""
    kept = ("output", "tasks", "seeds", "ways", "tfds", "masks")
    settings = {name: value for name, value in vars(options).items() if name not in kept}
    path = options.output / "settings.json"
    if path.exists() and json.loads(path.read_text()) != settings:
        sys.exit(f"{path} has other settings; take another folder, or the same settings.")
    path.write_text(json.dumps(settings, indent=2) + "\n")


def _continued(options, task, seed, way):
    """Returns the score of the network trained on in one way, and what it took."""
    folder = options.output / task / str(seed)
    if task in CIFAR:
        model = _flipped(_start(options, task, seed), way, seed)
        macs, plain = profile(model).macs, profile(_start(options, task, seed)).macs
        batches = functools.partial(_cifar_batches, options, seed)
        steps = _train(model, folder / way, options.more_steps * plain / macs, batches, options)
        score = _cifar_error(options, model)
    else:
        side = (options.crop, options.crop, 3)
        start = _dense_start(options, seed)
        model = _flipped_encoder(start, way, seed)
        macs, plain = profile(model, side).macs, profile(start, side).macs
        batches = functools.partial(_dense_batches, options, seed)
        wanted = options.dense_more_steps * plain / macs
        steps = _train(model, folder / way, wanted, batches, options, dense=True)
        score = _mean_iou(options, model)
    parameters = int(sum(np.prod(weight.shape) for weight in model.trainable_weights))
    return {"score": score, "macs": macs, "steps": steps, "parameters": parameters}


def _start(options, task, seed):
    """Returns the network trained for a while; from its file, if it has been."""
    folder = options.output / task / str(seed)
    path = folder / "start.keras"
    if not path.exists():
        keras.utils.set_random_seed(seed)
        model = kmg.applications.create_model(
            task, classes=10, width_multiplier=options.width, classifier_activation=None
        )
        batches = functools.partial(_cifar_batches, options, seed + 1000)
        _train(model, folder / "start", options.steps, batches, options)
        model.save(path)
        score = {"score": _cifar_error(options, model), "macs": profile(model).macs}
        (folder / "start.json").write_text(json.dumps(score, indent=2) + "\n")
    return keras.saving.load_model(path, compile=False)


def _dense_start(options, seed):
    folder = options.output / "dense" / str(seed)
    path = folder / "start.keras"
    if not path.exists():
        keras.utils.set_random_seed(seed)
        encoder = kmg.stock.rewrite(_start(options, "RES-12", seed))
        last = [each for each in encoder.operations if len(each.output.shape) == 4][-1]
        scaling = keras.layers.Rescaling(1 / 64, offset=-2)
        model = kmg.applications.segmenter(
            keras.Model(encoder.input, last.output, name="encoder"),
            len(_class_names(options.masks, options.ignore_index)),
            budget=options.budget,
            preprocessing=scaling,
        )
        batches = functools.partial(_dense_batches, options, seed + 1000)
        _train(model, folder / "start", options.dense_steps, batches, options, dense=True)
        model.save(path)
        score = {"score": _mean_iou(options, model)}
        (folder / "start.json").write_text(json.dumps(score, indent=2) + "\n")
    return keras.saving.load_model(path, compile=False)


def _flipped(model, way, seed):
    keras.utils.set_random_seed(seed)
    return kmg.flip(model) if way == "flipped" else model


def _flipped_encoder(model, way, seed):
    """Returns the segmenter with its encoder flipped; at first it gives the same masks."""
    if way == "plain":
        return model
    encoder = _flipped(model.get_layer("backbone"), way, seed)

    def clone(layer):
        return encoder if layer.name == "backbone" else type(layer).from_config(layer.get_config())

    flipped = keras.models.clone_model(model, clone_function=clone)
    for layer in flipped.layers:
        if layer.name != "backbone":
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return flipped


def _train(model, folder, steps, batches, options, dense=False):
    """Trains for about so many steps, with a rate that falls to zero; continues what was begun.

    Returns:
        The number of steps.
    """
    epochs = max(1, round(steps / EPOCH))
    per_epoch = max(1, round(steps / epochs))
    steps = epochs * per_epoch
    if dense:
        rate = keras.optimizers.schedules.CosineDecay(options.dense_rate, steps)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4)
        loss = kmg.losses.CrossEntropyDice()
    else:
        rate = keras.optimizers.schedules.CosineDecay(options.rate, steps)
        optimizer = kmg.optimizers.SGD(rate, weight_decay=5e-4)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss)
    kmg.training.resumable_fit(model, batches, epochs, per_epoch, folder, verbose=2)
    return steps


@functools.cache
def _whitening(tfds):
    return kmg.datasets.fit_whitening("cifar10", data_dir=tfds)


def _cifar_batches(options, seed, first_batch):
    return kmg.datasets.load_cifar(
        "cifar10",
        "train",
        options.batch_size,
        seed=seed,
        data_dir=options.tfds,
        first_batch=first_batch,
        whitening=_whitening(options.tfds),
    )


def _cifar_error(options, model):
    """Returns the test error in percent."""
    split = f"test[:{options.images}]" if options.images else "test"
    data = kmg.datasets.load_cifar(
        "cifar10", split, 250, data_dir=options.tfds, whitening=_whitening(options.tfds)
    )
    wrong = [model.predict_on_batch(x).argmax(-1) != np.asarray(y) for x, y in data]
    return 100 * float(np.concatenate(wrong).mean())


def _masks(options, split, **more):
    return kmg.datasets.mask_folder(options.masks, split, ignore_index=options.ignore_index, **more)


@functools.cache
def _class_names(masks, ignore_index):
    from keras_multigrid.datasets.masks.mask_set import read_mask_set

    return read_mask_set(masks, ignore_index=ignore_index).labels.names


def _dense_batches(options, seed, first_batch):
    return _masks(
        options,
        "train",
        batch_size=options.dense_batch_size,
        crop=(options.crop, options.crop),
        seed=seed,
        first_batch=first_batch,
    )


def _mean_iou(options, model):
    """Returns the mean IoU in percent, of whole images."""
    matrix = kmg.segmentation_scores.ConfusionMatrix(
        [str(number) for number in range(model.output_shape[-1])]
    )
    for images, masks in _masks(options, "validation", batch_size=1).take(options.images or -1):
        for truth, found in zip(np.asarray(masks), model.predict_on_batch(images).argmax(-1)):
            matrix.add(truth, found)
    return 100 * matrix.mean_iou


def _report(options):
    """Writes the table of all that is finished."""
    lines = [
        "| task | way | seeds | score | spread | multiply-adds | steps | parameters |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for task in TASKS:
        for way in ("start", *WAYS):
            paths = sorted((options.output / task).glob(f"*/{way}.json"))
            runs = [json.loads(path.read_text()) for path in paths]
            if runs:
                scores = [run["score"] for run in runs]
                spread = f"{min(scores):.2f} to {max(scores):.2f}"
                rest = [runs[0].get(name, "") for name in ("macs", "steps", "parameters")]
                cells = [task, way, len(runs), f"{statistics.mean(scores):.2f}", spread, *rest]
                lines.append(f"| {' | '.join(map(str, cells))} |")
    text = "\n".join(lines) + "\n"
    (options.output / "report.md").write_text(text)
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
