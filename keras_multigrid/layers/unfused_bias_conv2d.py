"""UnfusedBiasConv2D: Keras' convolution without TensorFlow's slow gradient of the bias."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_multigrid")
class UnfusedBiasConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`, whose bias gradient is summed apart from the kernel's.

    Arguments, variables and results are those of Keras' layer, of which this is a subclass.
    TensorFlow on a CPU computes the gradients of kernel and bias in one fused operation, which
    takes up to 2.7 times as long as the two of them apart, the longer the fewer input channels
    there are (results/speed.md).

    Args:
        *args: As for `keras.layers.Conv2D`.
        **kwargs: As for `keras.layers.Conv2D`.

    Input shape:
        As for `keras.layers.Conv2D`.

    Output shape:
        As for `keras.layers.Conv2D`.

    Raises:
        ValueError: As `keras.layers.Conv2D` does.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> layer = kmg.layers.UnfusedBiasConv2D(8, 7, strides=2, padding="same")
    >>> tuple(layer(np.ones((1, 32, 32, 3), "float32")).shape)
    (1, 16, 16, 8)
    """

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)  # of integers, which Keras' layer refuses
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            outputs = add_bias(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)


def add_bias(outputs, bias, data_format):
    """Adds a bias per channel to feature maps."""
    bias = ops.convert_to_tensor(bias)
    if data_format == "channels_first":
        bias = ops.reshape(bias, (1, -1, 1, 1))
    # The other order Keras would turn into bias_add, whose gradient is the one that gets fused.
    return ops.add(bias, outputs)
