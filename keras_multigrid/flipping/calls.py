"""The calls of layers that a network consists of, in order."""

import dataclasses
import inspect

import keras

from keras_multigrid.complexity import replay
from keras_multigrid.copies import functional


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, or of an operation of `keras.ops`.

    Attributes:
        layer: The layer.
        args, kwargs: Its arguments, tensors symbolic.
        outputs: What it returned, a list of symbolic tensors.
        name: Name of the layer in the flipped network.
    """

    layer: keras.Operation
    args: tuple
    kwargs: dict
    outputs: list
    name: str

    @property
    def inputs(self):
        """The symbolic tensors among the arguments."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return [leaf for leaf in leaves if _is_symbol(leaf)]

    @property
    def label(self):
        return f"{type(self.layer).__name__} '{self.layer.name}'"

    def repeated(self, layer, tensors):
        """Returns what another layer makes of the same arguments.

        Args:
            layer: The layer.
            tensors: By the address of a tensor among the arguments, what comes in its place; those
                that are not there are left out.
        """

        def put(argument):
            if isinstance(argument, list | tuple):
                kept = [x for x in argument if not _is_symbol(x) or id(x) in tensors]
                return type(argument)(map(put, kept))
            return tensors.get(id(argument), argument)

        return layer(*put(self.args), **{name: put(x) for name, x in self.kwargs.items()})

    def refusal(self, reason):
        """Returns the error for a layer that cannot be flipped."""
        return ValueError(f"{self.label} cannot be flipped: {reason}")


def recorded(model):
    """Returns the symbolic inputs, the calls and the symbolic outputs of a functional model.

    Models within it are looked into.
    """
    recorder = _Recorder()
    images = [
        keras.Input(batch_shape=each.shape, dtype=each.dtype, name=each.name)
        for each in model.inputs
    ]
    outputs = recorder.record(model, images, {})
    resolve = recorder.aliases.resolve
    calls = [
        dataclasses.replace(
            call,
            args=keras.tree.map_structure(resolve, call.args),
            kwargs=keras.tree.map_structure(resolve, call.kwargs),
        )
        for call in recorder.calls
    ]
    return images, calls, [resolve(output) for output in outputs]


def taken(layer, arguments):
    """Returns the named arguments that calls of a layer take."""
    if not arguments or not isinstance(layer, keras.layers.Layer):
        return {}
    parameters = inspect.signature(layer.call).parameters
    return {name: value for name, value in arguments.items() if name in parameters}


class _Aliases:
    """Tensors that stand for others, such as inputs of models within the model."""

    def __init__(self):
        self.targets = {}  # by address; the tensors are kept alive beside their targets

    def add(self, tensor, target):
        self.targets[id(tensor)] = tensor, target

    def resolve(self, leaf):
        while id(leaf) in self.targets and self.targets[id(leaf)][1] is not leaf:
            leaf = self.targets[id(leaf)][1]
        return leaf


class _Recorder:
    def __init__(self):
        self.calls, self.aliases = [], _Aliases()

    def record(self, model, images, fixed):
        """Notes the calls of a model, with arguments that hold for all of them."""

        def see(layer, outputs, *args, **kwargs):
            kwargs = {name: value for name, value in kwargs.items() if value is not None}
            outputs = keras.tree.flatten(outputs)
            call = Call(layer, args, {**kwargs, **taken(layer, fixed)}, outputs, layer.name)
            network = functional(layer)
            if not hasattr(network, "operations"):
                self.calls.append(call)
                return
            inner = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in call.inputs]
            for image, target in zip(inner, call.inputs):
                self.aliases.add(image, target)
            training = {**{k: v for k, v in kwargs.items() if k == "training"}, **fixed}
            for output, target in zip(outputs, self.record(network, inner, training)):
                self.aliases.add(output, target)

        return replay(model, images, see)


def _is_symbol(value):
    return keras.backend.is_keras_tensor(value)
