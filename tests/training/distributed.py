"""Trainings on virtual devices: python -m tests.training.distributed OUTPUT.npz, on JAX."""

import sys

import keras
import numpy as np

from keras_multigrid.layers import FusedBatchNormalization
from keras_multigrid.training import data_parallel

BATCH, STEPS = 8, 3


def data():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH * STEPS, 8, 8, 1)).astype("float32")
    images[::3] += 3  # so that halves of a batch differ in their statistics
    return images, images.mean(axis=(1, 2))


def train(devices, normalizes):
    """Returns the model, and the loss of each epoch."""
    keras.utils.set_random_seed(0)
    with data_parallel(devices):
        layers = [keras.layers.Conv2D(4, 3, activation="relu")]
        if normalizes:
            layers.append(FusedBatchNormalization(momentum=0.5))
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse", jit_compile=False)
        images, targets = data()
        history = model.fit(images, targets, batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
    return model, history.history["loss"]


if __name__ == "__main__":
    import jax

    jax.config.update("jax_num_cpu_devices", 2)
    results = {}
    for devices in (1, 2):
        model, losses = train(devices, normalizes=True)
        results[f"losses {devices}"] = losses
        results[f"statistics {devices}"] = np.concatenate(
            [np.ravel(variable) for variable in model.non_trainable_variables[:2]]
        )
        results[f"restored {devices}"] = keras.distribution.distribution() is None
    np.savez(sys.argv[1], **results)
