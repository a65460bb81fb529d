"""Padding of convolutions over grids: "same", "valid", or a number of zeros on each side."""

from keras import ops

from keras_multigrid.type_hints import is_integer


def checked_padding(padding, label, grids):
    """Returns the argument `padding`, or raises a `ValueError`.

    Args:
        padding: `"same"`, `"valid"`, or a list with `((top, bottom), (left, right))` per grid.
        label: What has the argument.
        grids: Number of grids.
    """
    if isinstance(padding, str) and padding in ("same", "valid"):
        return padding
    if isinstance(padding, list | tuple) and len(padding) == grids and all(map(_fits, padding)):
        return [[[int(count) for count in side] for side in grid] for grid in padding]
    raise ValueError(
        f"{label}: padding is {padding!r}; expected 'same', 'valid', or a list of {grids} entries "
        "((top, bottom), (left, right)), one per grid."
    )


def of_grid(padding, grid):
    """Returns one grid's padding: `"same"`, `"valid"` or `((top, bottom), (left, right))`."""
    return padding if isinstance(padding, str) else padding[grid]


def pad(grid, padding, data_format):
    """Returns a grid with the zeros that are counted around it."""
    if isinstance(padding, str) or not any(map(any, padding)):
        return grid
    none = (0, 0)
    sides = [tuple(side) for side in padding]
    around = [none, none, *sides] if data_format == "channels_first" else [none, *sides, none]
    return ops.pad(grid, around)


def output_size(size, span, strides, padding):
    """Returns the (height, width) of what a window of `span` pixels makes of a grid."""
    sums = (0, 0) if isinstance(padding, str) else map(sum, padding)
    lost = 0 if padding == "same" else span - 1
    return [
        None if side is None else (side + more - lost + strides - 1) // strides
        for side, more in zip(size, sums)
    ]


def check_spans(label, shapes, sizes, spans, padding):
    """Raises a `ValueError` for a grid that is smaller, with its zeros, than its kernel.

    Args:
        label: What has the kernels.
        shapes: Of the grids, as they are told.
        sizes: Height and width of each grid.
        spans: How many pixels along a side each grid's kernel covers.
        padding: As of `checked_padding`.
    """
    for grid, (shape, size, span) in enumerate(zip(shapes, sizes, spans)):
        around = of_grid(padding, grid)
        left = output_size(size, span, 1, around)
        if around != "same" and any(side is not None and side < 1 for side in left):
            raise ValueError(
                f"{label}: grid {grid} of shape {shape} is smaller than the "
                f"{span}x{span} pixels that its kernel covers; expected at least as many with "
                f"padding {around!r}. Use padding='same'."
            )


def _fits(padding):
    return (
        isinstance(padding, list | tuple)
        and len(padding) == 2
        and all(isinstance(side, list | tuple) and len(side) == 2 for side in padding)
        and all(is_integer(count) and count >= 0 for side in padding for count in side)
    )
