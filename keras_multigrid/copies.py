"""Functional models and layers made again, with the same weights."""

import keras


def at_size(model, size, float32=False):
    """Returns the network for images of another size, or in float32, with the same weights."""
    if (*size, model.input_shape[-1]) == tuple(model.input_shape[1:]) and not float32:
        return model
    return copy_at_size(model, size, float32)


def copy_at_size(model, size, float32=False):
    """Returns a copy of a network, with variables of its own.

    Args:
        model: A functional model of images, `(batch, height, width, channels)`.
        size: Height and width of the copy's images; None is any.
        float32: Whether the copy computes in float32 throughout.

    Raises:
        ValueError: If the network cannot be made for such images.
    """

    def clone(layer):
        return _as_float32(layer) if float32 else type(layer).from_config(layer.get_config())

    shape = (*size, model.input_shape[-1])
    try:
        copy = keras.models.clone_model(
            model, input_tensors=keras.Input(shape, name="images"), clone_function=clone
        )
        copy.set_weights(model.get_weights())
    except ValueError as error:
        sides = " x ".join("any" if side is None else str(side) for side in size)
        raise ValueError(
            f"{model.name} cannot be made for images of {sides} pixels: {error} Give the `size` "
            "it was trained with, or begin the preprocessing with ResizedCentre(side)."
        ) from error
    return copy


def copy_layer(layer, name=None, kind=None):
    """Returns a copy of a layer or operation, with its weights.

    Args:
        layer: The layer.
        name: Name of the copy; None is the layer's.
        kind: Class of the copy, which takes the same configuration; None is the layer's.
    """
    kind = kind or type(layer)
    copy = kind.from_config({**layer.get_config(), "name": name or layer.name})
    if getattr(layer, "built", False):
        if layer.get_build_config():
            copy.build_from_config(layer.get_build_config())
        copy.set_weights(layer.get_weights())
    if hasattr(copy, "finalize_state"):  # of Keras' preprocessing layers
        copy.finalize_state()
    return copy


class Names:
    """Gives each layer a name of its own.

    Args:
        reserved: Names that go to whoever asks for them first, and to nobody else.
    """

    def __init__(self, reserved):
        self._reserved = set(reserved)
        self._taken = set(self._reserved)

    def unique(self, name):
        """Returns the name, with a number if it is taken."""
        if name in self._reserved:
            self._reserved.remove(name)
            return name
        unique, number = name, 1
        while unique in self._taken:
            number += 1
            unique = f"{name}_{number}"
        self._taken.add(unique)
        return unique


def functional(model):
    """Returns a sequential model as a functional one, and others as they are."""
    return keras.Model(model.inputs[0], model.outputs[0]) if is_sequential(model) else model


def is_sequential(model):
    return isinstance(model, keras.Sequential)


def _as_float32(layer):
    """Returns a copy of a layer that computes in float32, without weights."""
    config = keras.tree.map_structure(
        lambda value: "float32" if value in ("mixed_bfloat16", "mixed_float16") else value,
        layer.get_config(),
    )
    copy = type(layer).from_config(config)
    if isinstance(layer, keras.Model):
        copy.build_from_config(layer.get_build_config())
    return copy
