"""NumPy reference of the pyramid operations, written from the paper and not from our layers.

Everything is channels-last and in float64, in plain loops over pixels or kernel offsets.
"""

import numpy as np


def grid_sizes(height, width, num_grids):
    """Returns the (height, width) of each grid: halves, rounded up."""
    sizes = [(height, width)]
    while len(sizes) < num_grids:
        height, width = (height + 1) // 2, (width + 1) // 2
        sizes.append((height, width))
    return sizes


def random_pyramid(rng, height, width, channels, batch=2):
    """Returns float32 arrays, one per entry of `channels`, finest grid first."""
    return [
        rng.normal(size=(batch, *size, count)).astype("float32")
        for size, count in zip(grid_sizes(height, width, len(channels)), channels)
    ]


def image_pyramid(image, num_grids):
    """Grid i: the mean of each 2^i x 2^i window, of the pixels that exist where it sticks out."""
    image = np.asarray(image, "float64")
    batch, height, width, channels = image.shape
    grids = []
    for grid in range(num_grids):
        window = 2**grid
        rows, columns = -(-height // window), -(-width // window)
        output = np.zeros((batch, rows, columns, channels))
        for row in range(rows):
            for column in range(columns):
                top, left = row * window, column * window
                pixels = image[:, top : top + window, left : left + window]
                output[:, row, column] = pixels.mean(axis=(1, 2))
        grids.append(output)
    return grids


def max_pool(grid):
    """2x2 maximum with stride 2; a window that sticks out has fewer pixels."""
    batch, height, width, channels = grid.shape
    output = np.zeros((batch, (height + 1) // 2, (width + 1) // 2, channels))
    for row in range(output.shape[1]):
        for column in range(output.shape[2]):
            pixels = grid[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            output[:, row, column] = pixels.max(axis=(1, 2))
    return output


def upsample(grid, height, width):
    """Nearest neighbour: pixel (r, c) of the output is pixel (r // 2, c // 2) of the grid."""
    output = np.zeros((grid.shape[0], height, width, grid.shape[3]))
    for row in range(height):
        for column in range(width):
            output[:, row, column] = grid[:, row // 2, column // 2]
    return output


def conv(inputs, kernel, bias=None, padding="same", strides=1, dilation=1):
    """As TensorFlow documents it: "same" puts the odd row of zeros at the bottom and right."""
    inputs, kernel = np.asarray(inputs, "float64"), np.asarray(kernel, "float64")
    size = kernel.shape[0]
    span = dilation * (size - 1) + 1
    if padding == "same":
        missing = [
            max((-(-side // strides) - 1) * strides + span - side, 0) for side in inputs.shape[1:3]
        ]
        sides = [(count // 2, count - count // 2) for count in missing]
        inputs = np.pad(inputs, ((0, 0), *sides, (0, 0)))
    height, width = ((side - span) // strides + 1 for side in inputs.shape[1:3])
    output = np.zeros((inputs.shape[0], height, width, kernel.shape[3]))
    for row in range(height):
        for column in range(width):
            top, left = row * strides, column * strides
            pixels = inputs[:, top : top + span : dilation, left : left + span : dilation]
            output[:, row, column] = np.einsum("byxi,yxio->bo", pixels, kernel)
    return output if bias is None else output + bias


def multigrid_conv(pyramid, kernels, biases=None, padding="same", strides=1, dilation=1):
    """One output per kernel, from [pooled finer grid, own grid, upsampled coarser grid].

    Grids that are dropped, as there are fewer kernels than grids, feed nobody.
    """
    pyramid = pyramid[: len(kernels)]
    outputs = []
    for grid, kernel in enumerate(kernels):
        own = pyramid[grid]
        parts = []
        if grid > 0:
            parts.append(max_pool(pyramid[grid - 1]))
        parts.append(own)
        if grid + 1 < len(pyramid):
            parts.append(upsample(pyramid[grid + 1], own.shape[1], own.shape[2]))
        bias = biases[grid] if biases else None
        joined = np.concatenate(parts, axis=3)
        outputs.append(conv(joined, kernel, bias, padding, strides, dilation))
    return outputs


def multigrid_pool(pyramid, merge=False):
    """Pools every grid; with merge, the coarsest joins the pooled second-coarsest instead."""
    if not merge:
        return [max_pool(grid) for grid in pyramid]
    *others, coarsest = pyramid
    outputs = [max_pool(grid) for grid in others]
    outputs[-1] = np.concatenate([outputs[-1], coarsest], axis=3)
    return outputs


def conv_transpose(inputs, kernel, bias=None, strides=2):
    """Each pixel paints its kernel, (k, k, out, in), `strides` apart; the result is cropped to
    `strides` times the input, the odd row of what is too much at the bottom and right."""
    inputs, kernel = np.asarray(inputs, "float64"), np.asarray(kernel, "float64")
    batch, height, width, _ = inputs.shape
    size, out = kernel.shape[0], kernel.shape[2]
    canvas = np.zeros((batch, height * strides + size, width * strides + size, out))
    for row in range(height):
        for column in range(width):
            patch = np.einsum("bi,yxoi->byxo", inputs[:, row, column], kernel)
            top, left = row * strides, column * strides
            canvas[:, top : top + size, left : left + size] += patch
    start = max(size - strides, 0) // 2
    output = canvas[:, start : start + height * strides, start : start + width * strides]
    return output if bias is None else output + bias


def multigrid_conv_transpose(pyramid, kernels, biases=None, strides=2):
    """A transposed convolution per grid, each cropped to half the finer output, rounded up."""
    height, width = (strides * side for side in pyramid[0].shape[1:3])
    outputs = []
    for grid, (rows, columns) in enumerate(grid_sizes(height, width, len(pyramid))):
        bias = biases[grid] if biases else None
        output = conv_transpose(pyramid[grid], kernels[grid], bias, strides)
        outputs.append(output[:, :rows, :columns])
    return outputs


def batch_norm_inference(inputs, mean, variance, gamma=1.0, beta=0.0, epsilon=1e-3):
    return (np.asarray(inputs, "float64") - mean) / np.sqrt(variance + epsilon) * gamma + beta


def batch_norm_training(inputs, gamma=1.0, beta=0.0, epsilon=1e-3):
    """Returns (outputs, mean, variance), the variance divided by n."""
    pixels = np.asarray(inputs, "float64").reshape(-1, inputs.shape[-1])
    mean, variance = pixels.mean(axis=0), pixels.var(axis=0)
    return batch_norm_inference(inputs, mean, variance, gamma, beta, epsilon), mean, variance
