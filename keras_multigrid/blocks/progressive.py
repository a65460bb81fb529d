"""The progressive start: from the coarsest grid alone to the whole pyramid."""

from keras_multigrid import checks


def progressive_start(pyramid, unit, widths, n, name):
    """Works on the coarsest grid alone, then on the coarsest two, ... (paper, section 3.2).

    Finer grids wait untouched until their turn.

    Args:
        pyramid: List of tensors, finest first.
        unit: `plain_unit` or `residual_unit`.
        widths: One list of channels per phase, the coarsest grid's alone first: phase k has the
            channels of the k + 1 coarsest grids, finest first.
        n: Number of units per phase.
        name: Prefix of the layers' names.

    Returns:
        The pyramid after the last phase.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(2)(keras.Input((32, 32, 3)))
    >>> outputs = kmg.blocks.progressive_start(
    ...     pyramid, kmg.blocks.plain_unit, [[4], [8, 4]], n=2, name="phase"
    ... )
    >>> [grid.shape for grid in outputs]
    [(None, 32, 32, 8), (None, 16, 16, 4)]
    """
    checks.lists(pyramid=pyramid, widths=widths)
    checks.functions(unit=unit)
    checks.positive_integers(n=n)
    checks.texts(name=name)
    pyramid = list(pyramid)
    for phase, filters in enumerate(widths):
        start = len(pyramid) - len(filters)
        for step in range(n):
            pyramid[start:] = unit(pyramid[start:], filters, f"{name}{phase + 1}_unit{step + 1}")
    return pyramid
