"""MultigridConv2DTranspose: enlarges a whole pyramid with learned filters."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.grid_layers import GridLayers
from keras_multigrid.layers.kernel_options import copy_initializer, serialized_options
from keras_multigrid.layers.pyramid_layer import half, one_per_grid
from keras_multigrid.layers.resampling import crop
from keras_multigrid.layers.unfused_bias_conv2d import add_bias


@keras.saving.register_keras_serializable(package="keras_multigrid")
class MultigridConv2DTranspose(GridLayers):
    """Applies a transposed convolution to each grid on its own (paper, section 3.3, U-MG).

    Every side grows `strides` times. Where coarse grids had been rounded up, they are cropped, so
    that the result is a pyramid again.

    Args:
        filters: One integer per grid, the finest first.
        kernel_size: Side of the square kernels: an integer, or one per grid.
        strides: Factor by which the sides grow, an integer for all grids.
        activation: Activation function of the outputs, as for `keras.layers.Conv2DTranspose`.
        use_bias: Whether to add a bias per filter.
        kernel_initializer: Initializer of the kernels, copied for each grid. The default is a
            normal distribution of variance 2 / (kernel_size^2 filters).
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of each kernel.
        bias_regularizer: Regularizer of each bias.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Input shape:
        A pyramid with `len(filters)` grids.

    Output shape:
        A pyramid of as many grids, the finest with sides `strides * side`.

    Raises:
        ValueError: If an argument is invalid, or the input is not a pyramid of `len(filters)`
            grids.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> pyramid = [np.ones((1, 8, 8, 4), "float32"), np.ones((1, 4, 4, 4), "float32")]
    >>> outputs = kmg.layers.MultigridConv2DTranspose([6, 3])(pyramid)
    >>> [tuple(grid.shape) for grid in outputs]
    [(1, 16, 16, 6), (1, 8, 8, 3)]
    """

    def __init__(
        self,
        filters,
        kernel_size=2,
        strides=2,
        *,
        activation=None,
        use_bias=True,
        kernel_initializer=None,
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.filters = one_per_grid(filters, "filters", self._label)
        self.kernel_size = one_per_grid(kernel_size, "kernel_size", self._label, len(self.filters))
        checks.positive_integers(**{f"{self._label}: strides": strides})
        self.strides = int(strides)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        # These kernels are (k, k, filters, channels): what Keras calls fan-in counts the filters.
        self.kernel_initializer = (
            keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
            if kernel_initializer is None
            else keras.initializers.get(kernel_initializer)
        )
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def new_grid_layer(self, grid):
        return keras.layers.Conv2DTranspose(
            self.filters[grid],
            self.kernel_size[grid],
            strides=self.strides,
            padding="same",
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=copy_initializer(self.kernel_initializer, grid),
            bias_initializer=copy_initializer(self.bias_initializer, grid),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            data_format=self.data_format,
            dtype=self.dtype_policy,
            name=f"grid_{grid}",
        )

    def build(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        if len(shapes) != len(self.filters):
            raise ValueError(
                f"{self._label}: filters has {len(self.filters)} entries but the pyramid has "
                f"{len(shapes)} grids; expected one entry per grid."
            )
        channels = self.known_channels(shapes)
        self.build_grid_layers(shapes)
        self._grid_channels = tuple(channels)

    def call(self, pyramid):
        self.check_pyramid([grid.shape for grid in pyramid])
        pyramid = self.computable(pyramid)
        outputs = [self._enlarge(*pair) for pair in zip(self.grid_layers, pyramid)]
        sizes = self._output_sizes(self.grid_size(ops.shape(pyramid[0])))
        return [crop(grid, size, self.data_format) for grid, size in zip(outputs, sizes)]

    def compute_output_shape(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        sizes = self._output_sizes(self.grid_size(shapes[0]))
        return [
            self.grid_shape(shapes[0][0], size, filters)
            for size, filters in zip(sizes, self.filters)
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "filters": list(self.filters),
            "kernel_size": list(self.kernel_size),
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **serialized_options(self, "initializer", "regularizer"),
        }

    def _output_sizes(self, finest):
        size = tuple(None if side is None else side * self.strides for side in finest)
        sizes = []
        for _ in self.filters:
            sizes.append(size)
            size = tuple(half(side) for side in size)
        return sizes

    def _enlarge(self, layer, grid):
        """Returns the transposed convolution of a grid, by a kernel as large as the strides.

        A smaller one is filled up with zeros. Pixels between kernels are negative paddings in ONNX,
        which it refuses, or, where sides are unknown, zeros without the bias.
        """
        missing = self.strides - layer.kernel_size[0]
        if missing <= 0:
            return layer(grid)
        kernel = ops.pad(layer.kernel, [(0, missing), (0, missing), (0, 0), (0, 0)])
        output = ops.conv_transpose(grid, kernel, self.strides, "same", None, self.data_format)
        if self.use_bias:
            output = add_bias(output, layer.bias, self.data_format)
        return layer.activation(output)
