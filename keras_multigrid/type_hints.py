"""Whether values are of type hints, such as `dict[str, float] | None`."""

import numbers
import types
import typing

import numpy as np

TEXTS = {int: "an integer", float: "a number", bool: "True or False", str: "text"}


def fits(value, hint):
    """Returns whether a value is of a type hint; integers will do for floats, lists for tuples.

    Example:

    >>> from keras_multigrid.type_hints import fits
    >>> fits({"loss": 1}, dict[str, float] | None), fits(True, int), fits([0.5], tuple[float, ...])
    (True, False, True)
    """
    kind, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in arguments)
    if kind in (list, tuple):
        accepted = list if kind is list else list | tuple
        entry = arguments[0] if arguments else object
        return isinstance(value, accepted) and all(fits(each, entry) for each in value)
    if kind is dict:
        entry = arguments[1] if arguments else object
        return isinstance(value, dict) and all(fits(each, entry) for each in value.values())
    return {int: is_integer, float: is_number}.get(kind, lambda _: isinstance(value, kind))(value)


def text_of(hint):
    """Returns a type hint in words, such as "an integer or None"."""
    kind, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (typing.Union, types.UnionType):
        return " or ".join(map(text_of, arguments))
    if kind in (list, tuple):
        return f"a list, each {text_of(arguments[0])}" if arguments else "a list"
    return "None" if kind is type(None) else TEXTS.get(kind, f"a {kind.__name__}")


def is_integer(value):
    """Returns whether a value is an integer, of Python or NumPy, but not True or False."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def is_number(value):
    """Returns whether a value is a real number, of Python or NumPy, but not True or False."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
