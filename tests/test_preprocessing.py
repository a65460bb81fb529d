"""What goes before the networks takes what data sets give: any number type, NumPy, `tf.data`."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.applications import preprocess_digits, preprocess_input

DTYPES = ("uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
IMAGES = np.random.default_rng(0).integers(0, 128, (2, 5, 4, 3))
EXPECTED = {
    preprocess_input: (IMAGES / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    preprocess_digits: (IMAGES - 0.1141) / 0.2746,
}
functions = pytest.mark.parametrize("function", EXPECTED, ids=[f.__name__ for f in EXPECTED])


def assert_as_expected(function, outputs, dtype):
    kept = dtype if dtype in ("float16", "bfloat16", "float64") else "float32"
    outputs = np.asarray(outputs, "float64")
    # As many digits as the type has, of numbers up to 3 or 500.
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2}.get(kept, 1e-6)
    np.testing.assert_allclose(outputs, EXPECTED[function], rtol=tolerance, atol=3 * tolerance)


@functions
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_tensors_and_elements(function, dtype):
    tensor = tf.cast(IMAGES, dtype)
    if dtype != "bfloat16":  # NumPy's own alone
        assert_as_expected(function, function(IMAGES.astype(dtype)), dtype)
    assert_as_expected(function, function(tensor), dtype)
    batch = next(iter(tf.data.Dataset.from_tensors(tensor).map(function)))
    assert_as_expected(function, batch, dtype)
    for image, values in zip(tf.data.Dataset.from_tensor_slices(tensor).map(function), batch):
        np.testing.assert_array_equal(image, values)  # without a batch
    for output in (function(tensor), batch):
        assert output.dtype.is_floating


@functions
def test_what_is_given_stays_as_it_is(function):
    for images in (IMAGES.astype("float32"), IMAGES.astype("uint8")):
        before = images.copy()
        function(images)
        np.testing.assert_array_equal(images, before)


@functions
def test_symbolic_images_of_integers(function, tmp_path):
    images = keras.Input((5, 4, 3), dtype="uint8")
    keras.Model(images, function(images)).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert_as_expected(function, model(IMAGES.astype("uint8")), "float32")


def test_channels_first():
    images = np.moveaxis(IMAGES, -1, 1).astype("uint8")
    expected = np.moveaxis(EXPECTED[preprocess_input], -1, 1)
    for given in (images, tf.constant(images), tf.constant(images, tf.float32)):
        outputs = preprocess_input(given, data_format="channels_first")
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


PROGRAM = """
import sys, numpy as np, tensorflow as tf
from keras_multigrid.applications import preprocess_digits, preprocess_input
images = np.load(sys.argv[1])
for function in (preprocess_input, preprocess_digits):
    for given in (images, images.astype("float32")):
        (inside,) = tf.data.Dataset.from_tensors(given).map(function)
        (element,) = tf.data.Dataset.from_tensors(given)
        for outputs in (inside, function(element), function(given)):
            np.testing.assert_allclose(outputs, np.load(f"{function.__name__}.npy"), 1e-5, 1e-5)
"""


def test_elements_of_tf_data_on_another_backend(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES.astype("uint8"))
    for function, expected in EXPECTED.items():
        np.save(tmp_path / f"{function.__name__}.npy", expected)
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "images.npy"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": folder},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
