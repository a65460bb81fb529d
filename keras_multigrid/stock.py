"""Networks of pyramids rewritten with stock Keras layers, one grid at a time."""

import functools

import keras
import numpy as np
from keras import ops

from keras_multigrid import layers
from keras_multigrid.layers.formulations import (
    can_sum_taps,
    fastest_formulation,
    transposed_kernel,
)


def stock_network(model, for_inference=False):
    """Returns a network that computes the same with stock Keras layers.

    Every grid becomes a tensor of its own, so that what cannot reach the output (grids that are
    dropped before anybody reads them) is left out. With `for_inference`, batch normalizations are
    folded into the convolutions before them, and the convolutions of repeated grids are replaced by
    transposed ones with kernels summed ahead (see `keras_multigrid.layers.formulations`). Without,
    the network is the textbook's, to train and compare with.

    Layers that are not ours are copied. Of ours, `ZCAWhitening` stays, and where a side is odd or
    unknown so do `ImagePyramid`, `MultigridConv2DTranspose` and `SkipConcatenate`. Layers that are
    called twice no longer share their weights.

    Args:
        model: A functional model.
        for_inference: Whether the network is only to predict.

    Returns:
        A functional `keras.Model` with the weights' values, not compiled.

    Raises:
        ValueError: If the model is not functional.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1)
    >>> fast = kmg.stock.stock_network(model, for_inference=True)
    >>> any("normalization" in type(layer).__name__.lower() for layer in fast.layers)
    False
    >>> kmg.complexity.profile(fast).macs < kmg.complexity.profile(model).macs
    True
    """
    if not hasattr(model, "operations"):
        raise ValueError(
            f"The model is a {type(model).__name__}; expected a functional model, one made by "
            "keras.Model(inputs, outputs)."
        )
    rewriter = _Rewriter(for_inference)

    def call(layer, *inputs, **options):  # Keras spells out a mask of None
        given = {name: value for name, value in options.items() if value is not None}
        return rewriter.call(layer, *inputs, **given)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class _Rewriter:
    """Calls stock layers in place of ours."""

    def __init__(self, for_inference):
        self.for_inference = for_inference
        self.convolutions = {}  # by the address of their outputs, which are kept

    @functools.singledispatchmethod
    def call(self, layer, *inputs, name=None, **options):
        if not isinstance(layer, keras.layers.Layer):  # an operation of `keras.ops`
            return layer(*inputs, **options)
        return _copy(type(layer), layer, name)(*inputs, **options)

    @call.register
    def _(self, layer: layers.ImagePyramid, image):
        windows = [2**grid for grid in range(1, layer.num_grids)]
        sides = layer.grid_size(image.shape)
        if any(side is None or side % window for side in sides for window in windows):
            return _copy(type(layer), layer)(image)
        return [image] + [
            keras.layers.AveragePooling2D(window, **_options(layer, f"{window}"))(image)
            for window in windows
        ]

    @call.register
    def _(self, layer: layers.PerGrid, pyramid):
        return [
            self.call(grid_layer, grid, name=f"{layer.name}_{index}")
            for index, (grid_layer, grid) in enumerate(zip(layer.grid_layers, pyramid))
        ]

    @call.register
    def _(self, layer: layers.MultigridMaxPooling2D, pyramid):
        outputs = [
            _pool(layer, grid, index)
            for index, grid in enumerate(pyramid[:-1] if layer.merge else pyramid)
        ]
        if layer.merge:
            outputs[-1] = _join(layer, [outputs[-1], pyramid[-1]], "merge")
        return outputs

    @call.register
    def _(self, layer: layers.SkipConcatenate, skip, upsampled):
        if any(
            None in pair or pair[0] != pair[1]
            for down, up in zip(skip, upsampled)
            for pair in zip(layer.grid_size(down.shape), layer.grid_size(up.shape))
        ):
            return _copy(type(layer), layer)(skip, upsampled)
        joined = [_join(layer, pair, index) for index, pair in enumerate(zip(skip, upsampled))]
        return joined + list(skip[len(joined) :])

    @call.register
    def _(self, layer: layers.ChannelPadding, image):
        padding = [(0, 0)] * 4
        axis = 1 if layer.data_format == "channels_first" else 3
        padding[axis] = (0, layer.filters - image.shape[axis])
        return ops.pad(image, padding)

    @call.register
    def _(self, layer: layers.MultigridConv2DTranspose, pyramid):
        sides = layer.grid_size(pyramid[0].shape)
        if any(side is None or side % 2 ** (len(pyramid) - 1) for side in sides):
            return _copy(type(layer), layer)(pyramid)
        return [
            self.call(grid_layer, grid, name=f"{layer.name}_{index}")
            for index, (grid_layer, grid) in enumerate(zip(layer.grid_layers, pyramid))
        ]

    @call.register
    def _(self, layer: layers.MultigridConv2D, pyramid):
        kept = pyramid[: len(layer.filters)]
        return [self._convolve_grid(layer, kept, grid) for grid in range(len(kept))]

    @call.register
    def _(self, layer: keras.layers.Conv2D, image, name=None):
        def build(kernel, bias):
            convolution = _copy(keras.layers.Conv2D, layer, name, use_bias=bias is not None)
            return _with_weights(convolution, image, kernel, bias)

        if layer.groups > 1 or layer.activation is not keras.activations.linear:
            return _copy(keras.layers.Conv2D, layer, name)(image)
        bias = _array(layer.bias) if layer.use_bias else None
        return self._convolve(build, _array(layer.kernel), bias)

    @call.register
    def _(self, layer: keras.layers.BatchNormalization, image, name=None):
        if id(image) not in self.convolutions:
            return _copy(keras.layers.BatchNormalization, layer, name)(image)
        _, build, kernel, bias = self.convolutions[id(image)]
        scale = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            scale = scale * _array(layer.gamma)
        shift = -_array(layer.moving_mean) if bias is None else bias - _array(layer.moving_mean)
        shift = shift * scale + (_array(layer.beta) if layer.center else 0)
        return self._convolve(build, kernel * scale, shift)

    def _convolve_grid(self, layer, pyramid, grid):
        fine = [pyramid[grid]]
        if grid > 0:
            fine.insert(0, _pool(layer, pyramid[grid - 1], grid))
        coarser = pyramid[grid + 1] if grid + 1 < len(pyramid) else None

        def build(kernel, bias):
            return _build_grid(layer, fine, coarser, grid, kernel, bias, self.for_inference)

        bias = _array(layer.biases[grid]) if layer.use_bias else None
        return self._convolve(build, _array(layer.kernels[grid]), bias)

    def _convolve(self, build, kernel, bias):
        """Builds a convolution; a batch normalization after it will build another instead."""
        output = build(kernel, bias)
        if self.for_inference:
            self.convolutions[id(output)] = output, build, kernel, bias
        return output


def _build_grid(layer, fine, coarser, grid, kernel, bias, for_inference):
    """Convolves a grid, joined with the pooled finer one, and the coarser one if any."""
    size = layer.grid_size(fine[-1].shape)
    convolution = keras.layers.Conv2D(
        kernel.shape[3],
        kernel.shape[0],
        padding=layer.padding,
        use_bias=bias is not None,
        **_options(layer, f"{grid}"),
    )
    if coarser is None:
        return _with_weights(convolution, _join(layer, fine, grid), kernel, bias)
    even = can_sum_taps(size, 1)
    own_channels = kernel.shape[2] - coarser.shape[layer.channel_axis]
    if (
        for_inference
        and layer.padding == "same"
        and can_sum_taps(size, kernel.shape[0])
        # Summed ahead, the kernels cost as little as in training, where a batch shares the sum.
        and fastest_formulation(min(size), 1 - own_channels / kernel.shape[2], training=True)
        != "textbook"
    ):
        own_kernel, coarser_kernel = np.split(kernel, [own_channels], axis=2)
        output = _with_weights(convolution, _join(layer, fine, grid), own_kernel, bias)
        enlarge = keras.layers.Conv2DTranspose(
            kernel.shape[3],
            kernel.shape[0] + 1,
            strides=2,
            padding="same",
            use_bias=False,
            **_options(layer, f"{grid}_coarser"),
        )
        summed = transposed_kernel(ops.convert_to_tensor(coarser_kernel))
        enlarged = _with_weights(enlarge, coarser, ops.convert_to_numpy(summed), None)
        options = _options(layer, f"{grid}_add", data_format=False)
        return keras.layers.Add(**options)([output, enlarged])
    repeated = keras.layers.UpSampling2D(2, **_options(layer, f"{grid}_repeat"))(coarser)
    if even:
        return _with_weights(convolution, _join(layer, [*fine, repeated], grid), kernel, bias)
    crop_and_join = layers.SkipConcatenate(**_options(layer, f"{grid}_crop"))
    (joined,) = crop_and_join([_join(layer, fine, grid)], [repeated])
    return _with_weights(convolution, joined, kernel, bias)


def _pool(layer, grid, index):
    options = _options(layer, f"{index}_pool")
    return keras.layers.MaxPooling2D(2, strides=2, padding="same", **options)(grid)


def _join(layer, grids, label):
    if len(grids) == 1:
        return grids[0]
    axis = 1 if layer.data_format == "channels_first" else 3
    options = _options(layer, f"{label}_join", data_format=False)
    return keras.layers.Concatenate(axis=axis, **options)(list(grids))


def _options(layer, label, data_format=True):
    options = {"name": f"{layer.name}_{label}", "dtype": layer.dtype_policy}
    return {**options, "data_format": layer.data_format} if data_format else options


def _copy(layer_class, layer, name=None, **changes):
    """Returns a layer with the same configuration, and the same weights once it is called."""
    config = {**layer.get_config(), **changes}
    if name:
        config["name"] = name
    copy = layer_class.from_config(config)
    if not changes and layer.built:
        copy.build_from_config(layer.get_build_config())
        copy.set_weights(layer.get_weights())
    return copy


def _with_weights(layer, inputs, kernel, bias):
    outputs = layer(inputs)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return outputs


def _array(variable):
    return ops.convert_to_numpy(variable).astype("float64")
