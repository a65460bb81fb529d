"""Which values of a network's output depend on which pixels of its input, whatever its weights."""

import keras
import numpy as np
from keras import ops

from keras_multigrid.copies import at_size, functional, is_sequential


def influence_model(model):
    """Returns a network that computes what depends on the pixels that are marked.

    Both its input and its output are 1 where marked, else 0. Each layer is called with two inputs
    that differ in the marked values alone, and marks the outputs that differ, so that influence
    neither fades nor overflows on its way, as that of gradients does. All kernels are positive in
    it, and all it computes increases where its input does: nothing cancels out.

    Args:
        model: A functional model from images to maps, of which it takes images of any size.

    Raises:
        ValueError: If it cannot be made for images of any size.
    """
    with keras.device("cpu:0"):  # GPUs round otherwise where nothing has changed
        copy = at_size(model, (None, None), float32=True)
        copy.set_weights([_stand_in(weight.shape, weight.dtype) for weight in copy.weights])
        return _marking(copy)


def _stand_in(shape, dtype):
    """Returns a kernel that averages, with an output channel of its own weight each; or ones.

    Ones as all statistics and offsets make a normalization the identity.
    """
    if len(shape) < 2:
        return np.ones(shape, dtype)
    scales = 1 + np.arange(shape[-1]) / shape[-1]
    return np.broadcast_to(scales / np.prod(shape[:-1]), shape).astype(dtype)


def _marking(model):
    def call(layer, *args, **kwargs):
        if is_sequential(layer) or hasattr(layer, "operations"):
            return _marking(functional(layer))(*args)
        return _Marks(layer)(*args, **kwargs)

    uncompiled = keras.Model(model.inputs[0], model.outputs[0])
    return keras.models.clone_model(
        uncompiled, clone_function=lambda layer: layer, call_function=call
    )


class _Marks(keras.Operation):
    """Stands for a layer, and marks those of its outputs that depend on marked inputs."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def compute_output_spec(self, *args, **kwargs):
        outputs = self.layer.compute_output_spec(*args, **kwargs)
        return keras.tree.map_structure(
            lambda each: keras.KerasTensor(each.shape, "float32"), outputs
        )

    def call(self, *args, **kwargs):
        same, changed = (self._outputs(args, kwargs, change) for change in (0.0, 1.0))
        return keras.tree.map_structure(
            lambda *pair: ops.cast(ops.not_equal(*pair), "float32"), same, changed
        )

    def _outputs(self, args, kwargs, change):
        number = 0

        def value(marks):
            nonlocal number
            if not keras.ops.is_tensor(marks):
                return marks
            number += 1  # inputs change unlike each other: a difference of two changes, too
            channels = np.arange(marks.shape[-1]) / marks.shape[-1]  # so does a softmax
            return 1 + change * marks * ((1 + channels) / (1 + number)).astype("float32")

        args, kwargs = keras.tree.map_structure(value, (args, kwargs))
        return self.layer(*args, **kwargs)
