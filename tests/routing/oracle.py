"""What each source adds to a grid's output, in NumPy, from the paper."""

from tests import oracle


def contributions(pyramid, kernels, padding="same"):
    """Returns, by (grid, source), the convolution of the source alone with its part of the kernel.

    The kernels' input channels are in the order [pooled finer, own, repeated coarser].
    """
    pyramid = pyramid[: len(kernels)]
    added = {}
    for grid, kernel in enumerate(kernels):
        own = pyramid[grid]
        parts = {}
        if grid > 0:
            parts["finer"] = oracle.max_pool(pyramid[grid - 1])
        parts["own"] = own
        if grid + 1 < len(pyramid):
            parts["coarser"] = oracle.upsample(pyramid[grid + 1], *own.shape[1:3])
        start = 0
        for source, part in parts.items():
            end = start + part.shape[3]
            added[grid, source] = oracle.conv(part, kernel[:, :, start:end], padding=padding)
            start = end
        assert start == kernel.shape[2]
    return added
