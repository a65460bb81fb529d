"""Exports a run's network in each format; compares size, time and accuracy, int8 beside float.

Images have the network's own size; the formats take turns. The accuracy is that of the recipe's
metrics on test images, as each format computes them.

    python tools/benchmark_formats.py runs/cifar10 --images 2000
    python tools/benchmark_formats.py R-MG-34                     # not trained: no accuracy
"""

import argparse
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable

import keras
import numpy as np
from timing import median_times

import keras_multigrid as kmg
from keras_multigrid.recipes import ImageNet
from keras_multigrid.runs import export_run
from keras_multigrid.runs.run_folder import MODEL, read_recipe

BATCHES = (1, 8)
THREADS = 2


@dataclasses.dataclass
class Exported:
    """An exported network: how to call it on images, and how large its files are."""

    call: Callable
    mib: float


def tensorflow(folder):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]

    def call(images, loaded=loaded):  # the signature does not keep its variables alive
        outputs = signature(images=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    return call


def openvino(folder):
    import openvino as ov

    model = ov.compile_model(ov.convert_model(folder), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: {
        output.any_name: values for output, values in model({"images": images}).items()
    }


def onnxruntime(folder):
    import onnxruntime as ort

    session = ort.InferenceSession(folder / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {"images": images})))


def litert(folder):
    from ai_edge_litert.interpreter import Interpreter

    content = (folder / "model.tflite").read_bytes()

    @functools.cache
    def runner(shape):
        interpreter = Interpreter(model_content=content, num_threads=THREADS)
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        return interpreter.get_signature_runner()

    return lambda images: runner(images.shape)(images=images)


VARIANTS = {
    "TensorFlow, not rewritten": (tensorflow, "savedmodel", {"rewrite": False}),
    "TensorFlow": (tensorflow, "savedmodel", {}),
    "OpenVINO": (openvino, "savedmodel", {}),
    "ONNX Runtime": (onnxruntime, "onnx", {}),
    "LiteRT": (litert, "litert", {}),
    "LiteRT, int8": (litert, "litert", {"int8": True}),
}


def export_untrained(name, folder, format, size, rewrite=True, int8=False):
    """Exports a network of ImageNet with random weights; returns the version's folder."""
    model = kmg.applications.create_model(name)
    noise = np.random.default_rng(0).integers(0, 256, (8, *size, 3)).astype("float32")
    version = kmg.export.export_model(
        model,
        folder,
        format,
        preprocessing=ImageNet().preprocessing(None),
        size=size,
        rewrite=rewrite,
        calibration=noise if int8 else None,
    )
    return version


def mib(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 2**20


def accuracy(recipe, call, images, targets):
    """Returns the scores of a format's outputs on test images."""
    outputs = []
    for start in range(0, len(images), 100):
        outputs.append(call(images[start : start + 100]))
    main = "masks" if "masks" in outputs[0] else "probabilities"
    predictions = np.concatenate([output[main] for output in outputs])
    results = {}
    for metric in recipe.metrics():
        metric.update_state(targets, predictions)
        results[metric.name] = float(metric.result())
    return recipe.scores(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", help="folder of a finished run, or R-MG-34 or R-PMG-30-SEG")
    parser.add_argument("--images", type=int, default=1000, help="of the test data")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    run = pathlib.Path(options.subject)
    recipe = read_recipe(run) if run.is_dir() else None
    if recipe:
        size = keras.models.load_model(run / MODEL).input_shape[1:3]
        images, targets = recipe.sent_images("test", options.images)
    else:
        size, targets = (224, 224), None
        images = np.random.default_rng(1).integers(0, 256, (8, *size, 3)).astype("float32")

    exported = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (load, file_format, changes)) in enumerate(VARIANTS.items()):
            base = pathlib.Path(folder, str(number))
            if recipe:
                version = export_run(run, base, file_format, size=size, **changes)
            else:
                version = export_untrained(options.subject, base, file_format, size, **changes)
            exported[name] = Exported(load(version), mib(version))
        batches = [np.resize(images, (count, *images.shape[1:])) for count in BATCHES]
        times = [
            median_times(
                [lambda call=one.call, batch=batch: call(batch) for one in exported.values()],
                options.repeats,
            )
            for batch in batches
        ]
    print(f"\n{options.subject}, images of {size[0]}x{size[1]}")
    columns = " | ".join(f"batch {count}, ms | ratio" for count in BATCHES)
    print(f"| format | MiB | {columns} | accuracy |")
    for index, (name, one) in enumerate(exported.items()):
        cells = [f"{each[index].milliseconds:.2f} | {each[index].ratio:.2f}" for each in times]
        scores = accuracy(recipe, one.call, images, targets) if recipe else {}
        cells += [f"{score} {value:.2f} %" for score, value in scores.items()]
        print(f"| {name} | {one.mib:.2f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
