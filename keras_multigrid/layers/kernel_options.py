"""Initializers, regularizers and constraints of kernels and biases that each grid has."""

import keras


def fan_out_normal():
    """Returns the paper's initializer: normal, variance 2 / (kernel_size^2 filters)."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def serialized_options(layer, *kinds):
    """Returns the serialized initializers, ... of a layer's kernels and biases, by argument."""
    names = [f"{weight}_{kind}" for kind in kinds for weight in ("kernel", "bias")]
    return {name: keras.saving.serialize_keras_object(getattr(layer, name)) for name in names}


def copy_initializer(initializer, grid):
    """Returns a copy for one grid, so that grids of equal shape do not start with equal values."""
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    seed = config.get("seed")
    if isinstance(seed, dict):  # a serialized SeedGenerator, which draws anew for each grid anyway
        return initializer
    if isinstance(seed, int):
        config["seed"] += grid
    return type(initializer).from_config(config)
