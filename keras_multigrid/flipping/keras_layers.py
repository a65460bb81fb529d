"""Layers over pyramids of one grid, and those of two steps, as Keras' simpler ones."""

import dataclasses

import keras
import numpy as np

from keras_multigrid import layers
from keras_multigrid.flipping.calls import taken
from keras_multigrid.layers.pyramid_layer import PyramidLayer


class Simplifier:
    """Has a call done by Keras' own layers, convolutions where there are some."""

    def __init__(self):
        self.made = {}  # by the address of a layer, which the model keeps alive

    def simplified(self, call):
        """Returns the calls that do what a call does.

        Raises:
            ValueError: If its layer is over pyramids of several grids.
        """
        layer = call.layer
        if isinstance(layer, PyramidLayer):
            return [self._of_one_grid(call)]
        if type(layer) is keras.layers.SeparableConv2D:
            depthwise, pointwise = self._once(layer, _factors)
            between = depthwise.compute_output_spec(*call.args)
            first = dataclasses.replace(
                call, layer=depthwise, outputs=[between], name=f"{call.name}_depthwise"
            )
            return [first, dataclasses.replace(call, layer=pointwise, args=(between,))]
        if type(layer).__name__ == "Pad" and not isinstance(layer, keras.layers.Layer):
            return [self._padded(call)]
        if type(layer) is keras.layers.Dense and len(call.inputs[0].shape) == 4:
            return [dataclasses.replace(call, layer=self._once(layer, _pixelwise))]
        return [call]

    def _of_one_grid(self, call):
        layer = call.layer
        if len(call.inputs) > 1 or len(call.outputs) > 1:
            raise call.refusal("it is multigrid already; expected a network on a single grid.")
        if isinstance(layer, layers.PerGrid):
            simple = layer.grid_layers[0]
        elif isinstance(layer, layers.MultigridMaxPooling2D):
            simple = self._once(layer, _pool)
        elif isinstance(layer, layers.MultigridConv2D) and isinstance(layer.padding, str):
            simple = self._once(layer, _convolution)
        elif isinstance(layer, layers.ImagePyramid | layers.CroppedPyramid):
            simple = self._once(layer, lambda layer: keras.layers.Identity(name=layer.name))
        else:
            raise call.refusal("Keras has no layer that does the same on a single grid.")
        kwargs = taken(simple, call.kwargs)
        return dataclasses.replace(call, layer=simple, args=tuple(call.inputs), kwargs=kwargs)

    def _padded(self, call):
        """Returns a call of `keras.ops.pad` as one of a layer, where it pads maps by a number."""
        settings, shape = call.layer.get_config(), call.inputs[0].shape
        value = {"constant_values": 0.0, **call.kwargs}
        if settings.get("mode", "constant") != "constant" or len(call.args + shape) != 5:
            return call
        counts = np.broadcast_to(settings["pad_width"], (4, 2)).tolist()
        batch, rows, columns, channels = (tuple(pair) for pair in counts)
        options = {"data_format": "channels_last", "name": call.name}
        if batch == channels == (0, 0):
            layer = keras.layers.ZeroPadding2D((rows, columns), **options)
            return dataclasses.replace(call, layer=layer, kwargs=value)
        if (batch, rows, columns, channels[0]) == ((0, 0),) * 3 + (0,) and not any(value.values()):
            layer = layers.ChannelPadding(shape[-1] + channels[1], **options)
            return dataclasses.replace(call, layer=layer, kwargs={})
        return call

    def _once(self, layer, make):
        if id(layer) not in self.made:
            self.made[id(layer)] = make(layer)
        return self.made[id(layer)]


def _pool(layer):
    return keras.layers.MaxPooling2D(
        2,
        padding="same",
        data_format=layer.data_format,
        dtype=layer.dtype_policy,
        name=layer.name,
    )


def _convolution(layer):
    (size,), (filters,) = layer.kernel_size, layer.filters
    made = keras.layers.Conv2D(
        filters,
        size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        kernel_regularizer=layer.kernel_regularizer,
        kernel_constraint=layer.kernel_constraint,
        **_kept(layer),
    )
    return _with_weights(made, *layer.kernels, *layer.biases)


def _pixelwise(layer):
    """Returns the 1x1 convolution that a dense layer over maps is."""
    made = keras.layers.Conv2D(
        layer.units,
        1,
        kernel_regularizer=layer.kernel_regularizer,
        kernel_constraint=layer.kernel_constraint,
        **_kept(layer),
    )
    return _with_weights(made, layer.kernel[None, None], *_bias(layer))


def _factors(layer):
    """Returns the two convolutions of a separable one, in channels and between them."""
    depthwise = keras.layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
        use_bias=False,
        depthwise_initializer=layer.depthwise_initializer,
        depthwise_regularizer=layer.depthwise_regularizer,
        depthwise_constraint=layer.depthwise_constraint,
        trainable=layer.trainable,
        dtype=layer.dtype_policy,
        name=f"{layer.name}_depthwise",
    )
    pointwise = keras.layers.Conv2D(
        layer.filters,
        1,
        kernel_regularizer=layer.pointwise_regularizer,
        kernel_constraint=layer.pointwise_constraint,
        **_kept(layer),
    )
    return (
        _with_weights(depthwise, layer.depthwise_kernel),
        _with_weights(pointwise, layer.pointwise_kernel, *_bias(layer)),
    )


def _kept(layer):
    """Returns what a convolution has in common with the layer that it stands for."""
    return {
        "activation": layer.activation,
        "use_bias": layer.use_bias,
        "bias_regularizer": layer.bias_regularizer,
        "bias_constraint": layer.bias_constraint,
        "activity_regularizer": layer.activity_regularizer,
        "data_format": getattr(layer, "data_format", "channels_last"),
        "trainable": layer.trainable,
        "dtype": layer.dtype_policy,
        "name": layer.name,
    }


def _bias(layer):
    return [layer.bias] if layer.use_bias else []


def _with_weights(convolution, kernel, *bias):
    shape = [None] * 4
    shape[1 if convolution.data_format == "channels_first" else 3] = kernel.shape[2]
    convolution.build(shape)
    convolution.set_weights([kernel, *bias])
    return convolution
