"""Multiply-adds of one call of a layer, by its kind."""

import functools
import math

from keras import layers

from keras_multigrid.layers import MultigridConv2D, MultigridConv2DTranspose, PerGrid


@functools.singledispatch
def macs_of(layer, inputs, outputs):
    """Returns the multiply-adds per image of a layer, given the shapes it reads and returns.

    This is the rule for layers of unknown kind: 0, or None if they have kernels.
    """
    return None if any(len(weight.shape) > 1 for weight in layer.weights) else 0


@macs_of.register(layers.Conv1D)
@macs_of.register(layers.Conv2D)
@macs_of.register(layers.Conv3D)
@macs_of.register(layers.DepthwiseConv1D)
@macs_of.register(layers.DepthwiseConv2D)
def _convolution(layer, inputs, outputs):
    return _positions(outputs, layer) * math.prod(layer.kernel.shape)


@macs_of.register(layers.Conv1DTranspose)
@macs_of.register(layers.Conv2DTranspose)
@macs_of.register(layers.Conv3DTranspose)
def _transposed_convolution(layer, inputs, outputs):
    return _positions(inputs, layer) * math.prod(layer.kernel.shape)


@macs_of.register(layers.SeparableConv1D)
@macs_of.register(layers.SeparableConv2D)
def _separable_convolution(layer, inputs, outputs):
    kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
    return _positions(outputs, layer) * sum(math.prod(kernel.shape) for kernel in kernels)


@macs_of.register
def _dense(layer: layers.Dense, inputs, outputs):
    return math.prod(outputs[1:-1]) * math.prod(layer.kernel.shape)


@macs_of.register
def _multigrid_convolution(layer: MultigridConv2D, inputs, outputs):
    sizes = [math.prod(kernel.shape) for kernel in layer.kernels]
    count = sum(_positions(shape, layer) * size for shape, size in zip(outputs, sizes))
    for grid, kernels in enumerate(layer.exchange_kernels):
        for source, kernel in kernels.items():
            # What a 1x1 kernel reads of the coarser grid is repeated after it.
            is_ahead = source == "coarser" and kernel.shape[0] == layer.strides == 1
            shape = inputs[grid + 1] if is_ahead else outputs[grid]
            count += _positions(shape, layer) * math.prod(kernel.shape)
    return count


@macs_of.register(PerGrid)
@macs_of.register(MultigridConv2DTranspose)
def _per_grid(layer, inputs, outputs):
    counts = [macs_of(*grid) for grid in zip(layer.grid_layers, inputs, outputs)]
    return None if None in counts else sum(counts)


def _positions(shape, layer):
    channels_first = layer.data_format == "channels_first"
    return math.prod(shape[2:] if channels_first else shape[1:-1])
