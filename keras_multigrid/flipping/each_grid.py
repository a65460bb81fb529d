"""Layers that read each grid by itself."""

from keras_multigrid.flipping import rules
from keras_multigrid.flipping.convolution import take_weights_and_zeros
from keras_multigrid.flipping.layer_copies import MERGED
from keras_multigrid.flipping.spacing import equally_spaced, policy_of
from keras_multigrid.flipping.windows import NO_ZEROS, grid_paddings, more_than_same
from keras_multigrid.layers import ChannelPadding

OWN_MODULES = ("keras", "keras_multigrid")  # whose layers are known to keep sizes or not to


def each_grid(builder, step):
    """Returns the pyramid that a layer makes, each grid by itself.

    Where there are fewer grids than before, the coarsest goes on beside the channels of the one
    before it, as in the paper's merge.
    """
    call, output, policy = step.call, step.output, policy_of(step.call.layer)
    if step.widened:
        return {0: _of_widened_head(builder, step)}
    windows = _Windows(call.layer, step.inputs[0], max(1, output.needed))
    read = builder.bare if windows.take_zeros else builder.whole
    sources = [read(feature, policy) for feature in step.inputs]
    results = {}
    for grid in range(output.needed):
        tensors = [source.get(grid) for source in sources]
        results[grid] = _of_grid(builder, step, grid, tensors, windows)
    results = equally_spaced(builder, results, windows.keep_halves, call.name, policy)
    coarsest = output.grids - 1
    if output.merged_needed and step.merges is not None:
        results[MERGED] = builder.bare(step.inputs[0])[step.merges]
    elif output.merged_needed:
        tensors = [source.get(MERGED) for source in sources]
        results[MERGED] = _of_grid(builder, step, MERGED, tensors, windows)
    elif step.merges is not None and 0 < coarsest < output.needed:
        pair = [results[coarsest], builder.bare(step.inputs[0])[step.merges]]
        results[coarsest] = builder.joined(pair, f"{call.name}_merge", policy)
    return results


class _Windows:
    """How a layer moves a window over each grid, if it does.

    Attributes:
        take_zeros: Whether it has the zeros around its input put by `zeros_around`.
        keep_halves: Whether grids of unknown sizes stay halves of each other.
    """

    def __init__(self, layer, source, grids):
        zeros = source.zeros
        self._layer, self._paddings, self.take_zeros = layer, None, False
        self.keep_halves = type(layer).__module__.partition(".")[0] in OWN_MODULES
        if isinstance(layer, rules.ENLARGING):
            self.keep_halves = False
        if not isinstance(layer, rules.WINDOWS) or layer.padding != "valid":
            return
        span = rules.span_of(layer)
        more = more_than_same(zeros, span)
        self.keep_halves = more == [0, 0]
        # Coarser grids pool what "same" gives, which may not be less than half of the finest's.
        self.take_zeros = not isinstance(layer, rules.POOLS) or max(more) <= 0
        self._paddings = grid_paddings(zeros, [span] * grids, layer.strides)

    def zeros_around(self, grid):
        """Returns what the input of a grid's layer is padded with."""
        if not self.take_zeros:
            return NO_ZEROS
        if grid not in (0, MERGED) and isinstance(self._layer, rules.POOLS):
            return NO_ZEROS
        return self._paddings[0 if grid == MERGED else grid]


def _of_grid(builder, step, grid, tensors, windows):
    """Returns what a layer makes of one grid of its inputs; None stands for those without it."""
    call = step.call
    found = [tensor for tensor in tensors if tensor is not None]
    if len(found) == 1 < len(tensors):
        return found[0]
    if grid != 0 and rules.adds_up(call.layer):
        tensors = _equally_wide(builder, call, tensors)
    zeros = windows.zeros_around(grid)
    fill, policy = step.inputs[0].fill, policy_of(call.layer)
    replaced = {
        id(old): builder.with_zeros(new, grid, zeros, fill, policy)
        for old, new in zip(call.inputs, tensors)
        if new is not None
    }
    return call.repeated(builder.copies.of_grid(call, grid, step.output.grids), replaced)


def _equally_wide(builder, call, tensors):
    """Appends zero channels to maps that are added up, where rounding has made one narrower."""
    widths = [tensor.shape[-1] for tensor in tensors if tensor is not None]
    if len({*widths} - {1}) < 2:
        return tensors
    widened = []
    for tensor in tensors:
        if tensor is not None and tensor.shape[-1] not in (1, max(widths)):
            name = builder.copies.name(f"{call.name}_channels")
            tensor = ChannelPadding(
                max(widths), data_format="channels_last", dtype=policy_of(call.layer), name=name
            )(tensor)
        widened.append(tensor)
    return widened


def _of_widened_head(builder, step):
    """Returns what a layer of the head makes of the finest grid and the channels beside it."""
    call, policy = step.call, policy_of(step.call.layer)
    grids = builder.whole(step.inputs[0], policy)
    inputs = builder.joined([grids[0], grids[MERGED]], f"{call.name}_merge", policy)

    def make():
        config = {**call.layer.get_config(), "name": builder.copies.name(call.name)}
        layer = type(call.layer).from_config(config)
        layer.build(inputs.shape)
        take_weights_and_zeros(layer, call.layer)
        return layer

    return builder.copies.once(call.layer, "widened", make)(inputs)
