"""One grid of a `MultigridConv2D` with stock Keras layers."""

import keras
import numpy as np
from keras import ops

from keras_multigrid.layers import SkipConcatenate, UpSamplingLike
from keras_multigrid.layers.formulations import choose, is_even, transposed_kernel

# What the convolution of one grid has from the layer.
KEPT = (
    *("strides", "dilation_rate", "trainable"),
    *("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"),
)


def convolve_grid(layer, grids, padding, kernel, bias, options, for_inference):
    """Returns the convolution of a grid, joined with the pooled finer and the repeated coarser one.

    Args:
        layer: The `MultigridConv2D`.
        grids: The finer grid, pooled, the grid, and the coarser one; None where there is none.
        padding: `"same"`, `"valid"`, or the zeros around the grid.
        kernel, bias: The weights; `bias` may be None.
        options: Function from a label to the options of a layer.
        for_inference: Whether a faster formulation may replace the textbook's.
    """
    finer, own, coarser = grids
    convolution = keras.layers.Conv2D(
        kernel.shape[3],
        kernel.shape[0],
        padding="same" if padding == "same" else "valid",
        use_bias=bias is not None,
        **{name: getattr(layer, name) for name in KEPT},
        **options(),
    )

    def joined(*more):
        read = [grid for grid in (finer, own, *more) if grid is not None]
        return read[0] if len(read) == 1 else join(read, options("_join"))

    def padded(grid):
        if isinstance(padding, str):
            return grid
        return keras.layers.ZeroPadding2D(padding, **options("_zeros"))(grid)

    if coarser is None:
        return with_weights(convolution, padded(joined()), kernel, bias)
    size = layer.grid_size(own.shape)
    own_channels = kernel.shape[2] - coarser.shape[layer.channel_axis]
    formulation = "textbook"
    has_steps = layer.strides > 1 or layer.dilation_rate > 1
    if for_inference and layer.formulation != "textbook" and not has_steps:
        # Summed ahead, a kernel costs no more than in training, where a batch shares the sum.
        share = 1 - own_channels / kernel.shape[2]
        formulation = choose("fastest", size, kernel.shape[0], share, padding, training=True)
    if formulation != "textbook":
        return _transposed(convolution, joined(), coarser, kernel, bias, own_channels, options)
    repeated = keras.layers.UpSampling2D(2, **options("_repeat"))(coarser)
    if is_even(size):
        return with_weights(convolution, padded(joined(repeated)), kernel, bias)
    (cropped,) = SkipConcatenate(**options("_crop"))([joined()], [repeated])  # to the finer grid
    return with_weights(convolution, padded(cropped), kernel, bias)


def _transposed(convolution, fine, coarser, kernel, bias, own_channels, options):
    """Adds up a convolution and, for the coarser grid, a transposed one with summed kernels."""
    own_kernel, coarser_kernel = np.split(kernel, [own_channels], axis=2)
    own = with_weights(convolution, fine, own_kernel, bias)
    enlarge = keras.layers.Conv2DTranspose(
        kernel.shape[3],
        kernel.shape[0] + 1,
        strides=2,
        padding="same",
        use_bias=False,
        **options("_coarser"),
    )
    summed = transposed_kernel(ops.convert_to_tensor(coarser_kernel))
    enlarged = with_weights(enlarge, coarser, ops.convert_to_numpy(summed), None)
    return keras.layers.Add(**without_format(options("_add")))([own, enlarged])


def convolve_each_source(layer, grids, kernels, bias, options):
    """Returns the sum of the convolutions of a grid and its neighbours, a kernel each.

    Args:
        layer, grids, bias, options: As for `convolve_grid`.
        kernels: By source, `"finer"`, `"own"` and `"coarser"`.
    """
    finer, own, coarser = grids

    def convolution(source, grid, bias=None):
        kernel = kernels[source]
        convolve = keras.layers.Conv2D(
            kernel.shape[3],
            kernel.shape[0],
            padding="same",
            use_bias=bias is not None,
            **{name: getattr(layer, name) for name in KEPT},
            **options("" if source == "own" else f"_{source}"),
        )
        return with_weights(convolve, grid, kernel, bias)

    parts = [convolution("own", own, bias)]
    if finer is not None:
        parts.append(convolution("finer", finer))
    if coarser is not None:
        is_ahead = kernels["coarser"].shape[0] == layer.strides == 1
        part = convolution("coarser", coarser) if is_ahead else coarser
        if is_even(layer.grid_size(own.shape)):
            part = keras.layers.UpSampling2D(2, **options("_repeat"))(part)
        else:
            part = UpSamplingLike(2, **options("_repeat"))(part, own)
        parts.append(part if is_ahead else convolution("coarser", part))
    if len(parts) == 1:
        return parts[0]
    return keras.layers.Add(**without_format(options("_add")))(parts)


def pool(grid, options):
    """Halves a grid by maxima."""
    return keras.layers.MaxPooling2D(2, strides=2, padding="same", **options)(grid)


def join(grids, options):
    """Concatenates the channels of grids."""
    axis = channel_axis_of(options["data_format"])
    return keras.layers.Concatenate(axis=axis, **without_format(options))(list(grids))


def without_format(options):
    """Returns the options of layers that have no `data_format`."""
    return {name: value for name, value in options.items() if name != "data_format"}


def channel_axis_of(data_format):
    return 1 if data_format == "channels_first" else 3


def with_weights(layer, inputs, kernel, bias):
    """Calls a layer, and gives it weights."""
    outputs = layer(inputs)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return outputs
