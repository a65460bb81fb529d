"""The base class of layers that read pyramids: one place that says what a pyramid is."""

import keras
from keras import ops

from keras_multigrid.type_hints import is_integer


class PyramidLayer(keras.layers.Layer):
    """Base class of the layers that read a pyramid: a list of tensors, finest grid first.

    Each grid has half the height and width of the one before it, rounded up. Subclasses call
    `check_pyramid` on what they get, and then work on plain shape tuples.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. `None` takes
            `keras.config.image_data_format()`.
        **kwargs: Keras' own layer arguments, such as `name` and `dtype`.

    Raises:
        ValueError: If `data_format` is neither of the two.
    """

    def __init__(self, *, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = resolve_data_format(data_format)
        self._grid_channels = None  # fixed by `build` in layers that have weights

    @property
    def channel_axis(self):
        return 1 if self.data_format == "channels_first" else 3

    @property
    def row_axis(self):
        return 2 if self.data_format == "channels_first" else 1

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}

    def grid_size(self, shape):
        """Returns the (height, width) entries of a grid's shape."""
        return tuple(shape[self.row_axis : self.row_axis + 2])

    def grid_shape(self, batch, size, channels):
        """Returns a grid's shape tuple in this layer's data format."""
        if self.data_format == "channels_first":
            return (batch, channels, *size)
        return (batch, *size, channels)

    def check_pyramid(self, shapes):
        """Returns the grids' shapes as tuples, or raises a `ValueError` that names the grid."""
        shapes = [] if shapes is None else shapes  # what Keras makes of an empty list
        if not _is_list_of_shapes(shapes):
            raise ValueError(
                f"{self._label} takes a pyramid, a list of tensors with the finest grid first, "
                f"but got one tensor of shape {tuple(shapes)}. "
                "Wrap a single grid as [tensor], or make a pyramid with ImagePyramid."
            )
        shapes = [tuple(shape) for shape in shapes]
        if not shapes:
            raise ValueError(
                f"{self._label} got an empty pyramid; expected a list of at least one tensor."
            )
        for grid, shape in enumerate(shapes):
            self._check_grid(grid, shape, shapes[grid - 1] if grid else None)
        self._check_against_build(shapes)
        return shapes

    def _check_grid(self, grid, shape, finer):
        if len(shape) != 4:
            raise ValueError(
                f"{self._label}: grid {grid} has shape {shape}; expected 4 dimensions: "
                f"{self.grid_shape('batch', ('height', 'width'), 'channels')}."
            )
        size = self.grid_size(shape)
        if 0 in size:
            raise ValueError(
                f"{self._label}: grid {grid} is {_times(size)}; expected at least 1x1."
            )
        if finer is None:
            return
        if None not in (shape[0], finer[0]) and shape[0] != finer[0]:
            raise ValueError(
                f"{self._label}: grid {grid} has a batch of {shape[0]}; expected {finer[0]}, as "
                f"grid {grid - 1}."
            )
        halves = tuple(half(side) for side in self.grid_size(finer))
        if any(None not in pair and pair[0] != pair[1] for pair in zip(size, halves)):
            raise ValueError(
                f"{self._label}: grid {grid} is {_times(size)}; expected {_times(halves)}, half of "
                f"grid {grid - 1}'s {_times(self.grid_size(finer))}, rounded up. "
                "Order the list from the finest grid to the coarsest."
            )

    def _check_against_build(self, shapes):
        expected = self._grid_channels
        if expected is None:
            return
        if len(shapes) != len(expected):
            raise ValueError(
                f"{self._label} was built for {len(expected)} grids but got {len(shapes)}; "
                "expected as many grids as at build. Make a new layer for another pyramid."
            )
        for grid, (shape, channels) in enumerate(zip(shapes, expected)):
            if shape[self.channel_axis] != channels:
                raise ValueError(
                    f"{self._label}: grid {grid} has {shape[self.channel_axis]} channels; expected "
                    f"{channels}, as at build. Make a new layer for another pyramid."
                )

    def computable(self, pyramid):
        """Returns a pyramid in the type of the results; Keras leaves integers as they are."""
        return [ops.cast(grid, self.compute_dtype) for grid in pyramid]

    def known_channels(self, shapes):
        """Returns each grid's channel count, which a layer with weights must know."""
        channels = [shape[self.channel_axis] for shape in shapes]
        if None in channels:
            raise ValueError(
                f"{self._label}: the number of channels of grid {channels.index(None)} is None; "
                "expected an integer. Give the input a fixed number of channels."
            )
        return channels

    @property
    def _label(self):
        return f"{type(self).__name__} '{self.name}'"


def half(side):
    """Returns half of a side rounded up, the coarser grid's side; None stays None.

    Of sides that are tensors too: ONNX truncates, so that `-(-side // 2)` would round down there.
    """
    return None if side is None else (side + 1) // 2


def resolve_data_format(data_format):
    """Returns the data format meant, Keras' global one for None."""
    if data_format is None:
        return keras.config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"data_format is {data_format!r}; expected 'channels_last' or 'channels_first'."
        )
    return data_format


def one_per_grid(value, name, label, grids=None):
    """Returns one positive integer per grid as a tuple, or raises a `ValueError`.

    Args:
        value: A list of integers; one integer stands for all grids, if `grids` is given.
        name: The argument's name.
        label: What has the argument.
        grids: Number of grids; None if the list says it.
    """
    entries = [value] * grids if grids and is_integer(value) else value
    if _are_positive_integers(entries) and grids in (None, len(entries)):
        return tuple(int(entry) for entry in entries)
    one_or = f"a positive integer, or a list of {grids}" if grids else "a list of positive integers"
    raise ValueError(
        f"{label}: {name} is {value!r}; expected {one_or}, one per grid, the finest first."
    )


def _are_positive_integers(entries):
    return (
        isinstance(entries, list | tuple)
        and len(entries) > 0
        and all(is_integer(entry) and entry > 0 for entry in entries)
    )


def _is_list_of_shapes(shapes):
    return isinstance(shapes, list | tuple) and all(
        hasattr(shape, "__len__") and not isinstance(shape, str) for shape in shapes
    )


def _times(size):
    return "x".join("?" if side is None else str(side) for side in size)
