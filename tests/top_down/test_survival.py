"""A top-down training that is interrupted ends as one that is not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.top_down import TopDownLoss
from keras_multigrid.training import resumable_fit
from tests.top_down.oracle import tiny_model
from tests.training.small_run import At, interrupt


def batches(first_batch):
    def of_number(number):
        images = tf.random.stateless_normal((4, 8, 8, 2), tf.stack([number, 0]))
        return images, tf.cast(images[:, 0, 0, 0] > 0, tf.int64)

    return tf.data.Dataset.range(first_batch, 10**6).map(of_number)


def train(folder, at=None):
    keras.utils.set_random_seed(1)
    model = tiny_model(2)
    rule = TopDownLoss(2.0, [1, 1], reward_weight=0.1)
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-8), rule, metrics=["accuracy"])
    history = resumable_fit(model, batches, 2, 3, folder, callbacks=[at or At()], verbose=0)
    return model, history.history


@pytest.mark.parametrize(
    "moment", [("train", 0, 1), pytest.param(("train", 1, 0), marks=pytest.mark.slow)]
)
def test_baselines_draws_and_weights_continue(moment, tmp_path):
    whole, losses = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", At(moment, interrupt))
    continued, again = train(tmp_path / "parts")
    assert again == losses
    assert whole.baselines.numpy()[:2].all()
    for one, two in zip(whole.variables, continued.variables):
        np.testing.assert_array_equal(one, two)
