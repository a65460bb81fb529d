"""Ablation: what a network is worth without an exchange between grids."""

import contextlib
import dataclasses

import numpy as np
from keras import ops

from keras_multigrid import checks
from keras_multigrid.progress import progress_bar
from keras_multigrid.routing.exchanges import COLUMNS, Exchange, find_layer
from keras_multigrid.routing.exchanges import exchanges as all_exchanges


@dataclasses.dataclass(frozen=True)
class Effect:
    """What taking one exchange away did.

    Attributes:
        exchange: The `Exchange` that was taken away.
        value: What `evaluate` returned without it.
        change: That less the baseline.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.routing.Effect(kmg.routing.Exchange("conv", 0, "coarser"), 0.25, -0.5).change
    -0.5
    """

    exchange: Exchange
    value: float
    change: float


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What `ablate` returns; printing it shows a table.

    Attributes:
        name: The model's name.
        baseline: What `evaluate` returned for the whole network.
        rows: An `Effect` per exchange, in the order of computation.

    Example:

    >>> import keras_multigrid as kmg
    >>> effect = kmg.routing.Effect(kmg.routing.Exchange("conv", 0, "coarser", (8, 8)), 0.25, -0.5)
    >>> print(kmg.routing.Ablation("net", 0.75, (effect,)))
    layer                                grid       size source        value     change
    conv                                    0        8x8 coarser        0.25       -0.5
    net, whole                                                          0.75
    """

    name: str
    baseline: float
    rows: tuple

    def __str__(self):
        lines = [f"{COLUMNS} {'value':>10} {'change':>10}"]
        for row in self.rows:
            lines.append(f"{row.exchange.columns} {row.value:>10.4g} {row.change:>+10.4g}")
        lines.append(f"{self.name + ', whole':<61} {self.baseline:>10.4g}")
        return "\n".join(lines)


@contextlib.contextmanager
def without(model, *exchanges):
    """Takes exchanges away from a network while the context lasts (paper, section 3, Figure 2).

    The parts of the kernels that read them are zero, just as if what they read were zero. Upon
    leaving, also by an exception, these kernels get their values back, bit by bit, whatever was
    done to them meanwhile.

    Args:
        model: A functional model.
        *exchanges: `Exchange`s of the model.

    Raises:
        ValueError: If the model has no such exchange, or the grid's kernel is shared with other
            grids, by `tie_filters`, whose exchange would go with it.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1, input_shape=(16, 16, 1))
    >>> exchange = kmg.routing.Exchange("full_unit1_conv", 1, "finer")
    >>> kernel = model.get_layer(exchange.layer).kernels[1]
    >>> with kmg.routing.without(model, exchange):
    ...     print(float(abs(kernel.numpy()[:, :, :6]).sum()))
    0.0
    >>> float(abs(kernel.numpy()[:, :, :6]).sum()) > 0
    True
    """
    checks.models(model=model)
    for exchange in exchanges:
        checks.instances(Exchange, exchanges=exchange)
    kernels = [_kernel(model, exchange) for exchange in exchanges]
    before = {id(kernel): (kernel, _array(kernel)) for kernel, _ in kernels}
    try:
        for kernel, channels in kernels:
            values = _array(kernel)
            values[:, :, channels] = 0
            kernel.assign(values)
        yield
    finally:
        for kernel, values in before.values():
            kernel.assign(values)


def ablate(model, evaluate, exchanges=None, verbose="auto"):
    """Takes exchanges away one at a time, and evaluates the network without each.

    What the paper's networks owe to reading across scales (section 3, Figure 2), for each layer and
    grid. Metrics are meant; a loss is also without what regularizers ask for the kernel's part.

    Args:
        model: A functional model.
        evaluate: Function from the model to a number, such as `lambda model: model.evaluate(data,
            verbose=0, return_dict=True)["iou"]`. It should give the same number each time.
        exchanges: `Exchange`s to take away; None are all between grids, not those of a grid's own.
        verbose: `"auto"`, 0 (silent), 1 (a progress bar) or 2 (a line at the end).

    Returns:
        An `Ablation`.

    Raises:
        ValueError: If the model is not functional or has no `MultigridConv2D` of several grids, has
            none of these exchanges or its grids share kernels (see `without`), or `evaluate` does
            not return a number.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.1, input_shape=(16, 16, 1))
    >>> image = np.random.default_rng(0).normal(size=(1, 16, 16, 1))
    >>> exchange = kmg.routing.Exchange("output_conv", 0, "own")
    >>> done = kmg.routing.ablate(
    ...     model, lambda model: np.ptp(model.predict(image, verbose=0)), [exchange], verbose=0
    ... )
    >>> done.baseline > 0.1, done.rows[0].value < done.baseline
    (True, True)
    """
    checks.functions(evaluate=evaluate)
    checks.optional(checks.lists, exchanges=exchanges)
    checks.verbosity(verbose=verbose)
    listed = all_exchanges(model)
    if exchanges is None:
        chosen = [exchange for exchange in listed if exchange.source != "own"]
    else:
        asked = list(exchanges)
        for exchange in asked:
            find_layer(model, exchange)
        chosen = [exchange for exchange in listed if exchange in asked]
    for exchange in chosen:  # before anything is computed
        _kernel(model, exchange)
    progress = progress_bar(len(chosen) + 1, verbose, "evaluation")
    baseline = _number(evaluate(model))
    progress.add(1)
    rows = []
    for exchange in chosen:
        with without(model, exchange):
            value = _number(evaluate(model))
        rows.append(Effect(exchange, value, value - baseline))
        progress.add(1)
    return Ablation(model.name, baseline, tuple(rows))


def _kernel(model, exchange):
    """Returns the variable of an exchange, and its slice of the input channels."""
    layer = find_layer(model, exchange)
    kernel, channels = layer.parts(exchange.grid)[exchange.source]
    tied = [
        grid
        for grid in range(len(layer.filters))
        if any(other is kernel for other, _ in layer.parts(grid).values())
    ]
    if len(tied) > 1:
        raise ValueError(
            f"Grids {', '.join(map(str, tied))} of '{exchange.layer}' share a kernel by "
            f"tie_filters; expected a kernel that grid {exchange.grid} has for itself. Take other "
            "exchanges."
        )
    return kernel, channels


def _array(kernel):
    return np.array(ops.convert_to_numpy(kernel))  # a copy


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"evaluate returned {value!r}; expected a number, for example "
            'model.evaluate(data, verbose=0, return_dict=True)["iou"].'
        ) from error
