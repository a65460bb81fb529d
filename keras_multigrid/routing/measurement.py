"""How much each grid reads from each source: norms of kernels, and of what they compute."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks
from keras_multigrid.attention_maps.image_networks import check_images
from keras_multigrid.layers.formulations import convolve
from keras_multigrid.layers.grid_padding import of_grid
from keras_multigrid.layers.resampling import pool_half, repeat_like
from keras_multigrid.routing.exchanges import (
    COLUMNS,
    SOURCES,
    Exchange,
    exchanges_of,
    multigrid_calls,
)


@dataclasses.dataclass(frozen=True)
class Reading:
    """How much one grid reads from one source; the shares of a grid's sources sum to 1.

    Attributes:
        exchange: The `Exchange`.
        kernel_norm: Frobenius norm of the part of the kernel that reads the source.
        kernel_share: Its square, over the sum of squares of the grid's kernel.
        activation_norm: Root mean square, over images, pixels and channels, of what the source
            adds to the grid's output: its convolution alone, without bias. None without
            images.
        activation_share: Its square, over the sum of squares of the grid's sources. None without
            images.

    Shares of a grid that reads nothing, for all is zero, are zero.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1)
    >>> reading = kmg.routing.measure(model).rows[0]  # the coarsest grid begins, alone
    >>> reading.exchange.source, reading.exchange.size, reading.kernel_share
    ('own', (8, 8), 1.0)
    """

    exchange: Exchange
    kernel_norm: float
    kernel_share: float
    activation_norm: float | None = None
    activation_share: float | None = None


@dataclasses.dataclass(frozen=True)
class Routing:
    """What `measure` returns; printing it shows a table.

    Attributes:
        name: The model's name.
        rows: A `Reading` per exchange, in the order of computation.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1, channel_ratios=(1, 0.5))
    >>> text = str(kmg.routing.measure(model))
    >>> print("\\n".join(line[:60] for line in text.splitlines()[:3]))
    layer                                grid       size source
    progressive1_unit1_conv                 0      32x32 own
    progressive2_unit1_conv                 0      64x64 own
    """

    name: str
    rows: tuple

    @property
    def has_activations(self):
        """Whether activations were measured, too."""
        return self.rows[0].activation_norm is not None

    def mean_shares(self):
        """Returns each source's mean share, over the grids that read it beside another.

        Returns:
            A dictionary from a source to its mean share of kernels and of activations, the latter
            None without images.
        """
        grids = [(row.exchange.layer, row.exchange.grid) for row in self.rows]
        choices = [row for row, grid in zip(self.rows, grids) if grids.count(grid) > 1]
        means = {}
        for source in SOURCES:
            rows = [row for row in choices if row.exchange.source == source]
            if rows:
                kernels = float(np.mean([row.kernel_share for row in rows]))
                activations = [row.activation_share for row in rows]
                means[source] = (
                    kernels,
                    float(np.mean(activations)) if self.has_activations else None,
                )
        return means

    def __str__(self):
        header = f"{COLUMNS} {'kernel norm':>12} {'share':>6}"
        if self.has_activations:
            header += f" {'activation norm':>16} {'share':>6}"
        lines = [header]
        for row in self.rows:
            line = f"{row.exchange.columns} {row.kernel_norm:>12.4g} {row.kernel_share:>6.3f}"
            if self.has_activations:
                line += f" {row.activation_norm:>16.4g} {row.activation_share:>6.3f}"
            lines.append(line)
        for source, (kernels, activations) in self.mean_shares().items():
            label = f"{self.name}, mean of grids with a choice"
            line = f"{label:<52} {source:<8} {'':>12} {kernels:>6.3f}"
            lines.append(line if activations is None else f"{line} {'':>16} {activations:>6.3f}")
        return "\n".join(lines)


def measure(model, images=None, batch_size=32, verbose="auto"):
    """Measures how much each grid reads from the finer, its own and the coarser grid.

    The paper says that multigrid convolutions "route information" across scales (section 3, Figure
    2); this is how much, in each layer of a network.

    Args:
        model: A functional model; for models within it see `exchanges`.
        images: `(images, height, width, channels)`, as the model takes them, to measure activations
            on; None measures kernels alone.
        batch_size: Images computed at once, which bounds the memory; results do not depend on it.
        verbose: Progress of `model.predict`: `"auto"`, 0 (silent), 1 (a bar) or 2 (a line).

    Returns:
        A `Routing`. A layer that is called several times is measured over all its calls.

    Raises:
        ValueError: If the model is not functional or has no `MultigridConv2D` of several grids, or
            the images do not fit it.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1, input_shape=(16, 16, 1))
    >>> images = np.random.default_rng(0).normal(size=(2, 16, 16, 1))
    >>> measured = kmg.routing.measure(model, images, verbose=0)
    >>> reading = measured.rows[-2]
    >>> print(reading.exchange)
    grid 1 of drop_unit2_conv from own
    >>> 0 < reading.kernel_share < 1, reading.activation_norm > 0
    (True, True)
    """
    checks.verbosity(verbose=verbose)
    checks.integers(1, batch_size=batch_size)
    checks.functional_models(model=model)
    if images is None:
        return _routing(model.name, multigrid_calls(model), None)
    images = check_images(model, images)
    copy = keras.models.clone_model(keras.Model(model.input, model.output))  # without optimizer
    copy.set_weights(model.get_weights())
    inputs = keras.Input(images.shape[1:], dtype=model.input.dtype)
    calls = multigrid_calls(copy, inputs, connected=True)
    squares = []
    for layer, pyramids in calls.values():
        measure = _MeanSquares(layer)
        squares.append(sum(map(measure, pyramids)) / len(pyramids))
    measuring = keras.Model(inputs, ops.concatenate(squares, axis=1))
    measured = measuring.predict(images, batch_size, verbose)
    return _routing(model.name, calls, measured.mean(axis=0, dtype="float64"))


class _MeanSquares(keras.layers.Layer):
    """From a pyramid to the mean squares of what each source adds: `(batch, exchanges)`."""

    def __init__(self, convolution):
        super().__init__(dtype="float32")  # squares leave the range of half precision
        self.convolution = convolution

    def call(self, pyramid):
        squares = []
        for grid in range(len(self.convolution.filters)):
            for source, (kernel, channels) in self.convolution.parts(grid).items():
                added = convolve(
                    None,
                    self._source(pyramid, grid, source),
                    None,
                    ops.convert_to_tensor(kernel)[:, :, channels],
                    strides=self.convolution.strides,
                    padding=of_grid(self.convolution.padding, grid),
                    dilation_rate=self.convolution.dilation_rate,
                    data_format=self.convolution.data_format,
                )
                squares.append(ops.mean(ops.square(added), axis=(1, 2, 3)))
        return ops.stack(squares, axis=1)

    def _source(self, pyramid, grid, source):
        if source == "finer":
            return pool_half(pyramid[grid - 1], self.convolution.data_format)
        if source == "coarser":
            return repeat_like(pyramid[grid + 1], pyramid[grid], self.convolution.data_format)
        return pyramid[grid]


def _routing(name, calls, squares):
    kernel_squares = np.array(
        [
            np.square(ops.convert_to_numpy(kernel)[:, :, channels], dtype="float64").sum()
            for layer, _ in calls.values()
            for grid in range(len(layer.filters))
            for kernel, channels in layer.parts(grid).values()
        ]
    )
    exchanges = exchanges_of(calls)
    columns = [np.sqrt(kernel_squares), _shares(exchanges, kernel_squares)]
    if squares is not None:
        columns += [np.sqrt(squares), _shares(exchanges, squares)]
    rows = zip(exchanges, *(column.tolist() for column in columns))
    return Routing(name, tuple(Reading(*row) for row in rows))


def _shares(exchanges, squares):
    """Returns the squares over their sums, each over the sources of one grid."""
    grids = [(exchange.layer, exchange.grid) for exchange in exchanges]
    sums = dict.fromkeys(grids, 0.0)
    for grid, square in zip(grids, squares):
        sums[grid] += square
    sums = np.array([sums[grid] for grid in grids])
    return np.divide(squares, sums, out=np.zeros(len(squares)), where=sums != 0)
