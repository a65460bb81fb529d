"""CroppedPyramid: makes a pyramid of grids that are slightly too large."""

import keras
from keras import ops

from keras_multigrid.layers.pyramid_layer import PyramidLayer, half
from keras_multigrid.layers.resampling import crop


@keras.saving.register_keras_serializable(package="keras_multigrid")
class CroppedPyramid(PyramidLayer):
    """Crops each coarser grid, at the bottom and at the right, to half of the finer one.

    Layers that read each grid by itself, and do not keep sides divisible, leave grids that are not
    halves of each other.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        A list of tensors, the finest first, each with at least half the sides of the one before.

    Output shape:
        A pyramid: the sides of each grid are half of those of the one before, rounded up.

    Raises:
        ValueError: If the input is not such a list.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> grids = [np.ones((1, 7, 8, 4), "float32"), np.ones((1, 5, 4, 2), "float32")]
    >>> [tuple(grid.shape) for grid in kmg.layers.CroppedPyramid()(grids)]
    [(1, 7, 8, 4), (1, 4, 4, 2)]
    """

    def build(self, input_shape):
        self._cropped_shapes(input_shape)

    def call(self, grids):
        self._cropped_shapes([grid.shape for grid in grids])
        finest, *coarser = self.computable(grids)
        size, cropped = self.grid_size(ops.shape(finest)), [finest]
        for grid in coarser:
            size = tuple(half(side) for side in size)
            cropped.append(crop(grid, size, self.data_format))
        return cropped

    def compute_output_shape(self, input_shape):
        return self._cropped_shapes(input_shape)

    def _cropped_shapes(self, shapes):
        """Returns the shapes of the pyramid; `check_pyramid` says what else is wrong."""
        if not shapes or any(not hasattr(shape, "__len__") for shape in shapes):
            return self.check_pyramid(shapes)
        shapes = [tuple(shape) for shape in shapes]
        if any(len(shape) != 4 for shape in shapes):
            return self.check_pyramid(shapes)
        size, cropped = self.grid_size(shapes[0]), [shapes[0]]
        for shape in shapes[1:]:
            size = tuple(half(side) for side in size)
            fits = [None in pair or pair[0] >= pair[1] for pair in zip(self.grid_size(shape), size)]
            own = (
                shape
                if not all(fits)
                else self.grid_shape(shape[0], size, shape[self.channel_axis])
            )
            cropped.append(own)
        return self.check_pyramid(cropped)
