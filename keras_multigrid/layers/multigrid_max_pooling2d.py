"""MultigridMaxPooling2D: halves a whole pyramid."""

import keras
from keras import ops

from keras_multigrid.layers.pyramid_layer import PyramidLayer, half
from keras_multigrid.layers.resampling import pool_half


@keras.saving.register_keras_serializable(package="keras_multigrid")
class MultigridMaxPooling2D(PyramidLayer):
    """Max-pools every grid of a pyramid with window and stride 2 (paper, section 3.1, Figure 3).

    Args:
        merge: Whether the coarsest grid, instead of being pooled, is concatenated after the
            channels of the pooled second-coarsest one, so that the pyramid loses one grid.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        A pyramid; with `merge`, of at least two grids.

    Output shape:
        A pyramid with sides `ceil(side / 2)`; with `merge`, one grid fewer.

    Raises:
        ValueError: If the input is not a pyramid, or has one grid and `merge` is set.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> pyramid = [np.ones((1, 8, 8, 4), "float32"), np.ones((1, 4, 4, 2), "float32")]
    >>> [tuple(grid.shape) for grid in kmg.layers.MultigridMaxPooling2D()(pyramid)]
    [(1, 4, 4, 4), (1, 2, 2, 2)]
    >>> [tuple(grid.shape) for grid in kmg.layers.MultigridMaxPooling2D(merge=True)(pyramid)]
    [(1, 4, 4, 6)]
    """

    def __init__(self, merge=False, *, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.merge = merge

    def build(self, input_shape):
        self.check_pyramid(input_shape)

    def call(self, pyramid):
        self._check_merge(self.check_pyramid([grid.shape for grid in pyramid]))
        pyramid = self.computable(pyramid)
        pooled = pyramid[:-1] if self.merge else pyramid
        outputs = [pool_half(grid, self.data_format) for grid in pooled]
        if self.merge:
            outputs[-1] = ops.concatenate([outputs[-1], pyramid[-1]], axis=self.channel_axis)
        return outputs

    def compute_output_shape(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        self._check_merge(shapes)
        channels = [shape[self.channel_axis] for shape in shapes]
        if self.merge:
            coarsest = channels.pop()
            channels[-1] += coarsest
        return [
            self.grid_shape(shape[0], [half(side) for side in self.grid_size(shape)], count)
            for shape, count in zip(shapes, channels)
        ]

    def get_config(self):
        return {**super().get_config(), "merge": self.merge}

    def _check_merge(self, shapes):
        if self.merge and len(shapes) < 2:
            raise ValueError(
                f"{self._label}: merge=True needs a pyramid of at least 2 grids, but got "
                f"{len(shapes)}. Use merge=False."
            )
