"""Equal ways to convolve a grid with its neighbours, and the rule that picks the fastest."""

import keras
import numpy as np
from keras import ops

from keras_multigrid.layers.grid_padding import pad
from keras_multigrid.layers.resampling import repeat_like

FORMULATIONS = ("fastest", "textbook", "transposed", "phases")
MIN_COARSER_SHARE = 1 / 4
MIN_SIDE_IN_TRAINING = 14
MIN_SIDE_IN_INFERENCE = 28


def convolve(
    pooled,
    own,
    coarser,
    kernel,
    *,
    formulation="fastest",
    strides=1,
    padding="same",
    dilation_rate=1,
    data_format="channels_last",
    training=False,
):
    """Convolves one grid together with its neighbours, without bias.

    The repetition of a coarser grid makes half of the convolution's work superfluous: per axis, the
    3 taps of an output pixel meet only 2 different coarse pixels. Summing the kernel's taps that
    meet the same pixel leaves 2x2 instead of 3x3 products, exactly, borders included; in general
    (k + 1)^2 / 4 instead of k^2.

    - `"textbook"`: repeat, concatenate, convolve.
    - `"transposed"`: the coarser grid goes through one transposed convolution of stride 2 with the
      summed (k + 1) x (k + 1) kernel.
    - `"phases"`: the coarser grid goes through one convolution with four times the filters, one set
      for each position of an output pixel in its coarse pixel; the outputs are interleaved.
    - `"fastest"`: the one that `fastest_formulation` names.

    The last three need an odd kernel, padding "same", channels last, no strides, no dilation, and
    sides that are known and even; elsewhere they are the textbook's. In half precision the sums of
    the taps are rounded as well, which adds up to twice the textbook's own rounding error.

    Args:
        pooled: The pooled finer grid, or None.
        own: The grid.
        coarser: The coarser grid, not repeated yet, or None.
        kernel: `(k, k, channels, filters)`, the channels of the three in this order.
        formulation: One of `FORMULATIONS`.
        strides: Step of the convolution.
        padding: `"same"`, `"valid"` or `((top, bottom), (left, right))`, a number of zeros.
        dilation_rate: Distance between the taps of the kernel.
        data_format: `"channels_last"` or `"channels_first"`.
        training: Whether gradients will be asked for; only the rule asks.

    Returns:
        The output grid.
    """
    fine = [own] if pooled is None else [pooled, own]
    channel_axis = 1 if data_format == "channels_first" else -1

    def convolution(parts, weights):
        joined = ops.concatenate(parts, axis=channel_axis) if len(parts) > 1 else parts[0]
        joined = pad(joined, padding, data_format)
        rest = "same" if padding == "same" else "valid"
        return ops.conv(joined, weights, strides, rest, data_format, dilation_rate)

    if coarser is None:
        return convolution(fine, kernel)
    has_steps = strides > 1 or dilation_rate > 1
    if data_format == "channels_first" or has_steps or None in coarser.shape[1:3]:
        formulation = "textbook"
    else:
        share = coarser.shape[-1] / kernel.shape[2]
        size = own.shape[1:3]
        formulation = choose(formulation, size, kernel.shape[0], share, padding, training)
    if formulation == "textbook":
        return convolution([*fine, repeat_like(coarser, own, data_format)], kernel)
    # A split kernel has a concatenation for a gradient; slices would each be padded and added up.
    kernel, coarser_kernel = ops.split(kernel, [kernel.shape[2] - coarser.shape[-1]], axis=2)
    enlarge = transposed if formulation == "transposed" else phases
    return convolution(fine, kernel) + enlarge(coarser, coarser_kernel)


def convolve_each(
    pooled,
    own,
    coarser,
    kernels,
    *,
    formulation="fastest",
    strides=1,
    dilation_rate=1,
    data_format="channels_last",
):
    """Convolves one grid and its neighbours by a kernel each, and adds up; padding "same", no bias.

    A 1x1 convolution of the repeated coarser grid is its convolution, repeated: a quarter of the
    work. Only the `"textbook"` repeats first.

    Args:
        pooled, own, coarser: As for `convolve`.
        kernels: Their kernels by source, `"finer"`, `"own"` and `"coarser"`.
        formulation, strides, dilation_rate, data_format: As for `convolve`.

    Returns:
        The output grid.
    """

    def convolution(grid, kernel):
        return ops.conv(grid, kernel, strides, "same", data_format, dilation_rate)

    output = convolution(own, kernels["own"])
    if pooled is not None:
        output = output + convolution(pooled, kernels["finer"])
    if coarser is None:
        return output
    kernel = kernels["coarser"]
    if kernel.shape[0] == 1 and strides == 1 and formulation != "textbook":
        return output + repeat_like(convolution(coarser, kernel), own, data_format)
    return output + convolution(repeat_like(coarser, own, data_format), kernel)


def choose(formulation, size, kernel_size, coarser_share, padding, training):
    """Returns the formulation meant for a grid of this (height, width), if it has another."""
    if padding != "same" or kernel_size % 2 == 0 or not is_even(size):
        return "textbook"
    if formulation != "fastest":
        return formulation
    return fastest_formulation(min(size), coarser_share, training)


def is_even(size):
    """Whether (height, width) are known and even, so that a repeated grid need not be cropped."""
    return all(side and side % 2 == 0 for side in size)


def fastest_formulation(side, coarser_share, training):
    """Returns a formulation that measured as fast as the textbook's or faster (results/speed.md).

    In XLA on a CPU transposed convolutions take up to five times as long as the textbook in the
    backward pass, with `jit_compile` on TensorFlow too: take "textbook" there. In whole networks on
    JAX phases gain a fifth in inference and nothing in training; in TensorFlow they are slower.
    PyTorch gains only on the largest grids. Other devices have not been measured. Where nothing is
    gained, and on small grids on JAX, where it depends on the channels, it is the textbook's.

    Args:
        side: The smaller side of the finer grid.
        coarser_share: Share of the coarser grid in the input channels.
        training: Whether gradients will be asked for.

    Returns:
        One of `FORMULATIONS`, but not `"fastest"`.
    """
    backend = keras.backend.backend()
    min_side = MIN_SIDE_IN_TRAINING if training else MIN_SIDE_IN_INFERENCE
    too_small = side < min_side or coarser_share < MIN_COARSER_SHARE
    if too_small or backend not in ("tensorflow", "jax") or not _runs_on_cpu():
        return "textbook"
    if backend == "tensorflow":
        return "transposed"
    return "textbook" if training else "phases"


def transposed(coarser, kernel):
    """Returns the convolution of the repeated grid by a transposed one of stride 2."""
    return ops.conv_transpose(
        coarser, transposed_kernel(kernel), strides=2, padding="same", data_format="channels_last"
    )


def transposed_kernel(kernel):
    """Returns the `(k + 1, k + 1, filters, channels)` kernel of `transposed`."""
    size, channels, filters = kernel.shape[0], *kernel.shape[2:]
    taps = _summed_taps(size)
    kernel = _combine_taps(np.kron(taps, taps), ops.transpose(kernel, (0, 1, 3, 2)))
    return ops.reshape(kernel, (size + 1, size + 1, filters, channels))


def phases(coarser, kernel):
    """Returns the convolution of the repeated grid by one for each phase of its pixels."""
    size, channels, filters = kernel.shape[0], *kernel.shape[2:]
    width = (size + 1) // 2
    taps = _summed_taps(size).reshape(width, 2, size)[::-1]
    matrix = np.einsum("dpk,eql->depqkl", taps, taps).reshape(-1, size * size)
    kernel = ops.reshape(_combine_taps(matrix, kernel), (width, width, 4, channels, filters))
    kernel = ops.reshape(
        ops.transpose(kernel, (0, 1, 3, 2, 4)), (width, width, channels, 4 * filters)
    )
    border = (width - 1, width - 1)
    coarser = ops.pad(coarser, [(0, 0), border, border, (0, 0)])
    output = ops.conv(coarser, kernel, padding="valid", data_format="channels_last")
    height, width = output.shape[1:3]
    output = ops.reshape(output, (-1, height, width, 2, 2, filters))
    output = ops.transpose(output, (0, 1, 3, 2, 4, 5))
    output = ops.reshape(output, (-1, 2 * height, 2 * width, filters))
    border = size // 2
    return output[:, border : 2 * height - border, border : 2 * width - border]


def _summed_taps(size):
    """Returns, per axis, which taps each tap of the transposed convolution sums: (size + 1, size).

    A coarse pixel is repeated twice, so each output meets it by two adjacent taps, flipped.
    """
    return np.fliplr(np.eye(size + 1, size) + np.eye(size + 1, size, -1))


def _combine_taps(matrix, kernel):
    """Multiplies a matrix with the taps of a kernel, taken as the rows of one."""
    taps = ops.reshape(kernel, (matrix.shape[1], -1))
    return ops.matmul(ops.cast(matrix, kernel.dtype), taps)


def _runs_on_cpu():
    return all(device.startswith("cpu") for device in keras.distribution.list_devices())
