"""PaddingToMultiple: images filled up to sides that a network's strides divide."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import resolve_data_format
from keras_multigrid.layers.resampling import crop


@keras.saving.register_keras_serializable(package="keras_multigrid")
class PaddingToMultiple(keras.layers.Layer):
    """Appends zeros at the bottom and at the right until both sides are multiples of a number.

    A network that begins with it, its number the network's total stride, gives each part of an
    image the same grids as the whole, if the part begins at such a multiple.

    Args:
        multiple: The number.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        One tensor `(batch, height, width, channels)`; sides possibly unknown.

    Output shape:
        The same, its sides rounded up.

    Raises:
        ValueError: If `multiple` is not a positive integer, or the input is not 4D.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> tuple(kmg.layers.PaddingToMultiple(16)(np.ones((1, 33, 48, 3), "float32")).shape)
    (1, 48, 48, 3)
    """

    def __init__(self, multiple, *, data_format=None, **kwargs):
        super().__init__(**kwargs)
        checks.positive_integers(**{f"PaddingToMultiple '{self.name}': multiple": multiple})
        self.multiple = int(multiple)
        self.data_format = resolve_data_format(data_format)

    def call(self, images):
        self._check(images.shape)
        row = self._row()
        padding = [(0, 0)] * 4
        padding[row] = padding[row + 1] = (0, self.multiple - 1)
        sides = ops.shape(images)[row : row + 2]
        images = ops.cast(images, self.compute_dtype)
        size = [self._rounded(side) for side in sides]
        return crop(ops.pad(images, padding), size, self.data_format)

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        shape, row = list(input_shape), self._row()
        shape[row : row + 2] = [side and self._rounded(side) for side in shape[row : row + 2]]
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "multiple": self.multiple,
            "data_format": self.data_format,
        }

    def _rounded(self, side):
        return (side + self.multiple - 1) // self.multiple * self.multiple

    def _row(self):
        return 2 if self.data_format == "channels_first" else 1

    def _check(self, shape):
        if len(shape) != 4:
            raise ValueError(
                f"PaddingToMultiple '{self.name}' got shape {tuple(shape)}; expected 4 dimensions, "
                "(batch, height, width, channels). Add a batch to a single image: image[None]."
            )
