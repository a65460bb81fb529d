"""Networks rewritten with stock Keras layers, one grid at a time."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks, layers
from keras_multigrid.copies import Names, copy_layer
from keras_multigrid.layers.grid_padding import of_grid
from keras_multigrid.stock.grid_convolutions import (
    channel_axis_of,
    convolve_each_source,
    convolve_grid,
    join,
    pool,
    with_weights,
    without_format,
)


def rewrite(model, for_inference=False):
    """Returns a network that computes the same with stock Keras layers.

    Every grid becomes a tensor of its own; grids that no output depends on are left out. The
    network is the textbook's, to train and compare with. With `for_inference` it is a faster one to
    predict with: batch normalizations are folded into the convolutions before them, and
    convolutions of repeated grids become transposed ones with kernels summed ahead, where
    `keras_multigrid.layers.formulations` finds that faster on this machine.

    Layers of other packages are copied. So are `ZCAWhitening`, and, where a side is odd or unknown,
    `ImagePyramid`, `SkipConcatenate` and `MultigridConv2DTranspose`; the last also where its
    strides exceed its kernels. Weights that convolutions or grids shared become separate ones.

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
    build: Callable  # from kernels and bias to the output
    kernels: dict  # by source
    bias: np.ndarray | None
    channel_axis: int


class _Rewriter:
    """Calls stock layers in place of ours."""

    def __init__(self, model, for_inference):
        self.for_inference = for_inference
        self.convolutions = {}  # by the address of their outputs, which are kept alive there
        self.copies = {}  # by the address of a layer, which the model keeps alive
        self.names = Names(layer.name for layer in model.operations)

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
            pool(grid, self._options(layer, f"{index}_pool"))
            for index, grid in enumerate(pyramid[:-1] if layer.merge else pyramid)
        ]
        if layer.merge:
            outputs[-1] = join([outputs[-1], pyramid[-1]], self._options(layer, "merge_join"))
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
        joined = [join(pair, self._options(layer, f"{index}_join")) for index, pair in pairs]
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
        kept = pyramid[: layer.grids_read(pyramid)]
        return [self._convolve_grid(layer, kept, grid) for grid in range(len(layer.filters))]

    @call.register
    def _(self, layer: keras.layers.Conv2D, image, name=None, **options):
        stock = type(layer) in (keras.layers.Conv2D, layers.UnfusedBiasConv2D)
        if not stock or layer.groups > 1 or layer.activation is not keras.activations.linear:
            kind = keras.layers.Conv2D if stock else type(layer)
            return self._copy(layer, name, kind)(image, **options)

        def build(kernels, bias):
            config = {**layer.get_config(), "use_bias": bias is not None}
            config["name"] = self.names.unique(name or layer.name)
            layer_with = keras.layers.Conv2D.from_config(config)
            return with_weights(layer_with, image, kernels["own"], bias)

        bias = _array(layer.bias) if layer.use_bias else None
        kernels = {"own": _array(layer.kernel)}
        return self._convolve(build, kernels, bias, channel_axis_of(layer.data_format))

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
        kernels = {source: kernel * scale for source, kernel in convolution.kernels.items()}
        return self._convolve(convolution.build, kernels, shift, convolution.channel_axis)

    def _each_grid(self, layer, pyramid, options):
        return [
            self.call(grid_layer, grid, name=f"{layer.name}_{index}", **options)
            for index, (grid_layer, grid) in enumerate(zip(layer.grid_layers, pyramid))
        ]

    def _convolve_grid(self, layer, pyramid, grid):
        read = layer.sources(grid)
        coarser = pyramid[grid + 1] if "coarser" in read else None
        finer = pyramid[grid - 1] if "finer" in read else None
        if finer is not None:
            finer = pool(finer, self._options(layer, f"{grid}_pool"))

        def options(label=""):
            return self._options(layer, f"{grid}{label}")

        def build(kernels, bias):
            grids = finer, pyramid[grid], coarser
            if layer.exchange_size is not None:
                return convolve_each_source(layer, grids, kernels, bias, options)
            padding, own = of_grid(layer.padding, grid), kernels["own"]
            return convolve_grid(layer, grids, padding, own, bias, options, self.for_inference)

        bias = _array(layer.biases[grid]) if layer.use_bias else None
        kernels = {"own": layer.kernels[grid], **layer.exchange_kernels[grid]}
        kernels = {source: _array(kernel) for source, kernel in kernels.items()}
        output = self._convolve(build, kernels, bias, channel_axis_of(layer.data_format))
        if layer.activation is keras.activations.linear:
            return output
        named = without_format(options("_activation"))
        return keras.layers.Activation(layer.activation, **named)(output)

    def _convolve(self, build, kernels, bias, channel_axis):
        """Builds a convolution; a batch normalization after it will build another instead."""
        output = build(kernels, bias)
        if self.for_inference:
            self.convolutions[id(output)] = _Convolution(output, build, kernels, bias, channel_axis)
        return output

    def _options(self, layer, label):
        name = self.names.unique(f"{layer.name}_{label}")
        return {"name": name, "dtype": layer.dtype_policy, "data_format": layer.data_format}

    def _copy(self, layer, name=None, kind=None):
        """Returns the one copy of a layer, with its weights."""
        if id(layer) not in self.copies:
            self.copies[id(layer)] = copy_layer(layer, self.names.unique(name or layer.name), kind)
        return self.copies[id(layer)]


def _array(variable):
    return ops.convert_to_numpy(variable).astype("float64")
