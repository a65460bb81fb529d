"""ResizedCentre: the square in the middle of a photograph, at the size a network reads."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import resolve_data_format


@keras.saving.register_keras_serializable(package="keras_multigrid")
class ResizedCentre(keras.layers.Layer):
    """Resizes images of any size, and takes the square in their centre (paper, section 4.4).

    The shorter side becomes `shorter` pixels and the aspect is kept. Images that shrink are
    averaged over areas, those that grow are interpolated bilinearly, as in the evaluation of
    `kmg.datasets.load_imagenet`. Both are products with one matrix per axis, whose rows outside of
    the square are never made: operations that every export format knows, for sizes that are known
    only when an image comes.

    Args:
        size: Side of the square in pixels.
        shorter: Length of the resized shorter side, at least `size`; None is `size`.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        One tensor `(batch, height, width, channels)` of any number type; sides possibly unknown.
        Under `channels_first` the channels come second.

    Output shape:
        `(batch, size, size, channels)`, of the layer's floating type, computed in float32.

    Raises:
        ValueError: If `size` or `shorter` is not such an integer, or the input is not 4D.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> photographs = np.random.default_rng(0).integers(0, 256, (2, 300, 401, 3), "uint8")
    >>> tuple(kmg.layers.ResizedCentre(224, shorter=256)(photographs).shape)
    (2, 224, 224, 3)
    """

    def __init__(self, size, shorter=None, *, data_format=None, **kwargs):
        # Values from 0 to 255 cast to half precision would have lost digits before `call`.
        super().__init__(autocast=False, **kwargs)
        shorter = size if shorter is None else shorter
        for name, value in (("size", size), ("shorter", shorter)):
            checks.positive_integers(**{f"{self._label}: {name}": value})
        if shorter < size:
            raise ValueError(
                f"{self._label}: shorter is {shorter}; expected at least size={size}, or the "
                "square would exceed the image."
            )
        self.size, self.shorter = int(size), int(shorter)
        self.data_format = resolve_data_format(data_format)

    def call(self, images):
        self._check(images.shape)
        channels_last = self.data_format == "channels_last"
        planes = ops.cast(images, "float32")
        if channels_last:
            planes = ops.transpose(planes, (0, 3, 1, 2))
        sides = ops.shape(planes)[2:]
        # JAX needs integers, to know the shapes that follow.
        known = all(isinstance(side, int) for side in sides)
        sides = sides if known else [ops.cast(side, "int32") for side in sides]
        shortest = min(sides) if known else ops.minimum(*sides)
        rows, columns = (self._weights(side, shortest) for side in sides)
        planes = ops.matmul(ops.matmul(rows, planes), ops.transpose(columns))
        if channels_last:
            planes = ops.transpose(planes, (0, 2, 3, 1))
        return ops.cast(planes, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        batch, *others = input_shape
        if self.data_format == "channels_first":
            return (batch, others[0], self.size, self.size)
        return (batch, self.size, self.size, others[2])

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "shorter": self.shorter,
            "data_format": self.data_format,
        }

    def _weights(self, side, shortest):
        """Returns how much each pixel along a side, a column, gives to each of the square's."""
        resized = self.shorter * side // shortest
        source = ops.cast(ops.arange(side, dtype="int32"), "float32")[None]
        side = ops.cast(side, "float32")
        step = side / ops.cast(resized, "float32")
        first = (resized - self.size) // 2
        to = ops.cast(first + ops.arange(self.size, dtype="int32"), "float32")[:, None]
        overlap = ops.minimum((to + 1) * step, source + 1) - ops.maximum(to * step, source)
        centre = ops.clip((to + 0.5) * step - 0.5, 0, side - 1)
        bilinear = 1 - ops.abs(centre - source)
        return ops.maximum(ops.where(step > 1, overlap / step, bilinear), 0)

    def _check(self, shape):
        if len(shape) != 4:
            raise ValueError(
                f"{self._label} got shape {tuple(shape)}; expected 4 dimensions, (batch, height, "
                "width, channels). Add a batch to a single image: image[None]."
            )

    @property
    def _label(self):
        return f"ResizedCentre '{self.name}'"
