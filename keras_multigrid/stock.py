"""Networks of pyramids rewritten with stock Keras layers, one grid at a time."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks, layers
from keras_multigrid.layers.formulations import (
    choose,
    is_even,
    transposed_kernel,
)


def rewrite(model, for_inference=False):
    """Returns a network that computes the same with stock Keras layers.

    Every grid becomes a tensor of its own, so that what cannot reach the output (grids that are
    dropped before anybody reads them) is left out. With `for_inference`, batch normalizations are
    folded into the convolutions before them, and convolutions of repeated grids replaced by
    transposed ones with kernels summed ahead, where the rule of
    `keras_multigrid.layers.formulations` finds another formulation faster than the textbook's on
    this machine. Without, the network is the textbook's, to train and compare with.

    Layers that are not ours are copied. Of ours, `ZCAWhitening` stays, and where a side is odd or
    unknown so do `ImagePyramid`, `SkipConcatenate` and `MultigridConv2DTranspose`, which does where
    its strides exceed its kernels, too. Convolutions and grids that shared weights no longer do.

    Args:
        model: A functional model.
        for_inference: Whether the network is only to predict.

    Returns:
        A functional `keras.Model` with the weights' values; compiled if the model is.

    Raises:
        ValueError: If the model is not functional.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1)
    >>> fast = kmg.stock.rewrite(model, for_inference=True)
    >>> any("normalization" in type(layer).__name__.lower() for layer in fast.layers)
    False
    >>> kmg.complexity.profile(fast).macs < kmg.complexity.profile(model).macs
    True
    """
    checks.functional_models(model=model)
    checks.flags(for_inference=for_inference)
    rewriter = _Rewriter(model, for_inference)

    def call(layer, *inputs, mask=None, **options):
        if mask is not None:
            options["mask"] = mask
        return rewriter.call(layer, *inputs, **options)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class _Convolution(NamedTuple):
    """How a convolution was built, so that it can be built again with other weights."""

    output: object
    build: Callable  # from kernel and bias to the output
    kernel: np.ndarray
    bias: np.ndarray | None
    channel_axis: int


class _Rewriter:
    """Calls stock layers in place of ours."""

    def __init__(self, model, for_inference):
        self.for_inference = for_inference
        self.convolutions = {}  # by the address of their outputs, which are kept alive there
        self.copies = {}  # by the address of a layer, which the model keeps alive
        self.names = {layer.name for layer in model.operations}
        self.unused_names = set(self.names)

    @functools.singledispatchmethod
    def call(self, layer, *inputs, name=None, **options):
        if not isinstance(layer, keras.layers.Layer):  # an operation of `keras.ops`
            return layer(*inputs, **options)
        return self._copy(layer, name)(*inputs, **options)

    @call.register
    def _(self, model: keras.Model, *inputs, **options):
        if not hasattr(model, "operations"):
            return self._copy(model)(*inputs, **options)
        if id(model) not in self.copies:
            self.copies[id(model)] = rewrite(model, self.for_inference)
        return self.copies[id(model)](*inputs, **options)

    @call.register
    def _(self, layer: layers.ImagePyramid, image, **options):
        windows = [2**grid for grid in range(1, layer.num_grids)]
        sides = layer.grid_size(image.shape)
        if any(side is None or side % window for side in sides for window in windows):
            return self._copy(layer)(image)
        if image.dtype != layer.compute_dtype:
            image = ops.cast(image, layer.compute_dtype)
        return [image] + [
            keras.layers.AveragePooling2D(window, **self._options(layer, window))(image)
            for window in windows
        ]

    @call.register
    def _(self, layer: layers.PerGrid, pyramid, **options):
        return self._each_grid(layer, pyramid, options)

    @call.register
    def _(self, layer: layers.MultigridMaxPooling2D, pyramid, **options):
        outputs = [
            self._pool(layer, grid, index)
            for index, grid in enumerate(pyramid[:-1] if layer.merge else pyramid)
        ]
        if layer.merge:
            outputs[-1] = self._join(layer, [outputs[-1], pyramid[-1]], "merge")
        return outputs

    @call.register
    def _(self, layer: layers.SkipConcatenate, skip, upsampled, **options):
        if any(
            None in pair or pair[0] != pair[1]
            for down, up in zip(skip, upsampled)
            for pair in zip(layer.grid_size(down.shape), layer.grid_size(up.shape))
        ):
            return self._copy(layer)(skip, upsampled)
        pairs = enumerate(zip(skip, upsampled))
        joined = [self._join(layer, pair, index) for index, pair in pairs]
        return joined + list(skip[len(joined) :])

    @call.register
    def _(self, layer: layers.ChannelPadding, image, **options):
        return layer.call(image)  # an operation of `keras.ops`

    @call.register
    def _(self, layer: layers.MultigridConv2DTranspose, pyramid, **options):
        sides = layer.grid_size(pyramid[0].shape)
        divisor = 2 ** (len(pyramid) - 1)
        is_odd = any(side is None or side % divisor for side in sides)
        if is_odd or min(layer.kernel_size) < layer.strides:
            return self._copy(layer)(pyramid)
        return self._each_grid(layer, pyramid, options)

    @call.register
    def _(self, layer: layers.MultigridConv2D, pyramid, **options):
        kept = pyramid[: len(layer.filters)]
        return [self._convolve_grid(layer, kept, grid) for grid in range(len(kept))]

    @call.register
    def _(self, layer: keras.layers.Conv2D, image, name=None, **options):
        stock = type(layer) in (keras.layers.Conv2D, layers.UnfusedBiasConv2D)
        if not stock or layer.groups > 1 or layer.activation is not keras.activations.linear:
            kind = keras.layers.Conv2D if stock else type(layer)
            return self._copy(layer, name, kind)(image, **options)

        def build(kernel, bias):
            config = {**layer.get_config(), "use_bias": bias is not None}
            config["name"] = self._unique(name or layer.name)
            return _with_weights(keras.layers.Conv2D.from_config(config), image, kernel, bias)

        bias = _array(layer.bias) if layer.use_bias else None
        return self._convolve(build, _array(layer.kernel), bias, _channel_axis(layer))

    @call.register
    def _(self, layer: keras.layers.BatchNormalization, image, name=None, **options):
        convolution = self.convolutions.get(id(image))
        stock = type(layer) in (keras.layers.BatchNormalization, layers.FusedBatchNormalization)
        if (
            convolution is None
            or not stock
            or options.get("training")
            or layer.axis % 4 != convolution.channel_axis
        ):
            kind = keras.layers.BatchNormalization if stock else type(layer)
            return self._copy(layer, name, kind)(image, **options)
        scale = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            scale = scale * _array(layer.gamma)
        shift = -_array(layer.moving_mean) * scale
        if convolution.bias is not None:
            shift = shift + convolution.bias * scale
        if layer.center:
            shift = shift + _array(layer.beta)
        kernel = convolution.kernel * scale
        return self._convolve(convolution.build, kernel, shift, convolution.channel_axis)

    def _each_grid(self, layer, pyramid, options):
        return [
            self.call(grid_layer, grid, name=f"{layer.name}_{index}", **options)
            for index, (grid_layer, grid) in enumerate(zip(layer.grid_layers, pyramid))
        ]

    def _convolve_grid(self, layer, pyramid, grid):
        fine = [pyramid[grid]]
        if grid > 0:
            fine.insert(0, self._pool(layer, pyramid[grid - 1], grid))
        coarser = pyramid[grid + 1] if grid + 1 < len(pyramid) else None

        def build(kernel, bias):
            return self._build_grid(layer, fine, coarser, grid, kernel, bias)

        bias = _array(layer.biases[grid]) if layer.use_bias else None
        kernel = _array(layer.kernels[grid])
        output = self._convolve(build, kernel, bias, _channel_axis(layer))
        if layer.activation is keras.activations.linear:
            return output
        options = self._options(layer, f"{grid}_activation", data_format=False)
        return keras.layers.Activation(layer.activation, **options)(output)

    def _convolve(self, build, kernel, bias, channel_axis):
        """Builds a convolution; a batch normalization after it will build another instead."""
        output = build(kernel, bias)
        if self.for_inference:
            self.convolutions[id(output)] = _Convolution(output, build, kernel, bias, channel_axis)
        return output

    def _build_grid(self, layer, fine, coarser, grid, kernel, bias):
        """Convolves a grid, joined with the pooled finer one, and the coarser one if any."""
        size = layer.grid_size(fine[-1].shape)
        convolution = keras.layers.Conv2D(
            kernel.shape[3],
            kernel.shape[0],
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            use_bias=bias is not None,
            kernel_regularizer=layer.kernel_regularizer,
            bias_regularizer=layer.bias_regularizer,
            kernel_constraint=layer.kernel_constraint,
            bias_constraint=layer.bias_constraint,
            trainable=layer.trainable,
            **self._options(layer, grid),
        )
        if coarser is None:
            return _with_weights(convolution, self._join(layer, fine, grid), kernel, bias)
        own_channels = kernel.shape[2] - coarser.shape[layer.channel_axis]
        formulation = "textbook"
        has_steps = layer.strides > 1 or layer.dilation_rate > 1
        if self.for_inference and layer.formulation != "textbook" and not has_steps:
            # Summed ahead, a kernel costs no more than in training, where a batch shares the sum.
            share = 1 - own_channels / kernel.shape[2]
            formulation = choose(
                "fastest", size, kernel.shape[0], share, layer.padding, training=True
            )
        if formulation != "textbook":
            own_kernel, coarser_kernel = np.split(kernel, [own_channels], axis=2)
            own = _with_weights(convolution, self._join(layer, fine, grid), own_kernel, bias)
            enlarge = keras.layers.Conv2DTranspose(
                kernel.shape[3],
                kernel.shape[0] + 1,
                strides=2,
                padding="same",
                use_bias=False,
                **self._options(layer, f"{grid}_coarser"),
            )
            summed = transposed_kernel(ops.convert_to_tensor(coarser_kernel))
            enlarged = _with_weights(enlarge, coarser, ops.convert_to_numpy(summed), None)
            options = self._options(layer, f"{grid}_add", data_format=False)
            return keras.layers.Add(**options)([own, enlarged])
        repeat = keras.layers.UpSampling2D(2, **self._options(layer, f"{grid}_repeat"))
        if is_even(size):
            joined = self._join(layer, [*fine, repeat(coarser)], grid)
        else:  # cropped to the finer grid
            crop = layers.SkipConcatenate(**self._options(layer, f"{grid}_crop"))
            (joined,) = crop([self._join(layer, fine, grid)], [repeat(coarser)])
        return _with_weights(convolution, joined, kernel, bias)

    def _pool(self, layer, grid, index):
        options = self._options(layer, f"{index}_pool")
        return keras.layers.MaxPooling2D(2, strides=2, padding="same", **options)(grid)

    def _join(self, layer, grids, label):
        if len(grids) == 1:
            return grids[0]
        options = self._options(layer, f"{label}_join", data_format=False)
        return keras.layers.Concatenate(axis=_channel_axis(layer), **options)(list(grids))

    def _options(self, layer, label, data_format=True):
        options = {"name": self._unique(f"{layer.name}_{label}"), "dtype": layer.dtype_policy}
        return {**options, "data_format": layer.data_format} if data_format else options

    def _copy(self, layer, name=None, kind=None):
        """Returns the one copy of a layer, with its weights."""
        if id(layer) not in self.copies:
            config = {**layer.get_config(), "name": self._unique(name or layer.name)}
            copy = self.copies[id(layer)] = (kind or type(layer)).from_config(config)
            if layer.built:
                copy.build_from_config(layer.get_build_config())
                copy.set_weights(layer.get_weights())
            if hasattr(copy, "finalize_state"):  # of Keras' preprocessing layers
                copy.finalize_state()
        return self.copies[id(layer)]

    def _unique(self, name):
        """Returns a name, with a number if it is taken; the model's own go to who asks first."""
        if name in self.unused_names:
            self.unused_names.remove(name)
            return name
        unique, number = name, 1
        while unique in self.names:
            number += 1
            unique = f"{name}_{number}"
        self.names.add(unique)
        return unique


def _channel_axis(layer):
    return 1 if layer.data_format == "channels_first" else 3


def _with_weights(layer, inputs, kernel, bias):
    outputs = layer(inputs)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return outputs


def _array(variable):
    return ops.convert_to_numpy(variable).astype("float64")
