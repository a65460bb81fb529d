"""ChannelPadding: the parameter-free shortcut of residual units that grow."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import resolve_data_format


@keras.saving.register_keras_serializable(package="keras_multigrid")
class ChannelPadding(keras.layers.Layer):
    """Appends zero channels to a feature map (paper, section 3, Figure 2 right: the shortcut).

    Args:
        filters: Number of channels of the output, at least the input's.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        One tensor `(batch, height, width, channels)`.

    Output shape:
        `(batch, height, width, filters)`.

    Raises:
        ValueError: If `filters` is not a positive integer, or smaller than the input's channels.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> tuple(kmg.layers.ChannelPadding(5)(np.ones((1, 4, 4, 3), "float32")).shape)
    (1, 4, 4, 5)
    """

    def __init__(self, filters, *, data_format=None, **kwargs):
        super().__init__(**kwargs)
        checks.positive_integers(**{f"ChannelPadding '{self.name}': filters": filters})
        self.filters = int(filters)
        self.data_format = resolve_data_format(data_format)

    @property
    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else 3

    def build(self, input_shape):
        self._missing_channels(input_shape)

    def call(self, inputs):
        padding = [(0, 0)] * 4
        padding[self._channel_axis] = (0, self._missing_channels(inputs.shape))
        return ops.pad(ops.cast(inputs, self.compute_dtype), padding)

    def compute_output_shape(self, input_shape):
        self._missing_channels(input_shape)
        shape = list(input_shape)
        shape[self._channel_axis] = self.filters
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "data_format": self.data_format,
        }

    def _missing_channels(self, shape):
        if len(shape) != 4 or not isinstance(shape[self._channel_axis], int):
            raise ValueError(
                f"ChannelPadding '{self.name}' got shape {tuple(shape)}; expected 4 dimensions "
                "with a known number of channels."
            )
        if shape[self._channel_axis] > self.filters:
            raise ValueError(
                f"ChannelPadding '{self.name}' got {shape[self._channel_axis]} channels; expected "
                f"at most filters={self.filters}. A 1x1 convolution can reduce them."
            )
        return self.filters - shape[self._channel_axis]
