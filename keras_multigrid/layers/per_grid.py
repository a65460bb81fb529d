"""PerGrid: any one-tensor layer on every grid of a pyramid."""

import keras

from keras_multigrid.layers.grid_layers import GridLayers, plain


@keras.saving.register_keras_serializable(package="keras_multigrid")
class PerGrid(GridLayers):
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
        ValueError: If `layer` is not a Keras layer, or the input is not a pyramid, or not the one
            the layer was built for.

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

    def __init__(self, layer, *, data_format=None, **kwargs):
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(
                f"PerGrid: layer is {layer!r}; expected a Keras layer, for example "
                "PerGrid(keras.layers.ReLU())."
            )
        if kwargs.get("dtype") is None and layer.quantization_mode is None:
            kwargs["dtype"] = layer.dtype_policy
        super().__init__(data_format=data_format, **kwargs)
        self._pattern = _Pattern(layer)

    def build(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        self._pattern.keep()
        self.build_grid_layers(shapes)
        self._grid_channels = tuple(shape[self.channel_axis] for shape in shapes)

    def new_grid_layer(self, grid):
        return self._pattern.copy(self.dtype_policy, f"grid_{grid}")

    def call(self, pyramid, training=None):
        # Keras hands `training` on to the copies that take it.
        self.check_pyramid([grid.shape for grid in pyramid])
        return [layer(grid) for layer, grid in zip(self.grid_layers, pyramid)]

    def compute_output_shape(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        layers = self.grid_layers or [self._pattern.copy(self.dtype_policy)] * len(shapes)
        grids = [keras.KerasTensor(shape, self.compute_dtype) for shape in shapes]
        return [layer.compute_output_spec(grid).shape for layer, grid in zip(layers, grids)]

    def get_config(self):
        return {**super().get_config(), "layer": self._pattern.config()}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(plain(config["layer"]))
        return super().from_config({**config, "layer": layer})


class _Pattern:
    """The layer that is copied, out of Keras' sight, which would take it for one of the network."""

    def __init__(self, layer):
        self._layer, self._kept = layer, None

    def config(self):
        """Returns the serialized layer."""
        return plain(self._kept or keras.saving.serialize_keras_object(self._layer))

    def keep(self):
        """Has later copies be as the layer is now, whatever is done to it."""
        self._kept = self.config()

    def copy(self, dtype_policy, name=None):
        """Returns a copy, of this policy unless the layer is quantized."""
        pattern = self.config()
        if self._layer.quantization_mode is None:
            pattern["config"]["dtype"] = dtype_policy
        if name:
            pattern["config"]["name"] = name
        return keras.saving.deserialize_keras_object(pattern)
