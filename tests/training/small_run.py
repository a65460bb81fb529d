"""A small training with all that must survive: dropout, batch statistics, callbacks' states.

python tests/training/small_run.py FOLDER [SECONDS_PER_STEP]    prints a digest of the weights.
"""

import hashlib
import sys
import time

import keras
import numpy as np

import keras_multigrid as kmg

EPOCHS, STEPS, BATCH = 6, 5, 8


def batches(first_batch):
    """Endless batches, a pure function of their number."""
    import tensorflow as tf

    def of_number(number):
        images = tf.random.stateless_normal((BATCH, 8, 8, 1), tf.stack([number, 7]))
        return images, tf.reduce_mean(images, axis=(1, 2))

    return tf.data.Dataset.range(first_batch, 10**9).map(of_number)


def build(**compile_options):
    keras.utils.set_random_seed(1)
    images = keras.Input((8, 8, 1))
    pyramid = kmg.layers.ImagePyramid(2)(images)
    pyramid = kmg.layers.MultigridConv2D((4, 4))(pyramid)
    pyramid = kmg.layers.PerGrid(keras.layers.BatchNormalization())(pyramid)
    pyramid = kmg.layers.PerGrid(keras.layers.Dropout(0.3))(pyramid)
    pooled = [keras.layers.GlobalAveragePooling2D()(grid) for grid in pyramid]
    outputs = keras.layers.Dense(1, dtype="float32")(keras.layers.Concatenate()(pooled))
    model = keras.Model(images, outputs)
    options = {
        "optimizer": keras.optimizers.Adam(0.02),
        "loss": "mse",
        "metrics": ["mae"],
        **compile_options,
    }
    model.compile(**options)
    return model


def callbacks():
    return [
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.02),
        keras.callbacks.EarlyStopping(
            "val_loss", patience=2, restore_best_weights=True, min_delta=0.001
        ),
    ]


def run(folder, *further_callbacks, model=None, validates=True, **options):
    model = model or build()
    history = kmg.training.resumable_fit(
        model,
        batches,
        options.pop("epochs", EPOCHS),
        STEPS,
        folder,
        validation_data=batches(10**6).take(2) if validates else None,
        callbacks=[*callbacks(), *further_callbacks],
        verbose=0,
        **options,
    )
    return model, history


def digest(model):
    weights = b"".join(np.ascontiguousarray(weight).tobytes() for weight in model.get_weights())
    return hashlib.sha256(weights).hexdigest()


class Slow(keras.callbacks.Callback):
    """Leaves time to be killed."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


if __name__ == "__main__":
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    slow = Slow(float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    model, history = run(sys.argv[1], slow, checkpoint_seconds=0.05)
    print("digest", digest(model), len(history.epoch))
