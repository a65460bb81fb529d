"""Comparisons of tensors and pyramids."""

import numpy as np
import pytest
from keras import ops


def assert_close(actual, expected, tolerance=1e-5):
    """Compares two arrays, shapes included, relative to the larger of 1 and the values."""
    actual, expected = ops.convert_to_numpy(actual), ops.convert_to_numpy(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(
        actual.astype("float64"), expected.astype("float64"), rtol=tolerance, atol=tolerance
    )


def assert_pyramids_close(actual, expected, tolerance=1e-5):
    """Compares two lists of arrays grid by grid."""
    assert isinstance(actual, list)
    assert len(actual) == len(expected)
    for actual_grid, expected_grid in zip(actual, expected):
        assert_close(actual_grid, expected_grid, tolerance)


def shapes_of(pyramid):
    return [tuple(grid.shape) for grid in pyramid]


def assert_all_weights_get_a_gradient(model):
    """Asks for the gradient of a network of images `(32, 32, 3)`."""
    tf = pytest.importorskip("tensorflow")
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = tf.reduce_sum(outputs * np.random.default_rng(1).normal(size=outputs.shape))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_variables])
    assert all(gradient is not None for gradient in gradients)
