"""What each grid reads from its neighbours, and what a network is worth without it."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

COLOURS = {"finer": style.ORANGE, "own": style.LIGHT_GREY, "coarser": style.BLUE}
SOURCES = tuple(COLOURS)
SHARES = {"kernel_share": "kernels", "activation_share": "activations"}
LAYER_WIDTH = 0.17  # inches: names of layers stand upright
LEAST_WIDTH = 2.0
MARGIN = 0.8  # inches, for labels


def draw_routing(path, routing):
    """Draws the shares that each grid reads from the finer, its own and the coarser grid.

    A row of panels for each size of grids, the finest on top, with a bar for each layer; on the
    left the shares of kernels, on the right, if they were measured, of activations (paper, section
    3, Figure 2). Where sizes are not known, rows are the numbers of grids.

    Args:
        path: Path of the PNG or PDF file.
        routing: A `kmg.routing.Routing`.

    Raises:
        ValueError: If an argument is of another kind.

    Example:

    >>> import keras_multigrid as kmg
    >>> routing = kmg.routing.measure(kmg.applications.PMGSEG(width_multiplier=0.1))
    >>> kmg.figures.draw_routing("routing.png", routing)
    """
    style.check_file(path)
    style.check_result("kmg.routing.Routing", ("rows", "has_activations"), routing=routing)
    exchanges = [row.exchange for row in routing.rows]
    layers, grids = _layers(exchanges), _grids(exchanges)
    rows = sorted(set(grids))
    fields = list(SHARES)[: 2 if routing.has_activations else 1]
    width = MARGIN + len(fields) * _width(layers)
    figure = style.new_figure(width, 1.9 + 0.8 * len(rows))
    axes = figure.subplots(len(rows), len(fields), sharex=True, sharey=True, squeeze=False)
    for field, column in zip(fields, axes.T):
        shares = np.zeros((len(rows), len(SOURCES), len(layers)))
        for row, grid in zip(routing.rows, grids):
            source, layer = SOURCES.index(row.exchange.source), layers.index(row.exchange.layer)
            shares[rows.index(grid), source, layer] = getattr(row, field)
        column[0].set_title(SHARES[field], fontsize=9)
        for axis, of_grid in zip(column, shares):
            bottom = np.zeros(len(layers))
            for source, heights in reversed([*zip(SOURCES, of_grid)]):  # the finer lie on top
                axis.bar(range(len(layers)), heights, 0.84, bottom, color=COLOURS[source])
                bottom += heights
            axis.set_xlim(-0.6, len(layers) - 0.4)
            axis.set_ylim(0, 1)
            axis.set_yticks([0, 0.5, 1])
            axis.tick_params(labelsize=7)
            axis.spines[["top", "right"]].set_visible(False)
        _name_layers(column[-1], layers)
    for axis, (_, label) in zip(axes[:, 0], rows):
        axis.set_ylabel(label, fontsize=8)
    figure.supylabel("share of what a grid reads", fontsize=9)
    bars = [bars[0] for bars in reversed(axes[0, 0].containers)]
    figure.legend(
        bars,
        [f"from {source} grid" for source in SOURCES],
        loc="outside upper center",
        ncols=3,
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path)


def draw_ablation(path, ablation, metric="metric"):
    """Draws how a metric changes without each exchange, as a map: layers by grids and sources.

    Red is a fall, blue a rise; what is grey was not taken away (paper, section 3, Figure 2). Where
    the sizes of grids are not known, rows are numbers of grids.

    Args:
        path: Path of the PNG or PDF file.
        ablation: A `kmg.routing.Ablation`.
        metric: What is measured, for the labels.

    Raises:
        ValueError: If an argument is of another kind, or nothing was taken away.

    Example:

    >>> import keras_multigrid as kmg
    >>> effect = kmg.routing.Effect(kmg.routing.Exchange("conv", 0, "coarser", (8, 8)), 0.25, -0.5)
    >>> ablation = kmg.routing.Ablation("net", 0.75, (effect,))
    >>> kmg.figures.draw_ablation("ablation.png", ablation, "IoU")
    """
    style.check_file(path)
    style.check_result("kmg.routing.Ablation", ("rows", "baseline"), ablation=ablation)
    checks.texts(metric=metric)
    if not ablation.rows:
        raise ValueError("The ablation has no rows; expected one exchange taken away, or more.")
    exchanges = [row.exchange for row in ablation.rows]
    layers = _layers(exchanges)
    readings = [
        (grid, SOURCES.index(exchange.source))
        for grid, exchange in zip(_grids(exchanges), exchanges)
    ]
    rows = sorted(set(readings))
    changes = np.full((len(rows), len(layers)), np.nan)
    for row, reading in zip(ablation.rows, readings):
        changes[rows.index(reading), layers.index(row.exchange.layer)] = row.change
    figure = style.new_figure(MARGIN + 1.6 + _width(layers), 1.8 + 0.2 * len(rows))
    axis = figure.subplots()
    axis.set_facecolor(style.LIGHT_GREY)
    largest = np.nanmax(np.abs(changes)) or 1.0
    image = axis.imshow(changes, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    axis.set_xticks(np.arange(len(layers) - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1)
    axis.tick_params(which="minor", length=0)
    axis.spines[:].set_visible(False)
    labels = [f"{label} from {SOURCES[source]}" for (_, label), source in rows]
    axis.set_yticks(range(len(rows)), labels, fontsize=7)
    _name_layers(axis, layers)
    axis.set_title(f"{metric} of the whole network: {ablation.baseline:.4g}", fontsize=9)
    bar = figure.colorbar(image)
    bar.set_label(f"change of {metric}", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.savefig(path)


def _layers(exchanges):
    return list(dict.fromkeys(exchange.layer for exchange in exchanges))


def _grids(exchanges):
    """Returns (place, label) of each exchange's grid: places rise from the finest on.

    They tell sizes, as a layer's finest grid need not be another's; or else numbers.
    """
    sizes = {(exchange.layer, exchange.size) for exchange in exchanges}
    numbers = {(exchange.layer, exchange.grid) for exchange in exchanges}
    # Grids of one pixel can follow each other.
    if any(size is None for _, size in sizes) or len(sizes) < len(numbers):
        return [(exchange.grid, f"grid {exchange.grid}") for exchange in exchanges]
    return [(-np.prod(exchange.size), exchange.size_text) for exchange in exchanges]


def _width(layers):
    return max(LEAST_WIDTH, LAYER_WIDTH * len(layers))


def _name_layers(axis, layers):
    names = [layer.removesuffix("_conv") for layer in layers]  # as our networks' all end
    axis.set_xticks(range(len(layers)), names, rotation=90, fontsize=7)
