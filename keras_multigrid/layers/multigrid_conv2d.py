"""MultigridConv2D: the convolution across scale space that the paper is about."""

import keras
from keras import ops

from keras_multigrid import checks
from keras_multigrid.layers.formulations import FORMULATIONS, convolve, convolve_each
from keras_multigrid.layers.grid_padding import check_spans, checked_padding, of_grid, output_size
from keras_multigrid.layers.kernel_options import (
    copy_initializer,
    fan_out_normal,
    serialized_options,
)
from keras_multigrid.layers.kernel_sources import (
    check_tied,
    checked_exchange_size,
    kernel_shapes,
    read_channels,
)
from keras_multigrid.layers.pyramid_layer import PyramidLayer, one_per_grid
from keras_multigrid.layers.resampling import pool_half
from keras_multigrid.layers.unfused_bias_conv2d import add_bias


@keras.saving.register_keras_serializable(package="keras_multigrid")
class MultigridConv2D(PyramidLayer):
    """Convolves each grid of a pyramid together with its neighbours (paper, section 3, Figure 2).

    Output grid i is a convolution of the concatenation, along channels, of the 2x2 max-pooled
    finer grid i - 1, grid i itself, and the coarser grid i + 1 repeated to twice its size, as far
    as they exist. With fewer entries in `filters` than grids in the input, the coarsest grids are
    dropped: nobody reads them ("grid drop", section 3.3), unless `read_dropped` is set. On a
    pyramid of one grid this is `keras.layers.Conv2D`.

    Args:
        filters: One integer per output grid, the finest first.
        kernel_size: Side of the square kernels: an integer, or one per output grid.
        strides: Step of the convolution, an integer for all grids. With padding `"same"` the
            result is a pyramid again.
        padding: `"same"`, or `"valid"`, which shrinks all grids by as many pixels, so that several
            grids are not a pyramid any more; or a list of `((top, bottom), (left, right))`, the
            zeros around each output grid's input, one entry per output grid.
        dilation_rate: Distance between the taps of the kernels, an integer for all grids. It cannot
            be combined with strides.
        activation: Activation function of the outputs, as for `keras.layers.Conv2D`.
        use_bias: Whether to add a bias per filter.
        exchange_size: Side of kernels of their own for the finer and the coarser grid: an integer,
            or a pair for the two; 0 does not read them. None is the paper's: one kernel for all.
            It needs padding `"same"`.
        tie_filters: Whether the grids that have both a finer and a coarser neighbour share one
            kernel (section 3: "tie parameters between scales"), which needs equal shapes.
        read_dropped: Whether the coarsest output grid reads its coarser neighbour where that is
            dropped; in the paper nobody does.
        kernel_initializer: Initializer of the kernels, copied for each grid. The default is a
            normal distribution of variance 2 / (kernel_size^2 filters).
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of each kernel.
        bias_regularizer: Regularizer of each bias.
        kernel_constraint: Constraint of each kernel.
        bias_constraint: Constraint of each bias.
        formulation: How a coarser grid is read: `"fastest"` lets a rule choose between equal
            computations (see `keras_multigrid.layers.formulations`); `"textbook"` repeats,
            concatenates and convolves; `"transposed"` and `"phases"` skip superfluous work where
            they can. Weights, saved files and, but for rounding, results do not depend on it.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.
        **kwargs: Keras' own layer arguments.

    Attributes:
        kernels: After build, the kernels, finest grid first; number i has shape
            `(k, k, channels_in, filters[i])`, its input channels in the order
            [pooled finer, own, repeated coarser]. Tied grids list the same variable. With
            `exchange_size`, the kernels that read the grids' own channels alone.
        exchange_kernels: After build, a dictionary for each grid, from `"finer"` and `"coarser"`
            to their kernels; empty without `exchange_size`.
        biases: After build, the biases, finest grid first; empty without bias.

    Input shape:
        A list of tensors `(batch, height, width, channels)`, each with half the sides of the one
        before it, rounded up.

    Output shape:
        A list of `len(filters)` tensors, grid i with `filters[i]` channels.

    Raises:
        ValueError: If an argument is invalid, or the input is not a pyramid, or not the one the
            layer was built for. The message names the grid.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> pyramid = kmg.layers.ImagePyramid(3)(np.ones((1, 32, 32, 3), "float32"))
    >>> outputs = kmg.layers.MultigridConv2D([64, 32, 16])(pyramid)
    >>> [tuple(grid.shape) for grid in outputs]
    [(1, 32, 32, 64), (1, 16, 16, 32), (1, 8, 8, 16)]
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        *,
        strides=1,
        padding="same",
        dilation_rate=1,
        activation=None,
        use_bias=True,
        exchange_size=None,
        tie_filters=False,
        read_dropped=False,
        kernel_initializer=None,
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        formulation="fastest",
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.filters = one_per_grid(filters, "filters", self._label)
        self.kernel_size = one_per_grid(kernel_size, "kernel_size", self._label, len(self.filters))
        for name, value in (("strides", strides), ("dilation_rate", dilation_rate)):
            checks.positive_integers(**{f"{self._label}: {name}": value})
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                f"{self._label}: strides is {strides} and dilation_rate is {dilation_rate}; "
                "expected at least one of them to be 1, as for keras.layers.Conv2D."
            )
        self.exchange_size = checked_exchange_size(exchange_size, padding, self._label)
        if formulation not in FORMULATIONS:
            raise ValueError(
                f"{self._label}: formulation is {formulation!r}; expected one of {FORMULATIONS}."
            )
        self.strides = int(strides)
        self.padding = checked_padding(padding, self._label, len(self.filters))
        self.dilation_rate = int(dilation_rate)
        self._spans = [self.dilation_rate * (size - 1) + 1 for size in self.kernel_size]
        self.activation = keras.activations.get(activation)
        self.formulation = formulation
        self.use_bias = use_bias
        self.tie_filters = tie_filters
        self.read_dropped = read_dropped
        self.kernel_initializer = (
            fan_out_normal()
            if kernel_initializer is None
            else keras.initializers.get(kernel_initializer)
        )
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape):
        shapes = self.check_pyramid(input_shape)
        if len(self.filters) > len(shapes):
            raise ValueError(
                f"{self._label}: filters has {len(self.filters)} entries but the pyramid has "
                f"{len(shapes)} grids; expected at most one entry per grid."
            )
        channels = self.known_channels(shapes)
        grids, read = len(self.filters), channels[: self.grids_read(shapes)]
        self.kernels, self.exchange_kernels, self.biases = [], [], []
        for grid, (filters, size) in enumerate(zip(self.filters, self.kernel_size)):
            slices = read_channels(read, grid, self.exchange_size)
            shapes = kernel_shapes(slices, size, self.exchange_size, filters)
            if self.tie_filters and 1 < grid < grids - 1:
                kernels = {"own": self.kernels[1], **self.exchange_kernels[1]}
                check_tied(self._label, grid, shapes, kernels)
            else:
                kernels = {name: self._add("kernel", grid, shapes[name], name) for name in shapes}
            self.kernels.append(kernels.pop("own"))
            self.exchange_kernels.append(kernels)
            if self.use_bias:
                self.biases.append(self._add("bias", grid, (filters,)))
        self._grid_channels = tuple(channels)

    def grids_read(self, pyramid):
        """Returns how many grids of a pyramid, or of a list of anything else, are read."""
        return min(len(pyramid), len(self.filters) + bool(self.read_dropped))

    def sources(self, grid):
        """Returns what an output grid reads, and by which input channels of its kernel.

        Args:
            grid: Number of the output grid, 0 for the finest.

        Returns:
            A dictionary from `"finer"`, `"own"` and `"coarser"`, as far as they exist, to a slice
            of the kernel's axis 2, in its order.

        Raises:
            ValueError: If the layer is not built, or does not have this grid.

        Example:

        >>> import keras_multigrid as kmg
        >>> layer = kmg.layers.MultigridConv2D([8, 8])
        >>> layer.build([(None, 32, 32, 3), (None, 16, 16, 5)])
        >>> layer.sources(1)
        {'finer': slice(0, 3, None), 'own': slice(3, 8, None)}
        """
        grids = len(self.filters)
        if self._grid_channels is None:
            raise ValueError(f"{self._label} is not built; call it once before asking for sources.")
        if not 0 <= grid < grids:
            raise ValueError(f"{self._label}: grid is {grid!r}; expected 0 to {grids - 1}.")
        read = self._grid_channels[: self.grids_read(self._grid_channels)]
        return read_channels(read, grid, self.exchange_size)

    def parts(self, grid):
        """Returns the kernel that reads each source of a grid, with the slice of `sources`."""
        kernels = self.exchange_kernels[grid]
        return {
            source: (kernels.get(source, self.kernels[grid]), channels)
            for source, channels in self.sources(grid).items()
        }

    def call(self, pyramid, training=None):
        self._checked_pyramid([grid.shape for grid in pyramid])
        kept = self.computable(pyramid[: self.grids_read(pyramid)])
        return [self._convolve(kept, grid, bool(training)) for grid in range(len(self.filters))]

    def compute_output_shape(self, input_shape):
        shapes = self._checked_pyramid(input_shape)
        sizes = [
            output_size(self.grid_size(shape), span, self.strides, of_grid(self.padding, grid))
            for grid, (shape, span) in enumerate(zip(shapes, self._spans))
        ]
        return [
            self.grid_shape(shape[0], size, filters)
            for shape, size, filters in zip(shapes, sizes, self.filters)
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "filters": list(self.filters),
            "kernel_size": list(self.kernel_size),
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "exchange_size": self.exchange_size and list(self.exchange_size),
            "tie_filters": self.tie_filters,
            "read_dropped": self.read_dropped,
            **serialized_options(self, "initializer", "regularizer", "constraint"),
            "formulation": self.formulation,
        }

    def _convolve(self, pyramid, grid, training):
        sources = self.sources(grid)
        grids = [
            pool_half(pyramid[grid - 1], self.data_format) if "finer" in sources else None,
            pyramid[grid],
            pyramid[grid + 1] if "coarser" in sources else None,
        ]
        options = {
            "formulation": self.formulation,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "data_format": self.data_format,
        }
        own = ops.cast(self.kernels[grid], self.compute_dtype)
        if self.exchange_size is None:
            padding = of_grid(self.padding, grid)
            output = convolve(*grids, own, padding=padding, training=training, **options)
        else:
            kernels = {
                source: ops.cast(kernel, self.compute_dtype)
                for source, kernel in self.exchange_kernels[grid].items()
            }
            output = convolve_each(*grids, {"own": own, **kernels}, **options)
        if self.use_bias:
            bias = ops.cast(self.biases[grid], self.compute_dtype)
            output = add_bias(output, bias, self.data_format)
        return self.activation(output)

    def _add(self, kind, grid, shape, source="own"):
        """Returns a new weight, a "kernel" or a "bias"."""
        number = grid + len(self.filters) * ("own", "finer", "coarser").index(source)
        return self.add_weight(
            name=f"{kind}_{grid}" if source == "own" else f"{kind}_{grid}_{source}",
            shape=shape,
            initializer=copy_initializer(getattr(self, f"{kind}_initializer"), number),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def _checked_pyramid(self, shapes):
        shapes = self.check_pyramid(shapes)
        sizes = map(self.grid_size, shapes)
        check_spans(self._label, shapes, sizes, self._spans, self.padding)
        return shapes
