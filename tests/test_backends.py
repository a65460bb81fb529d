"""The same numbers on TensorFlow, JAX and PyTorch, and no backend that was not asked for."""

import functools
import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import backend_cases
from tests.cheaper import running_eagerly

ROOT = pathlib.Path(__file__).parents[1]


def run_python(arguments, backend):
    """Runs Python in the repository with another backend, and returns what it prints."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        # JAX compiles every operation of every shape; optimizing that would take most of the time.
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    process = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return process.stdout


@functools.cache
def expected_outputs(all_networks):
    with running_eagerly():
        return backend_cases.run(all_networks)


@pytest.mark.parametrize("networks", [[], pytest.param(["all"], marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "backend, data_format",
    [("jax", "channels_last"), ("jax", "channels_first"), ("torch", "channels_last")],
)
def test_backends_agree(backend, data_format, networks, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    path = tmp_path / "outputs.npz"
    run_python(["-m", "tests.backend_cases", path, data_format, *networks], backend)
    outputs, expected = np.load(path), expected_outputs(bool(networks))
    if data_format == "channels_last":
        assert sorted(outputs) == sorted(expected)
    for name, values in outputs.items():
        assert values.shape == expected[name].shape, name
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_model_with_an_image_pyramid_is_exported_from_jax(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    program = """
import sys, keras, numpy as np
import keras_multigrid as kmg
image = keras.Input((6, 5, 1))
outputs = kmg.layers.MultigridConv2D([2, 3])(kmg.layers.ImagePyramid(2)(image))
model = keras.Model(image, outputs)
model.export(sys.argv[1] + "/model", verbose=False)
images = np.random.default_rng(0).normal(size=(3, 6, 5, 1)).astype("float32")
np.savez(sys.argv[1] + "/expected.npz", images, *model.predict(images, verbose=0))
"""
    run_python(["-c", program, tmp_path], "jax")
    images, *expected = np.load(tmp_path / "expected.npz").values()
    served = tf.saved_model.load(str(tmp_path / "model"))  # its function alone lets go of it
    outputs = served.serve(images)
    assert len(outputs) == len(expected) == 2
    for output, values in zip(outputs, expected):
        np.testing.assert_allclose(output, values, atol=1e-5)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_import_is_lean(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    unwanted = ["sklearn", "matplotlib", "keras_tuner", "tensorflow_datasets"]
    # Keras itself imports scikit-learn and Matplotlib where they are installed: what counts is
    # what we add.
    program = f"""
import sys, keras
before = set(sys.modules)
import keras_multigrid
unwanted = {unwanted} + (["tensorflow"] if keras.backend.backend() != "tensorflow" else [])
print(sorted(set(unwanted) & (set(sys.modules) - before)))
"""
    assert run_python(["-c", program], backend).strip() == "[]"


def test_suite_runs_on_the_default_backend():
    # The comparisons above and some gradients need it; another one would test less in silence.
    assert keras.backend.backend() == "tensorflow"
