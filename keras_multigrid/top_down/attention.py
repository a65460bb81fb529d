"""What a traversal attended, as a table, as boxes, and as a tree (second paper, appendix A.1)."""

import dataclasses
import numbers

import numpy as np

from keras_multigrid.top_down.geometry import CANDIDATES, node_places, nodes_in, windows_per_side


@dataclasses.dataclass(frozen=True)
class Node:
    """An attended location.

    Attributes:
        level: Its level, 1 for the whole image.
        row, column: Where its window starts, relative to the image's side.
        side: The window's side, relative to the image's.
        probability: With which it was attended; 1 for the whole image.
        children: The nodes attended within it.
    """

    level: int
    row: float
    column: float
    side: float
    probability: float
    children: tuple


@dataclasses.dataclass(frozen=True, eq=False)
class Attention:
    """What was attended in images; paths through the levels are numbers of base 9.

    Attributes:
        attended: For each level, the root's first: boolean `(images, 9 ** (level - 1))`.
        probabilities: For each level but the last: those of the 9 candidates of each node, of shape
            `(images, 9 ** (level - 1), 9)`; 0 where no node was attended. Where an image stopped
            early they were computed, but not used.
        base_size: Side of a window in pixels.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.TDMNIST1(levels=2)
    >>> images = np.zeros([4, 28, 28, 1])
    >>> outputs, attention = model.predict(images, return_attention=True, verbose=0)
    >>> attention.counts().shape, attention.tree(0).level
    ((4, 2), 1)
    """

    attended: tuple
    probabilities: tuple
    base_size: int

    def __post_init__(self):
        """Raises a `ValueError` unless the masks are a traversal's: all parents are attended."""
        for level, mask in enumerate(self.attended, 1):
            if np.ndim(mask) != 2 or np.shape(mask)[1] != nodes_in(level):
                raise ValueError(
                    f"attended of level {level} has shape {np.shape(mask)}; expected (images, "
                    f"{nodes_in(level)}), as Attention has it."
                )
            if level == 1:
                continue
            if (mask & ~np.repeat(self.attended[level - 2], CANDIDATES, axis=1)).any():
                raise ValueError(
                    f"attended of level {level} has nodes whose parents in level {level - 1} are "
                    "not attended; expected those of a traversal."
                )

    def __getitem__(self, images):
        """Returns the `Attention` of some of the images, given by a slice, or of one."""
        images = [images] if isinstance(images, numbers.Integral) else images
        attended = tuple(level[images] for level in self.attended)
        probabilities = tuple(level[images] for level in self.probabilities)
        return Attention(attended, probabilities, self.base_size)

    @property
    def levels(self):
        """The number of levels."""
        return len(self.attended)

    def counts(self):
        """Returns how many nodes of each level were attended, integers `(images, levels)`."""
        return np.stack([level.sum(axis=1) for level in self.attended], axis=1)

    def window_counts(self):
        """Returns the counts of distinct windows: several paths may lead to one."""
        counts = []
        for level, attended in enumerate(self.attended, 1):
            rows, columns = node_places(level)
            windows = rows * windows_per_side(level) + columns
            seen = np.zeros([len(attended), windows_per_side(level) ** 2], bool)
            image, path = attended.nonzero()
            seen[image, windows[path]] = True
            counts.append(seen.sum(axis=1))
        return np.stack(counts, axis=1)

    def parents(self):
        """Returns how many nodes of each level but the last have children, `(images, levels-1)`."""
        if self.levels == 1:
            return np.zeros([len(self.attended[0]), 0], int)
        grouped = [level.reshape(len(level), -1, CANDIDATES) for level in self.attended[1:]]
        return np.stack([level.any(axis=2).sum(axis=1) for level in grouped], axis=1)

    def tree(self, image):
        """Returns the root of the parse tree of the image of an index, a `Node` (Figure 8)."""
        return self._tree(image, 1, 0)

    def nodes(self, image, level):
        """Returns the attended nodes of one level, 1 for the root, without their children."""
        paths = np.flatnonzero(self.attended[level - 1][image])
        return [self._node(image, level, path) for path in paths]

    def _tree(self, image, level, path):
        children = ()
        if level < self.levels:
            first = path * CANDIDATES
            below = np.flatnonzero(self.attended[level][image, first : first + CANDIDATES]) + first
            children = tuple(self._tree(image, level + 1, child) for child in below)
        return self._node(image, level, path, children)

    def _node(self, image, level, path, children=()):
        rows, columns = node_places(level)
        unit = 0.5**level
        place = float(rows[path] * unit), float(columns[path] * unit)
        return Node(level, *place, 2 * unit, self._probability(image, level, path), children)

    def _probability(self, image, level, path):
        if level == 1:
            return 1.0
        parent, candidate = divmod(int(path), CANDIDATES)
        return float(self.probabilities[level - 2][image, parent, candidate])
