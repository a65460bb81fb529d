"""Exported models in fresh processes that import one runtime alone, against the Keras model."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.export import export_model
from tests.test_stock import prepared

layers = kmg.layers
zoo = kmg.applications
CLIENT = __file__.replace("test_clients", "client")
RUNTIMES = {"savedmodel": ["tensorflow", "openvino"], "onnx": ["onnxruntime"], "litert": ["litert"]}
BATCHES = (1, 3, 17)


def unsaturated(model):
    """Weakens the last layer until no class takes all of the probability."""
    logits = model.get_layer("logits")
    features = keras.Model(model.input, logits.output)
    images = np.random.default_rng(3).uniform(-1, 1, (8, *model.input_shape[1:]))
    spread = np.asarray(features(images), "float32").std()
    for weight in logits.weights:
        weight.assign(weight / spread)
    return model


def classifier():
    model = zoo.MG(depth=6, width_multiplier=0.1, classes=7, channel_ratios=(1, 0.5))
    return unsaturated(prepared(model))


def classifier_in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = classifier()
    keras.config.set_dtype_policy("float32")
    return model


def dense(input_shape=(64, 64, 1)):
    options = {"width_multiplier": 0.1, "channel_ratios": (1, 0.5), "repeats": 1, "classes": 3}
    return prepared(zoo.PMGSEG(input_shape=input_shape, **options))


def r_mg_34():
    model = zoo.RMG34(width_multiplier=0.1, classes=5, input_shape=(64, 64, 3))
    return unsaturated(prepared(model))


# Network, options of the export, sizes of the images; the last with `--runslow` only.
CASES = {
    "classifier": (classifier, {"resize": (32, 36), "dtype": "uint8"}, [(32, 32), (40, 57)]),
    "dense": (dense, {}, [(64, 64), (37, 51)]),
    "bfloat16": (classifier_in_bfloat16, {}, [(32, 32)]),
    "r_mg_34": (r_mg_34, {"resize": (64, 73)}, [(90, 75)]),
}


def expected_outputs(model, images, resize):
    """Computes by the original network, made anew at the images' size, what should come out."""
    images = images.astype("float32")
    if resize:
        images = layers.ResizedCentre(*resize)(images)
    inputs = np.asarray(images) / 127.5 - 1
    if model.name == "PMG-11":
        again = dense(inputs.shape[1:])
        again.set_weights(model.get_weights())
        model = again
    return np.asarray(model(inputs, training=False)).astype("float32")


@pytest.fixture(scope="module")
def networks(request):
    """Each case's network, options, and for each size of images these and what should come out."""
    made = {}
    cases = list(CASES.items()) if request.config.getoption("--runslow") else [*CASES.items()][:-1]
    for name, (make, options, sizes) in cases:
        model, options = make(), dict(options)
        resize = options.pop("resize", None)
        preprocessing = [layers.ResizedCentre(*resize)] if resize else []
        preprocessing.append(keras.layers.Rescaling(1 / 127.5, -1, dtype="float32"))
        rng = np.random.default_rng(0)
        answered = {}
        for size in sizes:
            shape = (max(BATCHES), *size, model.input_shape[-1])
            images = rng.integers(0, 256, shape).astype(options.get("dtype", "float32"))
            answered[size] = images, expected_outputs(model, images, resize)
        made[name] = model, {**options, "preprocessing": preprocessing}, answered
    return made


@pytest.fixture(scope="module", params=RUNTIMES)
def exported(request, networks, tmp_path_factory):
    """All cases in a format, with images, and what should come out."""
    file_format = request.param
    root = tmp_path_factory.mktemp(file_format)
    expected = {}
    for name, (model, options, answered) in networks.items():
        if file_format == "litert":  # which has images of one size
            answered = dict([*answered.items()][-1:])
            options = {**options, "size": next(iter(answered))}
        export_model(model, root / name, file_format, **options)
        for size, (images, outputs) in answered.items():
            for batch in BATCHES:
                key = f"{'x'.join(map(str, size))}_{batch}"
                np.save(root / name / f"images_{key}.npy", images[:batch])
                expected[name, key] = outputs[:batch]
    return file_format, root, expected


def answers(runtime, root):
    """Lets a process answer all images; returns the modules that it imported."""
    command = [sys.executable, CLIENT, runtime, root]
    process = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stderr[-4000:]
    return process.stdout.splitlines()[-1].split()


def test_outputs_equal_the_keras_models(exported):
    file_format, root, expected = exported
    for runtime in RUNTIMES[file_format]:
        modules = answers(runtime, root)
        assert "keras_multigrid" not in modules
        if runtime != "tensorflow":  # which imports Keras and, where it is installed, JAX
            assert not {"tensorflow", "keras", "jax", "torch"} & set(modules)
        for (name, key), values in expected.items():
            tolerance = 1e-2 if name == "bfloat16" else 1e-5
            with np.load(root / name / f"outputs_{key}.npz") as outputs:
                check(outputs, values, tolerance, f"{runtime} {name} {key}")


def check(outputs, values, tolerance, message):
    main = "masks" if values.ndim == 4 else "probabilities"
    assert sorted(outputs) == (["masks"] if main == "masks" else ["classes", main])
    assert outputs[main].dtype == "float32" and outputs[main].shape == values.shape
    assert values.std() > 1e-2, message  # not all alike
    np.testing.assert_allclose(outputs[main], values, atol=tolerance, err_msg=message)
    if main == "probabilities":
        assert values.max() < 0.95, message
        np.testing.assert_array_equal(outputs["classes"], outputs[main].argmax(axis=1))
