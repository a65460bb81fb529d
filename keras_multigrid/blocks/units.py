"""The repeated units of the paper's networks: functions from pyramid to pyramid."""

import keras
from keras import layers

from keras_multigrid import checks
from keras_multigrid.layers import (
    ChannelPadding,
    FusedBatchNormalization,
    MultigridConv2D,
    PerGrid,
    UnfusedBiasConv2D,
)
from keras_multigrid.layers.multigrid_conv2d import fan_out_normal

MOMENTUM = 0.9  # of the moving statistics, as in the paper's release
PLAIN_EPSILON = 1e-3
RESIDUAL_EPSILON = 1e-5
EXCHANGES = ("each", "first")  # which convolutions of a residual unit read other grids


def channel_axis():
    """Returns the channel axis under Keras' global data format."""
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def batch_normalization(epsilon, name=None):
    """Returns the batch normalization of all our networks."""
    return FusedBatchNormalization(
        axis=channel_axis(), momentum=MOMENTUM, epsilon=epsilon, name=name
    )


def conv_unit(
    image,
    filters,
    name,
    kernel_size=3,
    strides=1,
    epsilon=PLAIN_EPSILON,
    relu=True,
    dilation_rate=1,
):
    """Applies convolution, batch normalization and, unless turned off, ReLU to one tensor.

    Args:
        image: Tensor `(batch, height, width, channels)`.
        filters: Number of output channels.
        name: Prefix of the layers' names.
        kernel_size: Side of the kernel.
        strides: Step of the convolution.
        epsilon: Of the batch normalization.
        relu: Whether a ReLU follows.
        dilation_rate: Distance between the taps of the kernel.

    Returns:
        One tensor of `filters` channels.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> kmg.blocks.conv_unit(keras.Input((32, 32, 3)), 8, "first").shape
    (None, 32, 32, 8)
    """
    checks.tensors(image=image)
    checks.positive_integers(filters=filters)
    checks.texts(name=name)
    checks.numbers(epsilon=epsilon)
    checks.flags(relu=relu)
    x = UnfusedBiasConv2D(
        filters,
        kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding="same",
        kernel_initializer=fan_out_normal(),
        name=f"{name}_conv",
    )(image)
    x = batch_normalization(epsilon, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def plain_unit(
    pyramid,
    filters,
    name,
    kernel_size=3,
    epsilon=PLAIN_EPSILON,
    relu=True,
    exchange_size=None,
):
    """Applies mg-conv, batch normalization and, unless turned off, ReLU (paper, Figure 2 left).

    Args:
        pyramid: List of tensors, finest first.
        filters: One integer per output grid.
        name: Prefix of the layers' names.
        kernel_size: One integer, or one per output grid.
        epsilon: Of the batch normalization.
        relu: Whether a ReLU follows.
        exchange_size: As for `MultigridConv2D`.

    Returns:
        A list of `len(filters)` tensors.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(2)(keras.Input((32, 32, 3)))
    >>> outputs = kmg.blocks.plain_unit(pyramid, [8, 4], "first")
    >>> [grid.shape for grid in outputs]
    [(None, 32, 32, 8), (None, 16, 16, 4)]
    """
    checks.lists(pyramid=pyramid)
    checks.texts(name=name)
    checks.numbers(epsilon=epsilon)
    checks.flags(relu=relu)
    convolution = MultigridConv2D(
        filters, kernel_size, exchange_size=exchange_size, name=f"{name}_conv"
    )
    pyramid = convolution(pyramid)
    return normalize_and_rectify(pyramid, name, epsilon, relu)


def normalize_and_rectify(pyramid, name, epsilon, relu=True):
    """Applies batch normalization and, unless turned off, ReLU to each grid."""
    pyramid = PerGrid(batch_normalization(epsilon), name=f"{name}_bn")(pyramid)
    return PerGrid(layers.ReLU(), name=f"{name}_relu")(pyramid) if relu else pyramid


def residual_unit(
    pyramid,
    filters,
    name,
    kernel_size=3,
    epsilon=RESIDUAL_EPSILON,
    relu=True,
    exchange_size=None,
    exchange="each",
):
    """Applies a residual unit of two mg-convs (paper, Figure 2 right: res-mg-unit).

    The shortcut of each grid is the identity; with zero channels appended where channels grow, and
    a 1x1 convolution with batch normalization where they shrink.

    Args:
        pyramid: List of tensors, finest first.
        filters: One integer per output grid.
        name: Prefix of the layers' names.
        kernel_size: One integer, or one per output grid.
        epsilon: Of the batch normalizations.
        relu: Whether a ReLU follows the sum.
        exchange_size: As for `MultigridConv2D`.
        exchange: Which convolutions read other grids: `"each"`, the paper's, or the `"first"`.

    Returns:
        A list of `len(filters)` tensors.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(2)(keras.Input((32, 32, 3)))
    >>> outputs = kmg.blocks.residual_unit(pyramid, [8, 4], "first")
    >>> [grid.shape for grid in outputs]
    [(None, 32, 32, 8), (None, 16, 16, 4)]
    """
    checks.lists(pyramid=pyramid)
    checks.texts(name=name)
    checks.numbers(epsilon=epsilon)
    checks.flags(relu=relu)
    if exchange not in EXCHANGES:
        raise ValueError(f"exchange is {exchange!r}; expected one of {', '.join(EXCHANGES)}.")
    x = plain_unit(pyramid, filters, f"{name}_1", kernel_size, epsilon, True, exchange_size)
    second = exchange_size if exchange == "each" else 0
    x = plain_unit(x, filters, f"{name}_2", kernel_size, epsilon, False, second)
    x = [
        layers.Add(name=f"{name}_add_{grid}")(
            [_shortcut(source, count, f"{name}_shortcut_{grid}", epsilon), output]
        )
        for grid, (source, output, count) in enumerate(zip(pyramid, x, filters))
    ]
    return PerGrid(layers.ReLU(), name=f"{name}_relu")(x) if relu else x


def _shortcut(grid, filters, name, epsilon):
    channels = grid.shape[channel_axis()]
    if channels < filters:
        return ChannelPadding(filters, name=name)(grid)
    if channels > filters:
        return conv_unit(grid, filters, name, kernel_size=1, epsilon=epsilon, relu=False)
    return grid
