"""Counts parameters and multiply-adds of any functional Keras model, from the model itself."""

import dataclasses
import math

import keras

from keras_multigrid import checks
from keras_multigrid.multiply_adds import macs_of


@dataclasses.dataclass(frozen=True)
class LayerProfile:
    """One call of one layer.

    Attributes:
        name: The layer's name.
        type: Its class.
        output_shape: Shape, or list of shapes, of what it returns, without the batch.
        trainable_params: Number of trainable weights.
        macs: Multiply-adds per image; None if this kind of layer is not counted.
    """

    name: str
    type: str
    output_shape: object
    trainable_params: int
    macs: int | None


@dataclasses.dataclass(frozen=True)
class ModelProfile:
    """What `profile` returns; printing it shows a table.

    Attributes:
        name: The model's name.
        trainable_params: Number of trainable weights of the model.
        macs: Multiply-adds per image of its convolutions and dense layers.
        rows: A `LayerProfile` per layer call, in the order of computation.
    """

    name: str
    trainable_params: int
    macs: int
    rows: tuple

    def __str__(self):
        lines = [f"{'layer':<36} {'type':<26} {'parameters':>12} {'multiply-adds':>16}  output"]
        for row in self.rows:
            macs = "not counted" if row.macs is None else f"{row.macs:,}"
            lines.append(
                f"{row.name:<36} {row.type:<26} {row.trainable_params:>12,} {macs:>16}  "
                f"{_shape_text(row.output_shape)}"
            )
        lines.append(f"{self.name:<63} {self.trainable_params:>12,} {self.macs:>16,}")
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Count:
    """What `count` returns.

    Attributes:
        trainable_params: Number of trainable weights.
        macs: Multiply-adds per image of its convolutions and dense layers.
    """

    trainable_params: int
    macs: int


def count(constructor, **arguments):
    """Counts what `profile` does, of a network that is built without memory for its weights.

    Args:
        constructor: A function of `keras_multigrid.applications` that builds a network.
        **arguments: The constructor's; `weights` are not read. What computes an `input_tensor` is
            counted, too.

    Returns:
        A `Count`.

    Raises:
        ValueError: If an argument is invalid, or a side of `input_shape` is None.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.complexity.count(kmg.applications.PMGSEG)
    Count(trainable_params=605718, macs=1606537728)
    >>> kmg.complexity.count(kmg.applications.PMGSEG, channel_ratios=(1, 1), repeats=2)
    Count(trainable_params=783582, macs=1951727616)
    """
    checks.constructors(constructor=constructor)
    with keras.StatelessScope(initialize_variables=False):
        counts = profile(constructor(**{**arguments, "weights": None}))
    return Count(counts.trainable_params, counts.macs)


def profile(model, input_shape=None):
    """Counts trainable parameters and multiply-adds per image (the paper's "FLOPs", Table 1).

    Multiply-adds are those of convolutions and dense layers; biases, normalization, activations
    and pooling are free, as the paper counts. A layer with kernels of a kind that is not known
    here is listed as not counted; `macs_of.register` teaches a new kind.

    Args:
        model: A functional `keras.Model`, or a `TopDown`: of that, one use of each module is
            counted; `traversal_macs` counts what an image takes.
        input_shape: Shape of one image without the batch, if the model leaves it open.

    Returns:
        A `ModelProfile`.

    Raises:
        ValueError: If the model is not functional, or the size of its input is not known.

    Example:

    >>> import keras_multigrid as kmg
    >>> counts = kmg.complexity.profile(kmg.applications.PMGSEG())
    >>> counts.trainable_params, counts.macs
    (605718, 1606537728)
    """
    checks.optional(checks.lists, input_shape=input_shape)
    rows = []

    def count_call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        if hasattr(layer, "costs"):
            rows.extend(_module_profile(layer).rows)
        elif isinstance(layer, keras.Model):
            if hasattr(layer, "operations"):
                replay(layer, keras.tree.map_structure(_input_of, args[0]), count_call)
        elif isinstance(layer, keras.layers.Layer):
            inputs = args[0] if args else None
            rows.append(_layer_profile(layer, _shapes(inputs), _shapes(outputs)))
        return outputs

    if hasattr(model, "costs"):
        return _module_profile(model)
    replay(model, input_like(model, input_shape), count_call)
    return ModelProfile(
        name=model.name,
        trainable_params=_count(model.trainable_variables),
        macs=sum(row.macs or 0 for row in rows),
        rows=tuple(rows),
    )


def replay(model, images, call):
    """Calls copies of a functional model's layers on other images, each through a function.

    The model's own graph stays as it is, and the copies' weights are never allocated.

    Args:
        model: A functional model.
        images: Its symbolic input, such as `input_like` returns.
        call: Function of a layer and its arguments that calls the layer.
    """
    uncompiled = keras.Model(model.input, model.output)  # a copy would make the optimizer, too
    if images is not None:  # the input may be a list of one
        images = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(images))
    with keras.StatelessScope(initialize_variables=False):
        keras.models.clone_model(uncompiled, input_tensors=images, call_function=call)


def traversal_macs(model, attention, shared_windows=False):
    """Counts the multiply-adds of top-down traversals (second paper, Figures 4 and 6).

    The features of each attended location, its candidates' probabilities in all levels but the
    last, aggregation and merging where a location has attended ones, and one classification.

    Args:
        model: A `TopDown`.
        attention: What was attended, an `Attention` such as `predict` returns.
        shared_windows: Whether features are counted once where locations coincide, as they are
            computed; the paper counts each location.

    Returns:
        An integer array, one entry per image; its mean is the measured cost per image.

    Raises:
        ValueError: If the model is no `TopDown`.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.TDMNIST3(levels=3)
    >>> every = [np.ones([1, count], bool) for count in (1, 9, 81)]
    >>> attention = kmg.top_down.Attention(every, (), base_size=14)
    >>> kmg.complexity.traversal_macs(model, attention)
    array([118019712])
    >>> kmg.complexity.traversal_macs(model, attention, shared_windows=True)
    array([76695168])
    """
    from keras_multigrid.top_down.attention import Attention

    checks.instances(Attention, attention=attention)
    checks.flags(shared_windows=shared_windows)
    if not hasattr(model, "costs"):
        raise ValueError(f"traversal_macs takes a TopDown model; got {type(model).__name__}.")
    nodes = attention.counts()
    windows = attention.window_counts() if shared_windows else nodes
    asked = windows[:, :-1]
    return model.costs.of(windows.sum(axis=1), asked.sum(axis=1), attention.parents().sum(axis=1))


def _module_profile(model):
    parts = [profile(module) for module in model.modules() if module is not None]
    rows = [
        LayerProfile(
            part.name,
            type(model).__name__,
            part.rows[-1].output_shape,
            part.trainable_params,
            part.macs,
        )
        for part in parts
    ]
    return ModelProfile(
        model.name, _count(model.trainable_variables), sum(row.macs for row in rows), tuple(rows)
    )


def _layer_profile(layer, inputs, outputs):
    return LayerProfile(
        name=layer.name,
        type=type(layer).__name__,
        output_shape=keras.tree.map_shape_structure(lambda shape: tuple(shape[1:]), outputs),
        trainable_params=_count(layer.trainable_variables),
        macs=macs_of(layer, inputs, outputs),
    )


def _input_of(tensor):
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype)


def _shapes(tensors):
    return keras.tree.map_structure(lambda tensor: tuple(tensor.shape), tensors)


def _count(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def input_like(model, input_shape):
    """Returns a symbolic input of a functional model, or of a known size; checks both."""
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(
            f"Counting takes a functional keras.Model; got {type(model).__name__}. "
            "Build a model from keras.Input, or take its functional parts."
        )
    shape = model.input_shape
    if isinstance(shape, list | dict):
        if input_shape is not None:
            raise ValueError("input_shape is for models of one input; this one has several.")
        return None
    sizes = tuple(input_shape or shape[1:])
    if None in sizes or len(sizes) != len(shape) - 1:
        raise ValueError(
            f"The input of '{model.name}' is {shape[1:]} and input_shape is {input_shape}; "
            f"expected {len(shape) - 1} known sizes. Pass, for example, input_shape=(64, 64, 1)."
        )
    return keras.Input(sizes, dtype=model.inputs[0].dtype)


def _shape_text(shape):
    if isinstance(shape, list):
        return ", ".join(map(_shape_text, shape))
    return "x".join(map(str, shape))
