"""Checks of arguments, by name: `positive_integers(batch_size=batch_size)`.

Each raises a `ValueError` that says what came and what was expected. Integers and numbers may be
NumPy's, but not True or False. A layer says which one it is:
`positive_integers(**{f"{label}: filters": filters})`.
"""

import dataclasses
import inspect
import json
import math
import numbers as kinds
import os
import types
import typing

import numpy as np

KIND_TEXTS = {int: "an integer", float: "a number", bool: "True or False", str: "text"}


def optional(check, **values):
    """Runs another check on all that is not None."""
    check(**{name: value for name, value in values.items() if value is not None})


def integers(low=None, high=None, /, **values):
    """Takes integers from `low` to `high`, both included: `integers(0, 9, digit=digit)`."""
    if low is None:
        expected = "an integer"
    else:
        expected = f"an integer from {low} {'on' if high is None else f'to {high}'}"
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    _require(lambda value: _is_integer(value) and low <= value <= high, expected, values)


def positive_integers(**values):
    _require(lambda value: _is_integer(value) and value > 0, "a positive integer", values)


def numbers(**values):
    _require(_is_number, "a number", values)


def positive_numbers(**values):
    """Takes finite numbers above 0."""
    _require(lambda value: _is_number(value) and 0 < value < math.inf, "a positive number", values)


def flags(**values):
    _require(lambda value: isinstance(value, bool | np.bool_), "True or False", values)


def texts(**values):
    _require(lambda value: isinstance(value, str), "text", values)


def paths(**values):
    _require(lambda value: isinstance(value, str | os.PathLike), "a path", values)


def tensors(**values):
    _require(lambda value: hasattr(value, "shape"), "a tensor", values)


def activations(**values):
    _require(_may_be_activation, "a name of keras.activations, a function, or None", values)


def functions(**values):
    _require(callable, "a function", values)


def constructors(**values):
    """Takes functions that build a network, such as those of `keras_multigrid.applications`."""
    _require(_builds_networks, "a function of keras_multigrid.applications", values)


def mappings(**values):
    _require(lambda value: isinstance(value, dict), "a dictionary", values)


def layers(**values):
    import keras

    accepts = keras.layers.Layer
    _require(lambda value: _is_list(value) or isinstance(value, accepts), "Keras layers", values)


def json_values(**values):
    _require(_is_json, "what JSON can hold", values)


def data(**values):
    """Takes what `keras.Model.evaluate` does: arrays, data sets, generators."""
    _require(_is_data, "arrays, or a data set of batches", values)


def lists(**values):
    """Refuses what cannot be iterated over, and text."""
    _require(_is_list, "a list", values)


def arrays(**values):
    """Takes arrays, tensors and lists of numbers, and numbers."""
    _require(_is_array, "an array of numbers", values)


def models(**values):
    import keras

    instances(keras.Model, **values)


def functional_models(**values):
    for name, value in values.items():
        if not hasattr(value, "operations"):
            raise ValueError(
                f"The {name} is a {type(value).__name__}; expected a functional model, one made by "
                "keras.Model(inputs, outputs)."
            )


def keras_tensors(**values):
    import keras

    expected = "the output of keras.Input or of a Keras layer"
    _require(keras.backend.is_keras_tensor, expected, values)


def instances(kind, **values):
    module = kind.__module__.partition(".")[0]
    name = f"keras.{kind.__name__}" if module == "keras" else kind.__name__
    article = "an" if name[0] in "AEIOU" else "a"
    _require(lambda value: isinstance(value, kind), f"{article} {name}", values)


def verbosity(**values):
    """Checks Keras' `verbose`."""
    _require(lambda value: value in ("auto", 0, 1, 2), "'auto', 0, 1 or 2", values)


def fields(instance):
    """Checks the fields of a dataclass by their annotations; lists will do for tuples."""
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(instance):
        hint = hints[field.name]
        values = {field.name: getattr(instance, field.name)}
        _require(lambda value, hint=hint: _fits(value, hint), _text_of(hint), values)


def _require(accepts, expected, values):
    for name, value in values.items():
        if not accepts(value):
            shown = repr(value)
            shown = shown if len(shown) <= 200 else type(value).__name__
            raise ValueError(f"{name} is {shown}; expected {expected}.")


def _is_integer(value):
    return isinstance(value, kinds.Integral) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, kinds.Real) and not isinstance(value, bool)


def _builds_networks(value):
    try:
        return "input_tensor" in inspect.signature(value).parameters
    except (TypeError, ValueError):  # not a function, or one that does not tell its arguments
        return False


def _may_be_activation(value):
    return value is None or isinstance(value, str) or callable(value)


def _is_list(value):
    return not isinstance(value, str | bytes) and hasattr(value, "__iter__")


def _is_data(value):
    return _is_list(value) or (hasattr(value, "__getitem__") and not isinstance(value, str | bytes))


def _is_json(value):
    try:
        return bool(json.dumps(value))
    except TypeError:
        return False


def _is_array(value):
    if hasattr(value, "dtype") and not isinstance(value, np.ndarray):
        return True  # a tensor
    try:
        return np.asarray(value).dtype.kind not in "OUSMm"
    except ValueError:  # rows of several lengths
        return False


def _fits(value, hint):
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if tuple in (hint, typing.get_origin(hint)):
        entry = arguments[0] if arguments else object
        return isinstance(value, list | tuple) and all(_fits(each, entry) for each in value)
    tests = {int: _is_integer, float: _is_number}
    return tests[hint](value) if hint in tests else isinstance(value, hint)


def _text_of(hint):
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(map(_text_of, arguments))
    if tuple in (hint, typing.get_origin(hint)):
        return f"a list, each {_text_of(arguments[0])}" if arguments else "a list"
    return "None" if hint is type(None) else KIND_TEXTS.get(hint, f"a {hint.__name__}")
