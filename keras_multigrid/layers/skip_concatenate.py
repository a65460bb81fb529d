"""SkipConcatenate: joins a pyramid from the way down to one from the way up."""

import keras
from keras import ops

from keras_multigrid.layers.pyramid_layer import PyramidLayer
from keras_multigrid.layers.resampling import crop


@keras.saving.register_keras_serializable(package="keras_multigrid")
class SkipConcatenate(PyramidLayer):
    """Concatenates two pyramids grid by grid along channels (paper, Figure 3, U-NET and U-MG).

    The second pyramid may be larger by rounding, and is cropped to the first, so that U-shaped
    networks take images of any size. It may also lack coarse grids that were dropped further
    down; the first pyramid's go on alone there.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        Two pyramids, the second with no more grids than the first and sides no smaller.

    Output shape:
        A pyramid with the first one's grids and the channels of both, the first's first.

    Raises:
        ValueError: If an input is not a pyramid, or the two do not fit.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> skip = [np.ones((1, 7, 7, 4), "float32"), np.ones((1, 4, 4, 2), "float32")]
    >>> up = [np.ones((1, 8, 8, 3), "float32"), np.ones((1, 4, 4, 1), "float32")]
    >>> [tuple(grid.shape) for grid in kmg.layers.SkipConcatenate()(skip, up)]
    [(1, 7, 7, 7), (1, 4, 4, 3)]
    """

    def build(self, skip_shape, upsampled_shape):
        self._check_pair(skip_shape, upsampled_shape)

    def call(self, skip, upsampled):
        self._check_pair([grid.shape for grid in skip], [grid.shape for grid in upsampled])
        skip, upsampled = self.computable(skip), self.computable(upsampled)
        joined = [
            ops.concatenate(
                [down, crop(up, self.grid_size(ops.shape(down)), self.data_format)],
                axis=self.channel_axis,
            )
            for down, up in zip(skip, upsampled)
        ]
        return joined + skip[len(joined) :]

    def compute_output_shape(self, skip_shape, upsampled_shape):
        skip, upsampled = self._check_pair(skip_shape, upsampled_shape)
        joined = [
            self.grid_shape(
                down[0], self.grid_size(down), down[self.channel_axis] + up[self.channel_axis]
            )
            for down, up in zip(skip, upsampled)
        ]
        return joined + skip[len(joined) :]

    def _check_pair(self, skip_shape, upsampled_shape):
        skip, upsampled = self.check_pyramid(skip_shape), self.check_pyramid(upsampled_shape)
        if len(upsampled) > len(skip):
            raise ValueError(
                f"{self._label}: the second pyramid has {len(upsampled)} grids; expected at most "
                f"{len(skip)}, as the first has."
            )
        for grid, (down, up) in enumerate(zip(skip, upsampled)):
            sides = zip(self.grid_size(down), self.grid_size(up))
            if any(None not in pair and pair[1] < pair[0] for pair in sides):
                raise ValueError(
                    f"{self._label}: grid {grid} of the second pyramid has shape {up}; expected "
                    f"sides no smaller than the first's {down}."
                )
        return skip, upsampled
