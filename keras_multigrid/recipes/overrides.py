"""Changes to a recipe from the command line: its scale, and KEY=VALUE settings."""

import dataclasses
import difflib
import shlex
import types
import typing

from keras_multigrid.recipes.renamed import RENAMED


def resolve(recipe_class, scale, settings):
    """Returns a recipe at a scale, with settings on top.

    Args:
        recipe_class: A frozen dataclass with `SCALES`, a mapping from scale to changed fields.
        scale: A key of `SCALES`.
        settings: List of `"key=value"` texts.

    Returns:
        An instance of `recipe_class`.

    Raises:
        ValueError: If the scale or a key does not exist, or a value is not of the field's type.
    """
    if scale not in recipe_class.SCALES:
        raise ValueError(
            f"There is no scale {scale!r} of this recipe; expected one of "
            f"{', '.join(recipe_class.SCALES)}."
        )
    return recipe_class(**{**recipe_class.SCALES[scale], **_changes(recipe_class, settings)})


def change(recipe, settings):
    """Returns a recipe with settings on top, as `resolve`."""
    return dataclasses.replace(recipe, **_changes(type(recipe), settings))


def as_command(recipe, left_out):
    """Returns the command that trains a recipe.

    Args:
        recipe: The recipe.
        left_out: Names of fields that it leaves out.
    """
    scale = next(name for name, changes in recipe.SCALES.items() if not changes)
    changes = [
        f"--set {shlex.quote(f'{field.name}={as_setting(value)}')}"
        for field in dataclasses.fields(recipe)
        if (value := getattr(recipe, field.name)) != field.default and field.name not in left_out
    ]
    return " ".join(["keras-multigrid train", recipe.NAME, "--scale", scale, *changes])


def _changes(recipe_class, settings):
    return dict(_parse(recipe_class, text) for text in settings)


def _parse(recipe_class, text):
    key, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"--set takes KEY=VALUE, for example seed=1; got {text!r}.")
    if key in RENAMED:
        raise ValueError(
            f"{key!r} is called {RENAMED[key]!r} now; give --set {RENAMED[key]}={value}."
        )
    kinds = typing.get_type_hints(recipe_class)
    names = [field.name for field in dataclasses.fields(recipe_class)]
    if key not in names:
        nearest = difflib.get_close_matches(key, names, n=1, cutoff=0)
        raise ValueError(
            f"There is no field {key!r}; did you mean {nearest[0]!r}? All: {', '.join(names)}."
        )
    if key in recipe_class.NONE_IS_A_CHOICE and value.lower() == "none":
        return key, "none"
    return key, _convert(key, value, kinds[key])


def _convert(key, value, kind):
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in kinds and value.lower() == "none":
        return None
    (kind,) = (each for each in kinds if each is not types.NoneType)
    if typing.get_origin(kind) is tuple:
        return tuple(_convert(key, entry, typing.get_args(kind)[0]) for entry in value.split(","))
    if kind is bool:
        if value.lower() not in ("true", "false"):
            raise ValueError(f"{key} is {value!r}; expected true or false.")
        return value.lower() == "true"
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{key} is {value!r}; expected {kind.__name__}.") from None


def as_setting(value):
    """Returns a value as `--set KEY=VALUE` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
