"""Exchanges: which grid reads which, layer by layer."""

import dataclasses

import keras

from keras_multigrid import checks
from keras_multigrid.complexity import replay
from keras_multigrid.layers import MultigridConv2D

SOURCES = ("finer", "own", "coarser")
COLUMNS = f"{'layer':<36} {'grid':>4} {'size':>10} {'source':<8}"


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One grid's reading of one source in one layer (paper, section 3, Figure 2).

    Attributes:
        layer: Name of a `MultigridConv2D`; of one in a model within the model `"inner/name"`.
        grid: Number of the output grid that reads, 0 for the layer's finest.
        source: `"finer"`, `"own"` or `"coarser"`.
        size: Height and width of the grid, None if not known; equality does not ask for it.

    Example:

    >>> import keras_multigrid as kmg
    >>> exchange = kmg.routing.Exchange("full_unit1_conv", 0, "coarser")
    >>> exchange in kmg.routing.exchanges(kmg.applications.PMGSEG(width_multiplier=0.1))
    True
    """

    layer: str
    grid: int
    source: str
    size: tuple[int, int] | None = dataclasses.field(default=None, compare=False)

    def __str__(self):
        return f"grid {self.grid} of {self.layer} from {self.source}"

    @property
    def columns(self):
        """The exchange as a table shows it, under `COLUMNS`."""
        return f"{self.layer:<36} {self.grid:>4} {self.size_text:>10} {self.source:<8}"

    @property
    def size_text(self):
        """The size as a table shows it, such as `64x64`."""
        return "?" if self.size is None else "x".join(map(str, self.size))


def exchanges(model):
    """Returns all exchanges of a network (paper, section 3, Figure 2).

    Grids that a layer drops are read by nobody, and have none. Models within the model are looked
    into if they are functional; layers that wrap other layers are not.

    Args:
        model: A functional model.

    Returns:
        A list of `Exchange`, in the order of computation, in each layer the finest grid first, of
        each grid "finer", "own", "coarser". A layer that is called several times is listed once.

    Raises:
        ValueError: If the model is not functional, or has no `MultigridConv2D` of several grids.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1, channel_ratios=(1, 0.5))
    >>> for exchange in kmg.routing.exchanges(model)[:3]:
    ...     print(exchange)
    grid 0 of progressive1_unit1_conv from own
    grid 0 of progressive2_unit1_conv from own
    grid 0 of progressive2_unit1_conv from coarser
    """
    return exchanges_of(multigrid_calls(model))


def exchanges_of(calls):
    """Returns the exchanges of what `multigrid_calls` returns."""
    return [
        Exchange(name, grid, source, _known(layer.grid_size(pyramids[0][grid].shape)))
        for name, (layer, pyramids) in calls.items()
        for grid in range(len(layer.filters))
        for source in layer.sources(grid)
    ]


def multigrid_calls(model, images=None, connected=False):
    """Returns what the `MultigridConv2D` of a model read.

    Args:
        model: A functional model.
        images: A new `keras.Input` for it; None makes one.
        connected: As of `replay`.

    Returns:
        A dictionary from a layer's name to the layer and a list of pyramids, one for each call, in
        the order of computation.

    Raises:
        ValueError: As `exchanges`.
    """
    checks.functional_models(model=model)
    calls = {}

    def seeing_in(prefix):
        def see(layer, outputs, *args, **kwargs):
            if isinstance(layer, MultigridConv2D):
                pyramid = args[0] if args else kwargs["pyramid"]
                calls.setdefault(prefix + layer.name, (layer, []))[1].append(pyramid)
            elif isinstance(layer, keras.Model) and hasattr(layer, "operations"):
                replay(layer, args[0], seeing_in(f"{prefix}{layer.name}/"), connected)

        return see

    replay(model, images, seeing_in(""), connected)
    if all(len(layer.filters) == 1 for layer, _ in calls.values()):
        raise ValueError(
            f"'{model.name}' has no MultigridConv2D of several grids; expected a network of "
            "pyramids, such as PMG-11."
        )
    return calls


def find_layer(model, exchange):
    """Returns the layer of an exchange.

    Raises:
        ValueError: If the model has no such exchange.
    """
    checks.functional_models(model=model)
    if not isinstance(exchange, Exchange):
        raise ValueError(f"An exchange is {exchange!r}; expected an Exchange(layer, grid, source).")
    layer = model
    for name in exchange.layer.split("/"):
        layer = {own.name: own for own in getattr(layer, "layers", ())}.get(name)
    if not isinstance(layer, MultigridConv2D):
        raise ValueError(
            f"'{model.name}' has no MultigridConv2D '{exchange.layer}'; expected a name that "
            "kmg.routing.exchanges lists."
        )
    sources = layer.sources(exchange.grid)
    if exchange.source not in sources:
        raise ValueError(
            f"Grid {exchange.grid} of '{exchange.layer}' does not read {exchange.source!r}; "
            f"expected {' or '.join(map(repr, sources))}."
        )
    return layer


def _known(size):
    return None if None in size else tuple(size)
