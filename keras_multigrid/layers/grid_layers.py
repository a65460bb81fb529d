"""The base class of layers that have a Keras layer for each grid, and remember its settings."""

import json

import keras

from keras_multigrid.layers.pyramid_layer import PyramidLayer


class GridLayers(PyramidLayer):
    """Base class of the layers that have a Keras layer for each grid, made by `build`.

    What is done to these afterwards (freezing, a dtype policy, LoRA, quantization) belongs to the
    configuration, as it does for Keras' own layers, and so survives saving and cloning. Subclasses
    define `new_grid_layer`, and call `build_grid_layers` in `build`.

    Args:
        data_format: As for `PyramidLayer`.
        **kwargs: Keras' own layer arguments; `trainable=False` freezes the grids' layers.

    Attributes:
        grid_layers: After build, the layers, finest grid first.
    """

    def __init__(self, *, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.grid_layers = []
        # Both are JSON, as Keras and TensorFlow track what is in lists and dictionaries.
        self._made = None  # the configurations that `grid_layers` had when new
        self._saved = None  # those of `from_config`, in place of new ones
        self._set_trainable = None  # what `trainable` was set to before `build`

    @property
    def trainable(self):
        return super().trainable

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)
        if not self.built:
            self._set_trainable = bool(value)

    def new_grid_layer(self, grid):
        """Returns the layer for a grid, not built."""
        raise NotImplementedError

    def build_grid_layers(self, shapes):
        """Makes and builds the layers; those of a configuration, if it has as many."""
        saved = json.loads(self._saved or "[]")
        restore = len(saved) == len(shapes)
        grids = range(len(shapes))
        made = [self._restored(saved[i]) if restore else self.new_grid_layer(i) for i in grids]
        self._made = None if restore else self._grid_configs(made)
        self.grid_layers = made
        for layer, shape in zip(made, shapes):
            _build(layer, shape)
            if self._set_trainable is not None:
                layer.trainable = self._set_trainable
            elif not restore and not self.trainable:
                layer.trainable = False

    def get_config(self):
        config = super().get_config()
        now = self._grid_configs(self.grid_layers) if self.grid_layers else self._saved
        if now != self._made:
            config["grid_layers"] = json.loads(now)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)  # the caller's stays whole
        grid_layers = config.pop("grid_layers", None)
        layer = super().from_config(config)
        if grid_layers is not None:
            layer._saved = json.dumps(grid_layers)
        return layer

    def _grid_configs(self, grid_layers):
        configs = [plain(keras.saving.serialize_keras_object(layer)) for layer in grid_layers]
        for layer, config in zip(grid_layers, configs):
            if layer.dtype_policy == self.dtype_policy:
                config["config"].pop("dtype", None)  # stays what this layer's is
        return json.dumps(configs)

    def _restored(self, config):
        config["config"].setdefault("dtype", self.dtype_policy)
        return keras.saving.deserialize_keras_object(config)


def _build(layer, shape):
    if type(layer).build is keras.layers.Layer.build and not layer.built:
        layer(keras.KerasTensor(shape, layer.compute_dtype))  # what `call` makes is made, too
    elif not (isinstance(layer, keras.Sequential) and layer.built):
        layer.build(shape)


def plain(serialized):
    """Returns a copy of serialized objects without what ties them to the objects they were.

    That is the shape a layer was built for, and Keras' marks of objects that are one. The marks are
    memory addresses: objects that lived one after the other at the same address would load as one,
    and a batch normalization could come back as a ReLU.
    """
    if isinstance(serialized, dict):
        return {
            key: plain(value)
            for key, value in serialized.items()
            if key not in ("build_config", "shared_object_id")
        }
    if isinstance(serialized, list | tuple):
        return type(serialized)(plain(value) for value in serialized)
    return serialized
