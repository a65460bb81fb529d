"""Trainings that start from trained weights, and leave some as they are or change them slowly."""

import fnmatch
import pathlib

import keras

from keras_multigrid.applications.fitting import load_arrays
from keras_multigrid.applications.pretrained import is_shipped, load_weights
from keras_multigrid.progress import say
from keras_multigrid.runs.trained_weights import trained_weights
from keras_multigrid.training import load_checkpoint

SHOWN_NAMES = 12


def freeze(model, patterns):
    """Makes layers not trainable, before the model is compiled.

    Args:
        model: A built `keras.Model`.
        patterns: Shell-style patterns of layers' names, or None.

    Returns:
        The list of these layers.

    Raises:
        ValueError: If a pattern has no layer with weights, or nothing is left to train.
    """
    layers = {name: layer for name, layer in _layers(model) if layer.weights}
    frozen = {}
    for pattern in patterns or ():
        found = {name: layers[name] for name in layers if fnmatch.fnmatchcase(name, pattern)}
        if not found:
            names = ", ".join([*layers][:SHOWN_NAMES])
            raise ValueError(
                f"freeze has {pattern!r}, which is not a layer with weights of {model.name}; they "
                f"are {names}{', ...' if len(layers) > SHOWN_NAMES else ''}."
            )
        frozen |= found
    for layer in frozen.values():
        layer.trainable = False
    if not model.trainable_variables:
        raise ValueError(
            f"freeze is {','.join(patterns)}; nothing of {model.name} is left to train."
        )
    return list(frozen.values())


def _layers(model, around=()):
    for layer in model.layers:
        names = (*around, layer.name)
        if isinstance(layer, keras.Model):
            yield from _layers(layer, names)
        else:
            yield "/".join(names), layer


def start_from_weights(recipe, model, checkpoints):
    """Loads the weights that a training starts from, unless it continues.

    Args:
        recipe: A `Recipe`.
        model: Its compiled network.
        checkpoints: Path of the folder of checkpoints; a whole one in it has it all.

    Raises:
        ValueError: If there are no such weights, or they do not fit.
    """
    if recipe.starting_weights() is None or load_checkpoint(checkpoints) is not None:
        return
    loaded = _load(recipe, model)
    if recipe.loaded_rate is not None:
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        optimizer.set_rate_factor(loaded, recipe.loaded_rate)


def _load(recipe, model):
    """Loads the weights; returns the variables that have them."""
    if not recipe.weights and (loaded := recipe.load_backbone(model)) is not None:
        return loaded
    weights = recipe.starting_weights()
    folder = pathlib.Path(weights)
    if is_shipped(weights) or not folder.is_dir():
        return load_weights(model, weights, recipe.model)
    trained = trained_weights(folder)
    say(f"Starts from step {trained.step} of {folder}")
    return load_arrays(model, trained.arrays, f"The weights in {folder}")
