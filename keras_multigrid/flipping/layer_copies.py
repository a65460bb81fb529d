"""The layers of the flipped network that read one grid: copies, and those of coarser grids."""

from keras_multigrid.copies import Names, copy_layer
from keras_multigrid.flipping import rules

MERGED = "merged"  # stands for the number of a grid: the channels beside those of the last one


class LayerCopies:
    """Makes each layer once for each grid, whatever calls it.

    Args:
        widths: The `Widths`.
        names: Those of the old network's layers.
    """

    def __init__(self, widths, names):
        self._widths, self._names = widths, Names(names)
        self._made = {}  # by the address of the old layer, which the old network keeps alive

    def name(self, name):
        """Returns a name that no layer has yet."""
        return self._names.unique(name)

    def once(self, layer, grid, make):
        """Returns what a function makes for a layer and a grid, at the first call."""
        key = id(layer), grid
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def of_grid(self, call, grid, grids):
        """Returns the layer for a grid: a copy with its weights, or a new one for a coarser grid.

        Args:
            call: The call of the old layer.
            grid: Number of the grid, or `MERGED`.
            grids: Number of grids that there can be.
        """
        return self.once(call.layer, grid, lambda: self._make(call, grid, grids))

    def width(self, grids, grid):
        """Returns the function from the finest grid's channels to those of a grid."""
        return self._widths.of_merged if grid == MERGED else self._widths.of(grids, grid)

    def _make(self, call, grid, grids):
        if grid == 0:
            return copy_layer(call.layer, self.name(call.name))
        layer = rules.rule_of(call.layer)(call.layer, self.width(grids, grid))
        suffix = grid if grid == MERGED else f"grid{grid}"
        config = {**layer.get_config(), "name": self.name(f"{call.name}_{suffix}")}
        if grid != MERGED and isinstance(layer, rules.POOLS):
            config["padding"] = "same"  # so that no pixel is lost that a finer grid has
        return type(layer).from_config(config)
