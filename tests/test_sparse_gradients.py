"""Sparse gradients, as embeddings have, do what the same ones do when dense; on JAX as well.

`python -m tests.test_sparse_gradients OUTPUT.npz` trains on any backend, and has ResizedCentre make
images within a compiled step.
"""

import sys

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ResizedCentre
from keras_multigrid.optimizers import SGD
from tests.test_backends import run_python

CASES = {
    "plain": {"momentum": 0.0, "weight_decay": None},
    "nesterov": {"nesterov": True, "weight_decay": None},
    "decay": {"weight_decay": 0.3},
    "decoupled": {"weight_decay": 0.3, "decoupled": True},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.4},
    "global_clipnorm": {"global_clipnorm": 0.5, "nesterov": True},
    "accumulation": {"gradient_accumulation_steps": 2},
    "ema": {"use_ema": True, "ema_overwrite_frequency": 1},
}
ROWS, VALUES = [0, 2, 2], np.arange(1.0, 7, dtype="float32").reshape(3, 2)  # a row comes twice
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 9, 13, 3), "uint8")


def sparse():
    """Returns the backend's sparse gradient of a 4x2 variable."""
    if keras.backend.backend() == "jax":
        from jax.experimental.sparse import BCOO

        return BCOO((VALUES, np.array(ROWS)[:, None]), shape=(4, 2))
    import tensorflow as tf

    return tf.IndexedSlices(VALUES, tf.constant(ROWS), tf.constant([4, 2]))


def dense():
    gradient = np.zeros((4, 2), "float32")
    np.add.at(gradient, ROWS, VALUES)
    return keras.ops.convert_to_tensor(gradient)


def trained(gradient):
    """Returns weights after steps with each of the settings, by their name."""
    results = {}
    for name, options in CASES.items():
        weights = keras.Variable(np.ones((4, 2), "float32"))
        optimizer = SGD(0.1, **options)
        for _ in range(4):
            optimizer.apply([gradient()], [weights])
        results[name] = keras.ops.convert_to_numpy(weights)
    return results


def resized():
    images = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(images, ResizedCentre(5, shorter=7)(images))
    return {f"resized {side}": model.predict(IMAGES[:, :side], verbose=0) for side in (9, 4)}


def assert_equal(results, expected):
    assert sorted(results) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(results[name], values, 1e-5, 1e-4, err_msg=name)


def test_sparse_gradients_do_what_dense_ones_do():
    assert_equal(trained(sparse), trained(dense))


@pytest.mark.parametrize("backend", ["jax"])
def test_on_another_backend(backend, tmp_path):
    run_python(["-m", "tests.test_sparse_gradients", tmp_path / "results.npz"], backend)
    results = dict(np.load(tmp_path / "results.npz"))
    assert_equal(results, {**trained(dense), **resized()})


if __name__ == "__main__":
    np.savez(sys.argv[1], **trained(sparse), **resized())
