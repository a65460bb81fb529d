"""ZCAWhitening: unit covariance, the matrix of the textbook, and a way back."""

import keras
import numpy as np
import pytest
import scipy.linalg
from keras import ops

from keras_multigrid.layers import ZCAWhitening, zca_whitening
from tests.asserts import assert_close

SHAPE = (3, 2, 2)
PIXELS = 12


def correlated_images(samples=500, seed=0):
    """Returns images whose pixels are random mixtures of common sources."""
    rng = np.random.default_rng(seed)
    sources = rng.uniform(-1, 1, (samples, PIXELS))
    mixed = 0.5 + 0.1 * sources @ rng.normal(size=(PIXELS, PIXELS))
    return mixed.reshape(samples, *SHAPE)


def adapted(images, **options):
    layer = ZCAWhitening(**options)
    layer.adapt(images)
    return layer


def textbook(fitted, images, epsilon):
    """Returns the whitened images, by other routines than the layer's and in float64."""
    vectors = fitted.reshape(len(fitted), -1).astype("float64")
    covariance = np.cov(vectors, rowvar=False) + epsilon * np.eye(PIXELS)
    matrix = np.linalg.inv(scipy.linalg.sqrtm(covariance))
    centred = images.reshape(len(images), -1) - vectors.mean(axis=0)
    return (centred @ matrix.T).reshape(images.shape)


def test_whitened_covariance_is_the_identity():
    images = correlated_images()
    white = ops.convert_to_numpy(adapted(images)(images)).reshape(len(images), -1)
    assert_close(white.mean(axis=0), np.zeros(PIXELS), 1e-5)
    assert_close(np.cov(white, rowvar=False), np.eye(PIXELS), 1e-4)


@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_equals_the_textbook(epsilon):
    fitted, images = correlated_images(), correlated_images(7, seed=1)
    expected = textbook(fitted, images, epsilon)
    assert_close(adapted(fitted, epsilon=epsilon)(images), expected, 1e-4)


def test_inverse():
    fitted, images = correlated_images(), correlated_images(7, seed=1)
    layer = adapted(fitted)
    assert_close(layer.inverse(layer(images)), images, 1e-5)
    assert_close(layer(layer.inverse(images)), images, 1e-4)


def test_is_the_identity_before_adapt():
    images = correlated_images(3).astype("float32")
    layer = ZCAWhitening()
    assert_close(layer(images), images, 0)
    assert_close(layer.inverse(images), images, 1e-6)


def test_adapt_replaces_what_was_fitted():
    layer = adapted(correlated_images(seed=1))
    layer.adapt(correlated_images())
    for weight, expected in zip(layer.weights, adapted(correlated_images()).weights):
        assert_close(weight.value, expected.value, 0)
    assert not layer.trainable_weights


def test_chunks_and_number_types_make_no_difference(monkeypatch):
    images = np.clip(255 * correlated_images(), 0, 255).round()
    whole = adapted(images)
    monkeypatch.setattr(zca_whitening, "CHUNK", 64)  # 500 is no multiple
    for weight, expected in zip(adapted(images.astype("uint8")).weights, whole.weights):
        assert_close(weight.value, expected.value, 1e-6)


def test_fewer_samples_than_pixels_and_pixels_without_variance():
    images = correlated_images(PIXELS // 2)
    images[:, 0] = 1
    layer = adapted(images)
    white = ops.convert_to_numpy(layer(images)).reshape(len(images), -1)
    assert np.isfinite(white).all()
    variances = np.linalg.eigvalsh(np.cov(white, rowvar=False))[-PIXELS // 2 + 1 :]
    assert_close(variances, np.ones(PIXELS // 2 - 1), 1e-2)


def test_saved_and_loaded(tmp_path):
    images = correlated_images()
    model = keras.Sequential([keras.Input(SHAPE), adapted(images, epsilon=1e-3)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_close(loaded(images), model(images), 0)
    assert_close(loaded.layers[-1].inverse(images), model.layers[-1].inverse(images), 0)
    with pytest.raises(ValueError, match="as at build"):
        loaded(np.zeros((1, 2, 2, 3)))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="SavedModel is TensorFlow's")
def test_exported(tmp_path):
    import tensorflow as tf

    images = correlated_images().astype("float32")
    model = keras.Sequential([keras.Input(SHAPE), adapted(images)])
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert_close(loaded.serve(images), model(images), 1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_computes_in_full_precision_under_any_policy(policy):
    images = correlated_images().astype("float32")
    images[..., 0] = images[..., 1] + 1e-4 * images[..., 0]  # lost in half precision
    keras.config.set_dtype_policy(policy)
    layer = ZCAWhitening()
    inputs = keras.Input(SHAPE, dtype="float32")
    model = keras.Model(inputs, layer(inputs))
    layer.adapt(images)
    outputs = model(images)
    dtype = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(outputs.dtype) == model.output.dtype == dtype
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    expected = ops.cast(adapted(images, dtype="float32")(images), dtype)
    assert_close(ops.cast(outputs, "float32"), ops.cast(expected, "float32"), 0)


ERRORS = {
    "epsilon: zero": (lambda: ZCAWhitening(0), "epsilon is 0; expected a positive number"),
    "epsilon: not a number": (lambda: ZCAWhitening(float("nan")), "epsilon is nan; expected"),
    "epsilon: text": (lambda: ZCAWhitening("1e-8"), "epsilon is '1e-8'; expected a positive"),
    "adapt: rank": (
        lambda: ZCAWhitening(name="zca").adapt(np.zeros((9, PIXELS))),
        r"ZCAWhitening 'zca' got shape \(9, 12\); expected 4 dimensions",
    ),
    "adapt: one sample": (
        lambda: ZCAWhitening().adapt(np.zeros((1, *SHAPE))),
        r"adapt got 1 image\(s\); expected at least 2",
    ),
    "adapt: not finite": (
        lambda: ZCAWhitening().adapt(np.full((9, *SHAPE), np.nan)),
        "values that are not finite; expected numbers",
    ),
    "adapt: infinite": (
        lambda: ZCAWhitening().adapt(np.full((9, *SHAPE), -np.inf)),
        "values that are not finite; expected numbers",
    ),
    "adapt: other sides": (
        lambda: adapted(correlated_images()).adapt(np.zeros((9, 2, 2, 3))),
        r"got images of shape \(2, 2, 3\); expected \(3, 2, 2\), as at build",
    ),
    "call: other sides": (
        lambda: adapted(correlated_images())(np.zeros((1, 2, 2, 3))),
        r"got images of shape \(2, 2, 3\); expected \(3, 2, 2\), as at build",
    ),
    "call: one image": (
        lambda: ZCAWhitening()(np.zeros(SHAPE)),
        r"got shape \(3, 2, 2\); expected 4 dimensions.* image\[None\]",
    ),
    "unknown sides": (
        lambda: ZCAWhitening()(keras.Input((None, None, 3))),
        r"got shape \(None, None, None, 3\); expected .* known sides",
    ),
    "inverse before build": (
        lambda: ZCAWhitening().inverse(np.zeros((1, *SHAPE))),
        r"is not built; call adapt\(images\) before inverse",
    ),
}


@pytest.mark.parametrize("attempt, message", ERRORS.values(), ids=ERRORS.keys())
def test_bad_input(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()
