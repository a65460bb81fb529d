"""ImagePyramid: an image at half, quarter, ... resolution."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import PyramidLayer, half


@keras.saving.register_keras_serializable(package="keras_multigrid")
class ImagePyramid(PyramidLayer):
    """Turns an image into a pyramid by average pooling (paper, section 3.2).

    Grid i is the image pooled with window and stride 2^i. Where a side is not a multiple of the
    window, the last window is the mean of the pixels that exist.

    Args:
        num_grids: Number of grids, at least 1; the first is the image itself.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        One tensor `(batch, height, width, channels)`, floating point or integer.

    Output shape:
        A list of `num_grids` tensors, grid i with sides `ceil(side / 2^i)`.

    Raises:
        ValueError: If `num_grids` is not a positive integer, or the input is not one 4D tensor.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(3)(np.ones((1, 64, 64, 3), "float32"))
    >>> [tuple(grid.shape) for grid in pyramid]
    [(1, 64, 64, 3), (1, 32, 32, 3), (1, 16, 16, 3)]
    """

    def __init__(self, num_grids, *, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        checks.positive_integers(**{f"{self._label}: num_grids": num_grids})
        self.num_grids = int(num_grids)

    def build(self, input_shape):
        self._check_image(input_shape)

    def call(self, image):
        self._check_image(keras.tree.map_structure(lambda tensor: tuple(tensor.shape), image))
        image = ops.cast(image, self.compute_dtype)
        return [image] + [self._mean_windows(image, 2**grid) for grid in range(1, self.num_grids)]

    def compute_output_shape(self, input_shape):
        shape = self._check_image(input_shape)
        size, shapes = self.grid_size(shape), []
        for _ in range(self.num_grids):
            shapes.append(self.grid_shape(shape[0], size, shape[self.channel_axis]))
            size = tuple(half(side) for side in size)
        return shapes

    def get_config(self):
        return {**super().get_config(), "num_grids": self.num_grids}

    def _check_image(self, shape):
        # A size need not be an integer: while JAX exports, it is a symbol.
        if len(shape) != 4 or any(isinstance(side, (tuple, list)) for side in shape):
            raise ValueError(
                f"{self._label} takes one image tensor of 4 dimensions, but got shape(s) {shape}. "
                "Add a batch dimension to a single image: image[None]."
            )
        return tuple(shape)

    def _mean_windows(self, image, window):
        if all(side and side % window == 0 for side in self.grid_size(image.shape)):
            return ops.average_pool(image, window, window, data_format=self.data_format)
        # Zeros fill up the last windows; dividing by the filled share leaves the mean of the rest.
        padding = [(0, 0)] * 4
        padding[self.row_axis] = padding[self.row_axis + 1] = (0, window - 1)
        total, share = (
            ops.average_pool(ops.pad(x, padding), window, window, data_format=self.data_format)
            for x in (image, ops.ones_like(image))
        )
        return total / share
