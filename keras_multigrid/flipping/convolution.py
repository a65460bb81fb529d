"""Convolutions with the weights of old ones: over all grids, and of heads that read more."""

import numpy as np
from keras import ops

from keras_multigrid.flipping.features import half_of
from keras_multigrid.flipping.layer_copies import MERGED
from keras_multigrid.flipping.rules import span_of
from keras_multigrid.flipping.spacing import equally_spaced
from keras_multigrid.flipping.windows import NO_ZEROS, grid_paddings, is_same, more_than_same
from keras_multigrid.layers import MultigridConv2D


def mixed(builder, step):
    """Returns the pyramid that a convolution over all grids makes."""
    call, output, (source,) = step.call, step.output, step.inputs
    layer, policy = call.layer, call.layer.dtype_policy
    is_valid = layer.padding == "valid"
    takes_zeros = is_valid and not source.fill
    grids = (builder.bare if takes_zeros else builder.whole)(source, policy)
    if source.grids == 1:
        read = [builder.joined([grids[0], grids[MERGED]], f"{call.name}_merge", policy)]
    else:
        read = [grids[grid] for grid in range(min(output.needed + 1, source.grids))]
    size = source.size if takes_zeros else source.padded_size
    sides = [layer.kernel_size[0]] * output.needed
    if builder.one_pixel_kernels:
        for grid in range(1, output.needed):
            if half_of(size, grid) == (1, 1):
                sides[grid] = 1
    padding, more = "same", [0, 0]
    span, zeros = span_of(layer), source.zeros if takes_zeros else NO_ZEROS
    if is_valid and not is_same(zeros, span, layer.strides):
        spans = [tuple(layer.dilation_rate[0] * (side - 1) + 1 for _ in span) for side in sides]
        padding = grid_paddings(zeros, spans, layer.strides)
        more = more_than_same(zeros, span)

    def make():
        widths = [builder.copies.width(output.grids, grid) for grid in range(output.needed)]
        filters = [layer.filters, *(width(layer.filters) for width in widths[1:])]
        dropped = len(read) > output.needed
        name, initializer = builder.copies.name(call.name), builder.initializer
        return _convolution(layer, name, filters, sides, padding, dropped, initializer)

    convolution = builder.copies.once(layer, "mixed", make)
    if convolution.kernel_size != tuple(sides):
        raise ValueError(
            f"it is called twice, with kernels of {convolution.kernel_size} and {sides}; make it "
            "two layers, or set one_pixel_kernels=False."
        )
    is_new = not convolution.built
    results = convolution(read)
    if is_new:
        take_weights(convolution, layer)
    keep_halves = more == [0, 0]
    return equally_spaced(builder, dict(enumerate(results)), keep_halves, call.name, policy)


def _convolution(layer, name, filters, kernel_sizes, padding, read_dropped, initializer):
    return MultigridConv2D(
        filters,
        kernel_sizes,
        strides=layer.strides[0],
        padding=padding,
        dilation_rate=layer.dilation_rate[0],
        activation=layer.activation,
        use_bias=layer.use_bias,
        read_dropped=read_dropped,
        kernel_initializer=initializer,
        activity_regularizer=layer.activity_regularizer,
        kernel_regularizer=layer.kernel_regularizer,
        bias_regularizer=layer.bias_regularizer,
        kernel_constraint=layer.kernel_constraint,
        bias_constraint=layer.bias_constraint,
        data_format=layer.data_format,
        trainable=layer.trainable,
        dtype=layer.dtype_policy,
        name=name,
    )


def take_weights(convolution, layer):
    """Gives the finest grid the old weights, and zeros for all else that it reads."""
    old, kernel = _array(layer.kernel), np.zeros(convolution.kernels[0].shape, "float32")
    kernel[:, :, : old.shape[2]] = old  # the finest grid's own channels come first
    convolution.kernels[0].assign(kernel)
    if layer.use_bias:
        convolution.biases[0].assign(_array(layer.bias))


def take_weights_and_zeros(copy, layer):
    """Gives a layer of the head that reads more channels the old weights, and zeros for those."""
    kernel, *bias = map(_array, layer.get_weights())
    more = [(0, 0)] * kernel.ndim
    more[-2] = (0, copy.kernel.shape[-2] - kernel.shape[-2])
    copy.set_weights([np.pad(kernel, more), *bias])


def _array(variable):
    return ops.convert_to_numpy(variable)
