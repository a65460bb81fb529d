"""The U shape: down through ever smaller pyramids, and up again with skip connections."""

from keras_multigrid import checks
from keras_multigrid.blocks.units import PLAIN_EPSILON, normalize_and_rectify, plain_unit
from keras_multigrid.layers import (
    MultigridConv2DTranspose,
    MultigridMaxPooling2D,
    SkipConcatenate,
)


def u_shape(pyramid, widths, name=""):
    """Shrinks a pyramid level by level and enlarges it again (paper, Figure 3: U-NET, U-MG).

    Args:
        pyramid: List of tensors, finest first: the features of the first level.
        widths: The channels of each level's grids, finest first. A level with fewer grids than
            the one above drops the coarsest; on the way up they come back from the skip.
        name: Prefix of the layers' names.

    Returns:
        The first level's pyramid after the way up.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(2)(keras.Input((32, 32, 3)))
    >>> outputs = kmg.blocks.u_shape(pyramid, [[4, 2], [8, 4], [16]])
    >>> [grid.shape for grid in outputs]
    [(None, 32, 32, 4), (None, 16, 16, 2)]
    """
    checks.lists(pyramid=pyramid, widths=widths)
    checks.texts(name=name)
    skips = []
    for level, filters in enumerate(widths[1:], start=2):
        skips.append(pyramid)
        pooled = MultigridMaxPooling2D(name=f"{name}down{level}_pool")(pyramid)
        pyramid = plain_unit(pooled[: len(filters)], filters, f"{name}down{level}")
    for level in range(len(widths) - 1, 0, -1):
        filters, up = widths[level - 1], f"{name}up{level}"
        enlarge = MultigridConv2DTranspose(filters[: len(pyramid)], name=f"{up}_transpose")
        pyramid = enlarge(pyramid)
        pyramid = normalize_and_rectify(pyramid, f"{up}_transpose", PLAIN_EPSILON)
        pyramid = SkipConcatenate(name=f"{up}_skip")(skips.pop(), pyramid)
        pyramid = plain_unit(pyramid, filters, up)
    return pyramid
