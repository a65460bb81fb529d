"""A network as boxes, one for each grid that a layer with kernels computes, and what they read."""

import dataclasses
import functools
import math

import keras

from keras_multigrid import layers
from keras_multigrid.complexity import input_like, replay


@dataclasses.dataclass(frozen=True)
class Box:
    """A grid that a layer computes.

    Attributes:
        layer: Name of the layer.
        column: Place in the order of computation; that of a sum is between two integers.
        row: How often the side of the image was halved to get the grid's.
        channels: Of the grid.
        kernel: Side of the kernel; None for sums and dense layers.
        reads: Numbers of the boxes that it reads.
        is_sum: Whether it only adds up what it reads.
    """

    layer: str
    column: float
    row: int
    channels: int
    kernel: int | None
    reads: frozenset
    is_sum: bool = False


def wiring(model, input_shape=None):
    """Returns the boxes of a network, each after those that it reads.

    Args:
        model: A functional model of images.
        input_shape: Shape of one image without the batch, if the model leaves it open.

    Raises:
        ValueError: If the model is not functional, or the size of its input is not known.

    Example:

    >>> import keras_multigrid as kmg
    >>> from keras_multigrid.figures.wiring import wiring
    >>> boxes = wiring(kmg.applications.PMGSEG())
    >>> len(boxes), boxes[0].layer, boxes[0].channels, boxes[0].reads
    (32, 'input_3_conv', 8, frozenset())
    """
    image = input_like(model, input_shape)
    if image is None or len(image.shape) != 4:
        raise ValueError(f"The input of '{model.name}' is {model.input_shape}; expected one image.")
    tracer = _Tracer(image)
    replay(model, image, tracer.see)
    return tracer.boxes


class _Tracer:
    """Follows tensors from box to box."""

    def __init__(self, image):
        self.boxes = []
        self.side = self._sides(image)[0]
        self.sources = {id(image): frozenset()}  # numbers of boxes, by the address of a tensor
        self.tensors = []  # kept, so that no address is used again

    def see(self, layer, outputs, *args, **options):
        tensors = keras.tree.flatten(outputs)
        sources = [
            [self.sources.get(id(tensor), frozenset()) for tensor in keras.tree.flatten(arg)]
            for arg in (*args, *options.values())
            if _are_tensors(arg)
        ]
        self.tensors += tensors
        for tensor, found in zip(tensors, self.connect(layer, sources, tensors)):
            self.sources[id(tensor)] = found

    @functools.singledispatchmethod
    def connect(self, layer, sources, tensors):
        """Returns, for each output of a layer, which boxes it comes from."""
        merged = _union(*(grid for arg in sources for grid in arg))
        if any(len(weight.shape) > 1 for weight in getattr(layer, "weights", ())):
            return self._add(
                layer, [merged] * len(tensors), tensors, [_kernel(layer)] * len(tensors)
            )
        if len(sources) == 1 and len(sources[0]) == len(tensors):
            return sources[0]
        return [merged] * len(tensors)

    @connect.register
    def _(self, layer: layers.MultigridConv2D, sources, tensors):
        (kept,) = sources
        kept = kept[: layer.grids_read(kept)]
        steps = {"finer": -1, "own": 0, "coarser": 1}
        reads = [
            _union(*(kept[grid + steps[source]] for source in layer.sources(grid)))
            for grid in range(len(tensors))
        ]
        return self._add(layer, reads, tensors, layer.kernel_size)

    @connect.register(layers.PerGrid)
    @connect.register(layers.MultigridConv2DTranspose)
    def _(self, layer, sources, tensors):
        reads, (own, *_) = sources[0], layer.grid_layers
        if not any(len(weight.shape) > 1 for weight in own.weights):
            return reads
        kernels = [_kernel(grid_layer) for grid_layer in layer.grid_layers]
        return self._add(layer, reads, tensors, kernels)

    @connect.register
    def _(self, layer: layers.MultigridMaxPooling2D, sources, tensors):
        (reads,) = sources
        return [*reads[: len(tensors) - 1], _union(*reads[len(tensors) - 1 :])]

    @connect.register
    def _(self, layer: layers.SkipConcatenate, sources, tensors):
        skip, upsampled = sources
        joined = [_union(*pair) for pair in zip(skip, upsampled)]
        return joined + skip[len(joined) :]

    @connect.register
    def _(self, layer: keras.layers.Add, sources, tensors):
        return self._add(layer, [_union(*sources[0])], tensors, [None], is_sum=True)

    def _add(self, layer, reads, tensors, kernels, is_sum=False):
        """Adds a box for each output, all in one column."""
        last = max((self.boxes[number].column for number in _union(*reads)), default=0)
        column = last + 0.5 if is_sum else math.floor(last) + 1
        made = []
        for read, tensor, kernel in zip(reads, tensors, kernels):
            made.append(frozenset([len(self.boxes)]))
            row = self._row(tensor, read)
            channels = tensor.shape[1 if _channels_first() and len(tensor.shape) == 4 else -1]
            box = Box(layer.name, column, row, channels, kernel, read, is_sum)
            self.boxes.append(box)
        return made

    def _row(self, tensor, reads):
        if len(tensor.shape) != 4:  # of a vector, that of what it is computed from
            return max((self.boxes[number].row for number in reads), default=0)
        return round(math.log2(self.side / self._sides(tensor)[0]))

    def _sides(self, tensor):
        return tensor.shape[2:] if _channels_first() else tensor.shape[1:3]


def _are_tensors(argument):
    parts = keras.tree.flatten(argument)
    return bool(parts) and all(isinstance(part, keras.KerasTensor) for part in parts)


def _union(*sources):
    return frozenset().union(*sources)


def _kernel(layer):
    shape = max((tuple(weight.shape) for weight in layer.weights), key=len)
    return shape[0] if len(shape) == 4 else None


def _channels_first():
    return keras.config.image_data_format() == "channels_first"
