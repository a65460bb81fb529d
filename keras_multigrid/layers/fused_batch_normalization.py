"""FusedBatchNormalization: Keras' batch normalization by TensorFlow's fused kernel."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_multigrid")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, computed by a fused kernel where the backend has one.

    Arguments, variables and results are those of Keras' layer, of which this is a subclass.
    TensorFlow's fused kernel computes statistics, normalization, scale and shift in one pass over
    4D inputs; whatever it does not cover (other ranks and axes, masks, integers, float64,
    renormalization, replica synchronization, `channels_first` off the GPU, other backends) is left
    to Keras.

    Args:
        **kwargs: As for `keras.layers.BatchNormalization`.

    Input shape:
        Any, as for `keras.layers.BatchNormalization`.

    Output shape:
        The input's.

    Raises:
        ValueError: As `keras.layers.BatchNormalization` does.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> layer = kmg.layers.FusedBatchNormalization(epsilon=1e-5)
    >>> x = np.random.default_rng(0).normal(3.0, 2.0, (4, 8, 8, 2)).astype("float32")
    >>> y = layer(x, training=True)
    >>> bool(abs(float(y[..., 0].numpy().mean())) < 1e-4)
    True
    """

    def call(self, inputs, training=None, mask=None):
        if not self._has_fused_kernel(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = self._fused(inputs, bool(training and self.trainable))
        if training and self.trainable:
            self._update_statistics(inputs, mean, variance)
        return outputs

    def _has_fused_kernel(self, inputs, mask):
        return (
            keras.backend.backend() == "tensorflow"
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and inputs.dtype == self.compute_dtype != "float64"
            and not self.renorm
            and not self.synchronized
        )

    def _fused(self, inputs, training):
        import tensorflow as tf

        channels = inputs.shape[-1]
        outputs = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=ops.cast(self.gamma, "float32") if self.scale else tf.ones(channels),
            offset=ops.cast(self.beta, "float32") if self.center else tf.zeros(channels),
            mean=[] if training else ops.cast(self.moving_mean, "float32"),
            variance=[] if training else ops.cast(self.moving_variance, "float32"),
            epsilon=self.epsilon,
            is_training=training,
        )
        return outputs.y, outputs.batch_mean, outputs.batch_variance

    def _update_statistics(self, inputs, mean, variance):
        # The kernel's variance is divided by n - 1, Keras' by n.
        samples = ops.cast(math.prod(ops.shape(inputs)[:3]), "float32")
        variance = variance * (ops.maximum(samples - 1.0, 1.0) / samples)
        for statistic, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            statistic.assign(
                statistic * self.momentum + ops.cast(value, statistic.dtype) * (1.0 - self.momentum)
            )
