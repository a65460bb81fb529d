"""PerGrid: any one-tensor layer on every grid of a pyramid."""

import keras

from keras_multigrid.layers.pyramid_layer import PyramidLayer


@keras.saving.register_keras_serializable(package="keras_multigrid")
class PerGrid(PyramidLayer):
    """Applies an independent copy of a layer to each grid (paper, section 3: "BN and ReLU apply
    separately to each grid").

    Args:
        layer: A Keras layer from one tensor to one tensor. It is only a pattern: each grid gets a
            copy with weights of its own, and the pattern itself is never built.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting. The
            pattern keeps its own.
        **kwargs: Keras' own layer arguments; `dtype` is the pattern's unless given.

    Attributes:
        grid_layers: After build, the copies, finest grid first.

    Input shape:
        A pyramid.

    Output shape:
        A list of as many tensors, each of the shape that `layer` gives.

    Raises:
        ValueError: If `layer` is no Keras layer, or the input is no pyramid or not the one the
            layer was built for.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> pyramid = [np.ones((1, 8, 8, 4), "float32"), np.ones((1, 4, 4, 2), "float32")]
    >>> normalize = kmg.layers.PerGrid(keras.layers.BatchNormalization())
    >>> [tuple(grid.shape) for grid in normalize(pyramid)]
    [(1, 8, 8, 4), (1, 4, 4, 2)]
    >>> len(normalize.trainable_variables)
    4
    """

    def __init__(self, layer, data_format=None, **kwargs):
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(
                f"PerGrid: layer is {layer!r}; expected a Keras layer, for example "
                "PerGrid(keras.layers.ReLU())."
            )
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = layer.dtype_policy
        super().__init__(data_format=data_format, **kwargs)
        self._pattern = _plain(keras.saving.serialize_keras_object(layer))
        self.grid_layers = []

    def build(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        self.grid_layers = [self._copy(f"grid_{grid}") for grid in range(len(shapes))]
        for layer, shape in zip(self.grid_layers, shapes):
            layer.build(shape)
        self._grid_channels = tuple(shape[self.channel_axis] for shape in shapes)

    def call(self, pyramid, training=None):
        # Keras hands `training` on to the copies that take it.
        self.check_pyramid([grid.shape for grid in pyramid])
        return [layer(grid) for layer, grid in zip(self.grid_layers, pyramid)]

    def compute_output_shape(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        layers = self.grid_layers or [self._copy(None)] * len(shapes)
        return [tuple(layer.compute_output_shape(shape)) for layer, shape in zip(layers, shapes)]

    def get_config(self):
        return {**super().get_config(), "layer": _plain(self._pattern)}

    @classmethod
    def from_config(cls, config):
        config = dict(config)  # the caller's stays whole
        return cls(keras.saving.deserialize_keras_object(_plain(config.pop("layer"))), **config)

    def _copy(self, name=None):
        pattern = _plain(self._pattern)
        pattern["config"]["dtype"] = self.dtype_policy
        if name:
            pattern["config"]["name"] = name
        return keras.saving.deserialize_keras_object(pattern)


def _plain(serialized):
    """Returns a copy of serialized objects without what ties them to the objects they were.

    That is the shape a layer was built for, and Keras' marks of objects that are one. The marks are
    memory addresses: objects that lived one after the other at the same address would load as one,
    and a batch normalization could come back as a ReLU.
    """
    if isinstance(serialized, dict):
        return {
            key: _plain(value)
            for key, value in serialized.items()
            if key not in ("build_config", "shared_object_id")
        }
    if isinstance(serialized, list | tuple):
        return type(serialized)(_plain(value) for value in serialized)
    return serialized
