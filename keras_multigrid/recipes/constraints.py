"""What the fields of a recipe may be, alone and together."""

import inspect
import math
import typing

import keras

from keras_multigrid import checks
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.type_hints import fits

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("exponential", "stepwise", "cosine", "constant")
POSITIVE = (
    *("epochs", "steps_per_epoch", "batch_size", "width_multiplier", "learning_rate"),
    *("accumulation", "devices", "loaded_rate", "threads"),
)


def check_recipe(recipe):
    """Raises a `ValueError` that names a field of a recipe and what was expected."""
    checks.fields(recipe)
    hints = typing.get_type_hints(type(recipe))
    for name in POSITIVE:
        value = getattr(recipe, name)
        if value is not None and not 0 < value < math.inf:
            expected = "a positive number" + (", or none" if fits(None, hints[name]) else "")
            raise ValueError(f"{name} is {value}; expected {expected}.")
    if recipe.loaded_rate is not None and recipe.starting_weights() is None:
        raise ValueError(f"loaded_rate is {recipe.loaded_rate}, and no weights are to be loaded.")
    _check_sizes(recipe)
    if recipe.precision is not None:  # else it is planned
        check_choice(recipe, "precision", PRECISIONS)
    check_choice(recipe, "optimizer", OPTIMIZERS)
    check_choice(recipe, "schedule", (*SCHEDULES, None))
    if recipe.ema is not None and not 0 < recipe.ema < 1:
        raise ValueError(f"ema is {recipe.ema}; expected a number between 0 and 1, or none.")
    _check_backend(recipe)


def check_choice(recipe, name, choices):
    """Raises a `ValueError` if a field is not one of the choices."""
    value = getattr(recipe, name)
    if value not in choices:
        expected = ", ".join(map(str, choices))
        raise ValueError(f"{name} is {value!r}; expected one of {expected}.")


def _check_sizes(recipe):
    """Checks that the network is known, and takes what changes its size."""
    known = inspect.signature(paper_model(recipe.model).constructor).parameters
    own = {
        **dict.fromkeys(("channel_ratios", "repeats", "exchange_size")),
        "width_multiplier": 1,
        "exchange": "each",
    }
    for name, default in own.items():
        value = getattr(recipe, name, None)  # some recipes have no exchange
        if value not in (default, None) and name not in known:
            raise ValueError(
                f"{name} is {value}; {recipe.model} has no such choice. Leave it "
                "out, or take another model."
            )


def _check_backend(recipe):
    """Checks that Keras can do what is asked for on its backend."""
    backend = keras.backend.backend()
    if recipe.remat and backend != "jax":
        raise ValueError(
            f"remat is true; gradient checkpointing does not work in Keras on {backend}. Set "
            "KERAS_BACKEND=jax, or take a smaller batch_size with accumulation."
        )
    if backend == "tensorflow" and recipe.devices > 1 and recipe.accumulation > 1:
        raise ValueError(
            "accumulation does not work on several devices in Keras on TensorFlow; set "
            "devices=1, accumulation=1 or KERAS_BACKEND=jax."
        )
    slow_only = recipe.devices > 1 or recipe.deterministic
    if backend == "tensorflow" and recipe.jit_compile and slow_only:
        raise ValueError(
            "jit_compile works neither on several devices nor deterministically in Keras on "
            "TensorFlow; set jit_compile=false."
        )
