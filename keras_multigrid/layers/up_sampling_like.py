"""UpSamplingLike: a coarse feature map at the size of a finer one."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import resolve_data_format
from keras_multigrid.layers.resampling import crop

INTERPOLATIONS = ("nearest", "bilinear")


@keras.saving.register_keras_serializable(package="keras_multigrid")
class UpSamplingLike(keras.layers.Layer):
    """Enlarges a feature map by an integer, and crops it to the sides of a finer one.

    Args:
        size: The factor.
        interpolation: `"nearest"` or `"bilinear"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        Two tensors, `(batch, height, width, channels)`: the coarse one, and the finer one, whose
        sides are at most `size` times as long.

    Output shape:
        The coarse tensor's batch and channels, the finer one's sides.

    Raises:
        ValueError: If an argument is wrong, or the finer tensor is too large.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> coarse, fine = np.ones((1, 4, 4, 8), "float32"), np.ones((1, 13, 16, 3), "float32")
    >>> tuple(kmg.layers.UpSamplingLike(4)(coarse, fine).shape)
    (1, 13, 16, 8)
    """

    def __init__(self, size, interpolation="nearest", *, data_format=None, **kwargs):
        super().__init__(**kwargs)
        checks.positive_integers(**{f"{self._label}: size": size})
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"{self._label}: interpolation is {interpolation!r}; expected one of "
                f"{', '.join(INTERPOLATIONS)}."
            )
        self.size, self.interpolation = int(size), interpolation
        self.data_format = resolve_data_format(data_format)

    def build(self, coarse_shape, finer_shape):
        self.compute_output_shape(coarse_shape, finer_shape)

    def call(self, coarse, finer):
        self.compute_output_shape(coarse.shape, finer.shape)
        row = self._row()
        large = ops.cast(coarse, self.compute_dtype)
        if self.interpolation == "bilinear" and self._has_fused_resize():
            large = _resized(large, self.size)
        else:
            enlarge = _linear if self.interpolation == "bilinear" else ops.repeat
            for axis in (row, row + 1):
                large = enlarge(large, self.size, axis=axis)
        return crop(large, ops.shape(finer)[row : row + 2], self.data_format)

    def compute_output_shape(self, coarse_shape, finer_shape):
        for shape in (coarse_shape, finer_shape):
            if len(shape) != 4:
                raise ValueError(
                    f"{self._label} got shape {tuple(shape)}; expected 4 dimensions, (batch, "
                    "height, width, channels)."
                )
        row, shape = self._row(), list(coarse_shape)
        sides = finer_shape[row : row + 2]
        for coarse, finer in zip(shape[row : row + 2], sides):
            if isinstance(coarse, int) and isinstance(finer, int) and finer > coarse * self.size:
                raise ValueError(
                    f"{self._label} got shapes {tuple(coarse_shape)} and {tuple(finer_shape)}; "
                    f"expected the second's sides at most {self.size} times the first's."
                )
        shape[row : row + 2] = sides
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "interpolation": self.interpolation,
            "data_format": self.data_format,
        }

    def _has_fused_resize(self):
        return keras.backend.backend() == "tensorflow" and self.data_format == "channels_last"

    def _row(self):
        return 2 if self.data_format == "channels_first" else 1

    @property
    def _label(self):
        return f"UpSamplingLike '{self.name}'"


def _resized(features, size):
    """Does what `_linear` does along both axes, in a quarter of the time on a CPU.

    `ops.image.resize` refuses sizes that are known only when an image comes.
    """
    import tensorflow as tf

    sides = [side * size for side in ops.shape(features)[1:3]]
    return ops.cast(tf.image.resize(features, sides), features.dtype)  # it returns float32


def _linear(features, size, axis):
    """Interpolates along an axis, for sizes that are known or not."""
    shape = list(ops.shape(features))
    first, last = (ops.take(features, [index], axis=axis) for index in (0, -1))
    inner = [slice(None)] * axis
    before = ops.concatenate([first, features[(*inner, slice(None, -1))]], axis=axis)
    after = ops.concatenate([features[(*inner, slice(1, None))], last], axis=axis)
    phases = []
    for phase in range(size):
        place = (phase + 0.5) / size - 0.5  # relative to the coarse pixel
        neighbour = before if place < 0 else after
        phases.append(features * (1 - abs(place)) + neighbour * abs(place))
    shape[axis] = shape[axis] * size
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)
