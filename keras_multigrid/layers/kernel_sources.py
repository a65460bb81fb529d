"""Which grids a grid of `MultigridConv2D` reads, and by kernels of which shapes."""

from keras_multigrid.type_hints import is_integer


def checked_exchange_size(value, padding, label):
    """Returns the sizes of the kernels for the finer and the coarser grid, or None."""
    if value is None:
        return None
    sizes = (value, value) if is_integer(value) else value
    is_pair = isinstance(sizes, list | tuple) and len(sizes) == 2
    if not is_pair or not all(is_integer(size) and size >= 0 for size in sizes):
        raise ValueError(
            f"{label}: exchange_size is {value!r}; expected an integer of at least 0, a pair of "
            "them, for the finer and the coarser grid, or None."
        )
    if padding != "same":
        raise ValueError(
            f"{label}: padding is {padding!r} and exchange_size is {value!r}; kernels of several "
            "sizes need padding 'same'."
        )
    return tuple(int(size) for size in sizes)


def read_channels(channels, grid, exchange_size):
    """Returns, for each source that a grid reads, the slice of its kernel's input channels.

    Args:
        channels: Of all grids.
        grid: The grid's number.
        exchange_size: As of `checked_exchange_size`; with None the sources share a kernel.
    """
    slices, start = {}, 0
    for source, index in (("finer", grid - 1), ("own", grid), ("coarser", grid + 1)):
        if not 0 <= index < len(channels):
            continue
        if exchange_size is None:
            slices[source] = slice(start, start + channels[index])
            start += channels[index]
        elif source == "own" or exchange_size[source == "coarser"]:
            slices[source] = slice(0, channels[index])
    return slices


def kernel_shapes(slices, kernel_size, exchange_size, filters):
    """Returns the shapes of a grid's kernels by source; one for all has the name of `"own"`."""
    if exchange_size is None:
        *_, last = slices.values()
        return {"own": (kernel_size, kernel_size, last.stop, filters)}
    sizes = {"finer": exchange_size[0], "own": kernel_size, "coarser": exchange_size[1]}
    return {
        source: (sizes[source], sizes[source], channels.stop, filters)
        for source, channels in slices.items()
    }


def check_tied(label, grid, shapes, tied):
    """Raises a `ValueError` unless the kernels that a grid is to share have the shapes it needs."""
    for source, shape in shapes.items():
        if tuple(tied[source].shape) != shape:
            raise ValueError(
                f"{label}: with tie_filters, grid {grid} would need a kernel of shape {shape}; "
                f"expected {tuple(tied[source].shape)} as grid 1's. Give all inner grids equal "
                "channels, filters and kernel_size."
            )
