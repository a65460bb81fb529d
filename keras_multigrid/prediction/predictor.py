"""The probabilities of an image, window by window."""

import dataclasses
import math

import keras
import numpy as np

from keras_multigrid import checks
from keras_multigrid.copies import at_size, functional
from keras_multigrid.prediction.geometry import SeenMargin, total_stride
from keras_multigrid.prediction.memory import usual_tile
from keras_multigrid.prediction.tiles import (
    blended_tiles,
    exact_tiles,
    gaussian,
    is_exact,
    tile_side,
)

FLIPS = {None: ((),), "horizontal": ((), (1,)), "both": ((), (1,), (0,), (0, 1))}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How an image is cut.

    Attributes:
        rows, columns: The `Tile`s along its sides.
        margins: How far the networks see, down and across; `math.inf` is all of it, 0 where it need
            not be known.
        exact: Whether the answer is that of the whole image.
    """

    rows: tuple
    columns: tuple
    margins: tuple
    exact: bool

    def __len__(self):
        return len(self.rows) * len(self.columns)

    @property
    def tile(self):
        """Height and width of the tiles."""
        return tuple(tiles[0].end - tiles[0].start for tiles in (self.rows, self.columns))


class Predictor:
    """Networks of which the mean answer is asked.

    Args:
        models: Functional models from images to probabilities of as many classes, `(batch, height,
            width, classes)`, for images of any size.
        flips: None, `"horizontal"` to average with the image's mirror image, or `"both"` with those
            upside down as well.

    Raises:
        ValueError: If a model is not of this kind, or `flips` is another.
    """

    def __init__(self, models, flips=None):
        checks.lists(models=models)
        if flips not in FLIPS:
            raise ValueError(f"flips is {flips!r}; expected None, 'horizontal' or 'both'.")
        self._models, self._flips = [_checked(model) for model in models], FLIPS[flips]
        strides = [total_stride(model) for model in self._models]
        self.stride = None if None in strides else math.lcm(*strides)
        self._margins = [SeenMargin(*pair) for pair in zip(self._models, strides)]
        shapes = {(model.input_shape[-1], model.output_shape[-1]) for model in self._models}
        if len(shapes) != 1:
            raise ValueError(
                f"The models have channels and classes {', '.join(map(str, sorted(shapes)))}; "
                "expected the same of all."
            )
        ((self.channels, self.classes),) = shapes
        self.usual_tile = min(map(usual_tile, self._models))

    def checked(self, image):
        """Returns an image as an array `(height, width, channels)` that the networks take.

        Raises:
            ValueError: If it has another shape, or values that are not numbers.
        """
        image = np.asarray(image)
        if image.ndim == 2 and self.channels == 1:
            image = image[..., None]
        if image.ndim != 3 or image.shape[2] != self.channels or 0 in image.shape:
            raise ValueError(
                f"The image has shape {image.shape}; expected (height, width, {self.channels})."
            )
        if image.dtype.kind not in "fiub" or not np.isfinite(image).all():
            raise ValueError(
                f"The image has values of {image.dtype} that are not finite numbers; expected such."
            )
        return image

    def plan(self, size, tile=None):
        """Returns the `Plan` for an image of a height and width.

        Args:
            size: Height and width.
            tile: The largest side of a tile; None is one whose computation fits into memory.

        Raises:
            ValueError: If the network cannot have such tiles.
        """
        stride, tile = self.stride or 1, tile or self.usual_tile
        lengths = [tile_side(side, tile, stride) for side in size]
        cut = [length < side for length, side in zip(lengths, size)]
        margins = [self._margin(side) if is_cut else 0 for side, is_cut in zip(size, cut)]
        sides = [*zip(size, lengths, margins)]
        exact = all(is_exact(*each, stride) for each in sides)
        if exact:
            tiles = [exact_tiles(*each, stride) for each in sides]
        else:
            tiles = [blended_tiles(side, length, stride) for side, length, _ in sides]
        return Plan(*map(tuple, tiles), tuple(margins), exact)

    def _margin(self, side):
        if self.stride is None:
            return math.inf
        return max(margin(side) for margin in self._margins)

    def windows(self, image, plan):
        """Yields the probabilities of an image by parts that cover it once.

        Args:
            image: `(height, width, channels)`, as the networks take it.
            plan: Of `plan`.

        Yields:
            The rows and the columns, as slices, and the float32 probabilities there.
        """
        return (self._exact if plan.exact else self._blended)(image, plan)

    def _exact(self, image, plan):
        for row in plan.rows:
            for column in plan.columns:
                kept = (row.kept_of_tile, column.kept_of_tile)
                yield row.kept, column.kept, self._mean(_cut(image, row, column), kept)

    def _blended(self, image, plan):
        """Yields bands of rows that no later tile has a part in."""
        height, width = plan.tile
        weights = gaussian(height)[:, None, None] * gaussian(width)[:, None]
        total = np.zeros((height, image.shape[1], self.classes), "float32")
        weight = np.zeros((height, image.shape[1], 1), "float32")
        ends = [*(row.start for row in plan.rows[1:]), image.shape[0]]
        for row, end in zip(plan.rows, ends):
            for column in plan.columns:
                total[:, column.kept] += weights * self._mean(_cut(image, row, column))
                weight[:, column.kept] += weights
            done = end - row.start
            yield slice(row.start, end), slice(0, image.shape[1]), total[:done] / weight[:done]
            for sums in (total, weight):
                sums[: height - done] = sums[done:].copy()
                sums[height - done :] = 0

    def _mean(self, tile, kept=(slice(None), slice(None))):
        """Returns the mean answer of all networks to a tile and its mirror images, where kept."""
        total = np.float32(0)
        for model in self._models:
            for axes in self._flips:
                flipped = np.flip(tile, axes)[None].astype("float32")
                outputs = np.asarray(model.predict_on_batch(flipped), "float32")[0]
                if outputs.shape[:2] != tile.shape[:2]:
                    raise ValueError(
                        f"{model.name} makes maps of {outputs.shape[0]} x {outputs.shape[1]} of an "
                        f"image of {tile.shape[0]} x {tile.shape[1]}; expected the image's size."
                    )
                total = total + np.flip(outputs, axes)[kept]
        return total / (len(self._models) * len(self._flips))


def _checked(model):
    """Returns a network for images of any size; raises a `ValueError` if it is of another kind."""
    model = functional(model)
    checks.functional_models(model=model)
    shapes = [tuple(each.shape) for each in (*model.inputs, *model.outputs)]
    if len(shapes) != 2 or any(len(shape) != 4 for shape in shapes):
        raise ValueError(
            f"{model.name} has inputs and outputs of the shapes {', '.join(map(str, shapes))}; "
            "expected one of each, from images to maps, (batch, height, width, channels)."
        )
    if keras.config.image_data_format() == "channels_first":
        raise ValueError("Keras' image_data_format is channels_first; expected channels_last.")
    return at_size(model, (None, None))


def _cut(image, row, column):
    return image[row.start : row.end, column.start : column.end]
