"""Counting in place of building: stand-ins for the layers that our networks are made of.

The networks are written once, with the names at the end of this file in place of the layers'. Given
tensors, such a stand-in makes its layer and calls it. Given counted grids, which start from a
`Tally` in place of a constructor's input tensor, it makes nothing, and adds up parameters and
multiply-adds by the rule for its kind of layer.
"""

import contextlib
import contextvars
import dataclasses
import functools
import math

import keras

from keras_multigrid import layers
from keras_multigrid.layers.pyramid_layer import half

_name_start = contextvars.ContextVar("name_start", default="")


@contextlib.contextmanager
def names_start_with(start):
    """Has the names of layers that are made within begin with a text."""
    token = _name_start.set(start)
    try:
        yield
    finally:
        _name_start.reset(token)


class Tally:
    """What was counted so far, and the source of the grids that are counted into it.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-adds per image, of convolutions and dense layers.
    """

    def __init__(self):
        self.params = self.macs = 0

    def add(self, kernel, biases=0, positions=0):
        """Adds a kernel of so many weights, used at so many positions, and its biases."""
        self.params += kernel + biases
        self.macs += kernel * positions

    def input(self, shape, name=None):
        """Returns what stands for `keras.Input(shape, name)`, channels last."""
        *sides, channels = shape
        if None in sides:
            raise ValueError(
                f"The input is {tuple(shape)}, channels last; expected known sides, as "
                "multiply-adds depend on them. Pass, for example, input_shape=(64, 64, 1)."
            )
        height, width = sides or (1, 1)
        return CountedGrid(height, width, channels, self)


@dataclasses.dataclass(frozen=True, slots=True)
class CountedGrid:
    """Stands for a feature map, channels last whatever Keras' data format; a vector is one pixel.

    Attributes:
        height, width, channels: Its size.
        tally: What it is counted into.
    """

    height: int
    width: int
    channels: int
    tally: Tally

    @property
    def shape(self):
        """The shape of the tensor it stands for, in Keras' data format."""
        if keras.config.image_data_format() == "channels_first":
            return None, self.channels, self.height, self.width
        return None, self.height, self.width, self.channels


class Uncountable(ValueError):
    """A network that cannot be counted without building it."""


class StandIn:
    """A layer that is made when it is called, and only for tensors; use `stand_in`."""

    def __init__(self, layer_class, rule, *args, **options):
        self.layer_class, self.rule = layer_class, rule
        self.args, self.options = args, options

    def __call__(self, *inputs):
        if is_counted(inputs):
            return self.rule(*inputs, *self.args, **self.options)
        return self.make()(*inputs)

    def make(self):
        """Returns the layer."""
        args = [arg.make() if isinstance(arg, StandIn) else arg for arg in self.args]
        options = dict(self.options)
        if options.get("name"):
            options["name"] = _name_start.get() + options["name"]
        return self.layer_class(*args, **options)


def stand_in(layer_class, rule):
    """Returns what is called like a layer class.

    Args:
        layer_class: What it makes for tensors.
        rule: Function of counted inputs, followed by the layer's own arguments, that counts into
            the tally and returns the counted outputs. What it does not name must change no count.
    """
    return functools.partial(StandIn, layer_class, rule)


def is_counted(inputs):
    """Returns whether inputs, a grid or lists of them, stand for tensors."""
    while isinstance(inputs, list | tuple) and inputs:
        inputs = inputs[0]
    return isinstance(inputs, CountedGrid)


def Model(inputs, outputs, name):
    """Returns `keras.Model`; of a counted input, its tally."""
    return inputs.tally if is_counted(inputs) else keras.Model(inputs, outputs, name=name)


def _unchanged(grid, *_, **__):
    return grid


def _sum(grids, **_):
    return grids[0]


def _pixel(grid, **_):
    return _with(grid, 1, 1)


def _padded_channels(grid, filters, **_):
    return _with(grid, channels=filters)


def _normalization(grid, **_):
    grid.tally.add(2 * grid.channels)  # gamma and beta
    return grid


def _dense(vector, units, **_):
    vector.tally.add(vector.channels * units, units, positions=1)
    return _with(vector, channels=units)


def _convolution(grid, filters, kernel_size, strides=1, padding="valid", **_):
    window = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    output = _with(_windows(grid, window, strides, padding), channels=filters)
    kernel = math.prod(window) * grid.channels * filters
    grid.tally.add(kernel, filters, positions=output.height * output.width)
    return output


def _pooling(grid, pool_size, strides, padding="valid", **_):
    return _windows(grid, (pool_size, pool_size), strides, padding)


def _image_pyramid(image, num_grids, **_):
    pyramid = [image]
    while len(pyramid) < num_grids:
        pyramid.append(_halved(pyramid[-1]))
    return pyramid


def _multigrid_convolution(pyramid, filters, kernel_size=3, **_):
    kept = pyramid[: len(filters)]
    sizes = [kernel_size] * len(kept) if isinstance(kernel_size, int) else kernel_size
    outputs = []
    for number, (grid, count, size) in enumerate(zip(kept, filters, sizes)):
        read = sum(neighbour.channels for neighbour in kept[max(0, number - 1) : number + 2])
        grid.tally.add(size * size * read * count, count, positions=grid.height * grid.width)
        outputs.append(_with(grid, channels=count))
    return outputs


def _multigrid_transpose(pyramid, filters, **_):
    finest = pyramid[0]
    enlarged = _image_pyramid(_with(finest, 2 * finest.height, 2 * finest.width), len(filters))
    for grid, count in zip(pyramid, filters):  # each input pixel makes 2x2 of the output
        kernel = 2 * 2 * grid.channels * count
        grid.tally.add(kernel, count, positions=grid.height * grid.width)
    return [_with(grid, channels=count) for grid, count in zip(enlarged, filters)]


def _multigrid_pooling(pyramid, merge=False, **_):
    pooled = [_halved(grid) for grid in (pyramid[:-1] if merge else pyramid)]
    if merge:
        pooled[-1] = _with(pooled[-1], channels=pooled[-1].channels + pyramid[-1].channels)
    return pooled


def _joined(skip, upsampled, **_):
    joined = [
        _with(down, channels=down.channels + up.channels) for down, up in zip(skip, upsampled)
    ]
    return joined + skip[len(joined) :]


def _per_grid(pyramid, layer, **_):
    return [layer(grid) for grid in pyramid]


def _with(grid, height=None, width=None, channels=None):
    return CountedGrid(
        height or grid.height, width or grid.width, channels or grid.channels, grid.tally
    )


def _halved(grid):
    return _with(grid, half(grid.height), half(grid.width))


def _windows(grid, window, stride, padding):
    """Returns a grid of the positions of a window."""
    sides = (grid.height, grid.width)
    if padding == "same":
        return _with(grid, *(-(-side // stride) for side in sides))
    if any(side < size for side, size in zip(sides, window)):
        raise ValueError(
            f"A feature map is {grid.height}x{grid.width}; expected at least "
            f"{window[0]}x{window[1]}, the window of the next layer. Use larger images."
        )
    return _with(grid, *((side - size) // stride + 1 for side, size in zip(sides, window)))


Activation = stand_in(keras.layers.Activation, _unchanged)
Add = stand_in(keras.layers.Add, _sum)
ChannelPadding = stand_in(layers.ChannelPadding, _padded_channels)
Conv2D = stand_in(keras.layers.Conv2D, _convolution)
Dense = stand_in(keras.layers.Dense, _dense)
FusedBatchNormalization = stand_in(layers.FusedBatchNormalization, _normalization)
GlobalAveragePooling2D = stand_in(keras.layers.GlobalAveragePooling2D, _pixel)
GlobalMaxPooling2D = stand_in(keras.layers.GlobalMaxPooling2D, _pixel)
ImagePyramid = stand_in(layers.ImagePyramid, _image_pyramid)
LeakyReLU = stand_in(keras.layers.LeakyReLU, _unchanged)
MaxPooling2D = stand_in(keras.layers.MaxPooling2D, _pooling)
MultigridConv2D = stand_in(layers.MultigridConv2D, _multigrid_convolution)
MultigridConv2DTranspose = stand_in(layers.MultigridConv2DTranspose, _multigrid_transpose)
MultigridMaxPooling2D = stand_in(layers.MultigridMaxPooling2D, _multigrid_pooling)
PerGrid = stand_in(layers.PerGrid, _per_grid)
ReLU = stand_in(keras.layers.ReLU, _unchanged)
Reshape = stand_in(keras.layers.Reshape, _unchanged)
SkipConcatenate = stand_in(layers.SkipConcatenate, _joined)
UnfusedBiasConv2D = stand_in(layers.UnfusedBiasConv2D, _convolution)
