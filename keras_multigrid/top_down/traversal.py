"""The traversal: down the pyramid, level by level for a whole batch, and up again (appendix A.3).

A node is a path in one row; rows are images, each repeated once per Monte Carlo sample. Nodes whose
windows coincide share the features, within an image and all its rows.
"""

from typing import NamedTuple

from keras import ops

from keras_multigrid.top_down.crops import cut_windows, image_pyramid
from keras_multigrid.top_down.geometry import (
    CANDIDATES,
    GRID,
    child_places,
    nodes_in,
    windows_per_side,
)
from keras_multigrid.top_down.selection import Selection, select


class Modules(NamedTuple):
    """The layers of a network.

    Attributes:
        features: Computes feature maps of windows.
        location: Computes the logits of 9 candidates from feature maps.
        aggregation: Computes one vector from 3x3.
        merging: Computes one vector from two, concatenated.
        classification: Computes logits from vectors; None in a network that returns features.
    """

    features: object
    location: object
    aggregation: object
    merging: object
    classification: object = None


class Nodes(NamedTuple):
    """The nodes of one level; all arrays are of shape `(nodes,)` but for the last two.

    Attributes:
        alive: False for padding.
        row: The row that a node belongs to.
        path: Its path from the root.
        window_row, window_column: Its place.
        vector: The features V, `(nodes, features)`.
        decisions: The `Decisions` about its candidates; None in the last level.
    """

    alive: object
    row: object
    path: object
    window_row: object
    window_column: object
    vector: object = None
    decisions: object = None


class Decisions(NamedTuple):
    """Which candidates are attended.

    Attributes:
        logits: Logits of their probabilities, float32 `(nodes, 9)`.
        attended: Boolean `(nodes, 9)`.
        selection: The children, as a `Selection` from `attended`, flat.
    """

    logits: object
    attended: object
    selection: Selection


def traverse(modules, images, base_size, noise, *, samples=1, capacities=None, stop=None):
    """Goes down the pyramid; a candidate is attended if its noise is below its probability.

    Args:
        modules: `Modules`.
        images: `(batch, side, side, channels)`.
        base_size: Side of the image of level 1.
        noise: For each level but the last: `(batch * samples, nodes_in(level), 9)`. Uniform noise
            on [0, 1) samples; constant noise is a threshold.
        samples: Rows per image.
        capacities: For XLA: how many nodes of each level are computed; None is all.
        stop: Function from the levels so far to a boolean per row: whether to go no further.

    Returns:
        List of `Nodes`, the root's level first.
    """
    levels = len(noise) + 1
    pyramid = image_pyramid(images, base_size, levels)
    batch = ops.shape(images)[0]
    row = ops.arange(batch * samples, dtype="int32")
    zeros = ops.zeros_like(row)
    nodes = Nodes(zeros == 0, row, zeros, zeros, zeros)
    capacities = capacities or [None] * levels
    above = []
    for level, image in enumerate(pyramid, 1):
        windows, window_of = _windows(nodes, level, batch, samples, capacities[level - 1])
        side = windows_per_side(level)
        owner, place = windows // side**2, windows % side**2
        crops = cut_windows(image, base_size, level, owner, place // side, place % side)
        maps = modules.features(crops)
        vectors = ops.mean(maps, axis=(1, 2))
        nodes = nodes._replace(vector=ops.take(vectors, window_of, axis=0))
        if level == levels:
            return [*above, nodes]
        logits = ops.take(modules.location(ops.stop_gradient(maps)), window_of, axis=0)
        stopped = stop and stop([*above, nodes])
        parents, nodes = _decide(nodes, level, logits, noise, stopped, capacities[level])
        above.append(parents)


def combine(modules, levels, capacities=None):
    """Goes up again: merges the vectors of attended nodes into those of their parents.

    Args:
        modules: `Modules`.
        levels: What `traverse` returns, or its first entries: a traversal of fewer levels.
        capacities: As for `traverse`.

    Returns:
        A vector for each row, `(rows, features)`.
    """
    merged = levels[-1].vector
    for level, nodes in reversed(list(enumerate(levels[:-1]))):
        attended = nodes.decisions.attended
        position = ops.reshape(nodes.decisions.selection.position, (-1, CANDIDATES))
        is_parent = ops.any(attended, axis=-1)
        parents = select(is_parent, capacities and min(capacities[level : level + 2]))
        attended = ops.take(attended, parents.indices, axis=0)
        position = ops.where(attended, ops.take(position, parents.indices, axis=0), 0)
        children = ops.take(merged, position, axis=0)
        children = ops.where(attended[..., None], children, ops.zeros_like(children))
        grid = ops.reshape(children, (-1, GRID, GRID, children.shape[-1]))
        own = ops.take(nodes.vector, parents.indices, axis=0)
        both = modules.merging(ops.concatenate([own, modules.aggregation(grid)], axis=-1))
        position = ops.where(is_parent, parents.position, 0)
        merged = ops.where(is_parent[:, None], ops.take(both, position, axis=0), nodes.vector)
    return merged


def _windows(nodes, level, batch, samples, capacity):
    """Returns the distinct windows of living nodes, and which of them each node has."""
    images = nodes.row // samples
    if level == 1:
        return ops.arange(batch, dtype="int32"), images
    side = windows_per_side(level)
    window = (images * side + nodes.window_row) * side + nodes.window_column
    uses = ops.scatter(window[:, None], ops.cast(nodes.alive, "int32"), (batch * side**2,))
    selection = select(uses > 0, capacity)
    return selection.indices, ops.where(nodes.alive, ops.take(selection.position, window), 0)


def _decide(nodes, level, logits, noise, stopped, capacity):
    """Returns the nodes of a level with their decisions, and their children."""
    logits = ops.cast(logits, "float32")
    draws = ops.reshape(noise[level - 1], (-1, CANDIDATES))
    draws = ops.take(draws, nodes.row * nodes_in(level) + nodes.path, axis=0)
    may_attend = nodes.alive if stopped is None else nodes.alive & ~ops.take(stopped, nodes.row)
    attended = (draws < ops.sigmoid(logits)) & may_attend[:, None]
    selection = select(ops.reshape(attended, (-1,)), capacity)
    parent, candidate = selection.indices // CANDIDATES, selection.indices % CANDIDATES
    places = ops.take(nodes.window_row, parent), ops.take(nodes.window_column, parent)
    children = Nodes(
        selection.alive,
        ops.take(nodes.row, parent),
        ops.take(nodes.path, parent) * CANDIDATES + candidate,
        *child_places(places, candidate),
    )
    return nodes._replace(decisions=Decisions(logits, attended, selection)), children
