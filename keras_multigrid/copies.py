"""Functional models made again, for images of another size, with the same weights."""

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
