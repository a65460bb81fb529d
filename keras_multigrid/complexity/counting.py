"""Counts parameters and multiply-adds of any functional Keras model, from the model itself."""

import concurrent.futures
import math

import keras

from keras_multigrid import checks
from keras_multigrid.complexity.profiles import LayerProfile, ModelProfile
from keras_multigrid.multiply_adds import macs_of


def count(constructor, **arguments):
    """Counts a network that is built for it alone, without memory for weights.

    Args:
        constructor: A function of `keras_multigrid.applications` that builds a network.
        **arguments: The constructor's; `weights` are not read. What computes an `input_tensor` is
            counted, too.

    Returns:
        A `ModelProfile`, as of `profile`.

    Raises:
        ValueError: If an argument is invalid, or a side of `input_shape` is None.

    Example:

    >>> import keras_multigrid as kmg
    >>> counts = kmg.complexity.count(kmg.applications.PMGSEG)
    >>> counts.trainable_params, counts.macs
    (605718, 1606537728)
    """
    checks.constructors(constructor=constructor)
    return without_weights(lambda: profile(constructor(**{**arguments, "weights": None})))


def without_weights(build):
    """Returns what a function makes of layers whose weights get no memory, neither now nor later.

    Args:
        build: Function without arguments, called in another thread with Keras' default settings.

    Raises:
        ValueError: If it is not a function.

    Example:

    >>> import keras_multigrid as kmg
    >>> build = lambda: kmg.applications.VGG(depth=21).count_params()
    >>> kmg.complexity.without_weights(build)
    20468260
    """
    checks.functions(build=build)

    def within_scope():
        with keras.StatelessScope(initialize_variables=False):
            return build()

    # Keras keeps a list of variables without values in each thread, and allocates them all later.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(within_scope).result()


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
    if hasattr(model, "costs"):
        return _module_profile(model)
    rows = []

    def see(layer, outputs, inputs=(), *_, **__):
        if hasattr(layer, "costs"):
            rows.extend(_module_profile(layer).rows)
        elif hasattr(layer, "operations"):
            images = keras.tree.flatten(inputs)
            images = [keras.Input(batch_shape=each.shape, dtype=each.dtype) for each in images]
            replay(layer, images, see)
        elif isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.Model):
            rows.append(_layer_profile(layer, inputs, outputs))

    replay(model, input_like(model, input_shape), see)
    return _model_profile(model, rows)


def replay(model, images, see, connected=False):
    """Follows the shapes of other images through a functional model, and returns its outputs.

    Args:
        model: A functional model; it stays as it is.
        images: Its symbolic inputs, as of `input_like`; None for those that it has.
        see: Function that gets each layer or operation, its symbolic outputs, and the arguments of
            its call.
        connected: Whether outputs can be computed from the images; layers remember such calls for
            ever, and those called twice have no `output` any more.
    """

    def call(layer, *args, **kwargs):
        outputs = (layer if connected else _Shapes(layer))(*args, **kwargs)
        see(layer, outputs, *args, **kwargs)
        return outputs

    if model.compiled:  # the optimizer would be made, too
        model = keras.Model(model.input, model.output)
    if images is not None:  # the input may be a list of one
        images = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(images))
    with keras.StatelessScope(initialize_variables=False):
        clone = keras.models.clone_model(model, images, lambda layer: layer, call_function=call)
    return clone.outputs


class _Shapes(keras.Operation):
    """Stands for a layer, of which it computes the shapes only."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def compute_output_spec(self, *args, **kwargs):
        return self.layer.compute_output_spec(*args, **kwargs)


def traversal_macs(model, attention, shared_windows=False):
    """Counts the multiply-adds of top-down traversals (second paper, Figures 4 and 6).

    These are the features of each attended location, its candidates' probabilities in all levels
    but the last, aggregation and merging of the attended ones, and one classification.

    Args:
        model: A `TopDown`.
        attention: An `Attention` such as `predict` returns.
        shared_windows: Whether to count the features of coinciding locations once, as computed.

    Returns:
        An integer array, one entry per image; its mean is the measured cost per image.

    Raises:
        ValueError: If the model is not a `TopDown`.

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
    """Returns the `ModelProfile` of a `TopDown`: a row for one use of each module."""
    parts = [profile(module) for module in model.modules() if module is not None]
    kind = type(model).__name__
    rows = [
        LayerProfile(part.name, kind, part.rows[-1].output_shape, part.trainable_params, part.macs)
        for part in parts
    ]
    return _model_profile(model, rows)


def _model_profile(model, rows):
    weights = model.trainable_variables
    return ModelProfile(
        name=model.name,
        trainable_params=_count(weights),
        macs=sum(row.macs or 0 for row in rows),
        rows=tuple(rows),
        channels=tuple(weight.shape[-1] for weight in weights if weight.shape),
    )


def _layer_profile(layer, inputs, outputs):
    shapes = [
        keras.tree.map_structure(lambda tensor: tuple(tensor.shape), tensors)
        for tensors in (inputs, outputs)
    ]
    return LayerProfile(
        name=layer.name,
        type=type(layer).__name__,
        output_shape=keras.tree.map_structure(lambda tensor: tuple(tensor.shape[1:]), outputs),
        trainable_params=_count(layer.trainable_variables),
        macs=macs_of(layer, *shapes),
    )


def _count(weights):
    return sum(math.prod(weight.shape) for weight in weights)


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
