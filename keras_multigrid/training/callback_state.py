"""The state of any Keras callback: attributes that are plain data, and open files."""

import copy
import io
import os
import pathlib

import keras
import numpy as np

SCALARS = (bool, int, float, str, type(None))
NOT_STATE = ("params", "_model")  # Keras sets them anew in each run


class Contents(bytes):
    """What is in a file that a callback holds open for writing."""


def get_state(callback):
    """Returns a copy of the attributes that are plain data, and the `Contents` of open files."""
    state = {}
    for name, value in vars(callback).items():
        if _is_open_file(value):
            value.flush()
            state[name] = Contents(pathlib.Path(value.name).read_bytes())
        elif name not in NOT_STATE and _is_plain(value):
            state[name] = copy.deepcopy(value)
    return state


def changed(state, initial):
    """Returns what differs from an initial state, so that settings such as paths stay as given."""
    return {
        name: value
        for name, value in state.items()
        if name not in initial or not _is_equal(value, initial[name])
    }


def set_state(callback, state, initial):
    """Sets a callback to the initial state and what was `changed` from there on."""
    plain = get_state(callback)  # what has become an object, such as a writer, stays
    reset = {name: copy.deepcopy(value) for name, value in initial.items() if name in plain}
    values = {**reset, **state}
    files = {name for name, value in {**plain, **values}.items() if isinstance(value, Contents)}
    vars(callback).update({name: values[name] for name in values if name not in files})
    for name in files:
        if isinstance(plain.get(name), Contents) and isinstance(values.get(name), Contents):
            _write(vars(callback)[name], values[name])
            if isinstance(callback, keras.callbacks.CSVLogger):
                callback.append_header = not values[name]  # else it is there


def pack(value, arrays, name):
    """Returns a value as JSON holds it; arrays go, by name, into the mapping `arrays`."""
    if isinstance(value, np.ndarray | np.generic):
        arrays[name] = np.asarray(value)
        return {"array": name, "scalar": isinstance(value, np.generic)}
    if isinstance(value, Contents):
        arrays[name] = np.frombuffer(value, "uint8")
        return {"file": name}
    if isinstance(value, dict):
        packed = [[key, pack(entry, arrays, f"{name}/{key}")] for key, entry in value.items()]
        return {"dict": packed}
    if isinstance(value, list | tuple):
        packed = [pack(entry, arrays, f"{name}/{index}") for index, entry in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": packed}
    return {"op": value.__name__} if callable(value) else value


def unpack(value, arrays):
    """Returns what `pack` packed."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        array = arrays[value["array"]]
        return array[()] if value["scalar"] else array.copy()
    if "file" in value:
        return Contents(arrays[value["file"]].tobytes())
    if "op" in value:
        return getattr(keras.ops, value["op"])
    if "dict" in value:
        return {key: unpack(entry, arrays) for key, entry in value["dict"]}
    kind = tuple if "tuple" in value else list
    return kind(unpack(entry, arrays) for entry in value[kind.__name__])


def _is_open_file(value):
    """Returns whether a value is a file on the disk that is open for writing."""
    raw = getattr(value, "buffer", value)  # of a file of text
    if not isinstance(raw, io.BufferedWriter | io.BufferedRandom | io.FileIO) or raw.closed:
        return False
    if isinstance(raw.name, int) or not raw.writable() or not pathlib.Path(raw.name).is_file():
        return False
    return os.path.samestat(os.stat(raw.name), os.fstat(raw.fileno()))


def _write(file, contents):
    """Replaces what is in an open file, and goes on behind it."""
    pathlib.Path(file.name).write_bytes(contents)
    file.seek(0, os.SEEK_END)


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, SCALARS) and _is_plain(entry) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype != object
    return isinstance(value, SCALARS) or _is_op(value)


def _is_op(value):
    """Returns whether a value is such as `keras.ops.less`, by which callbacks tell what is best."""
    return callable(value) and getattr(keras.ops, getattr(value, "__name__", ""), None) is value


def _is_equal(value, other):
    if type(value) is not type(other) or isinstance(value, np.ndarray | Contents):
        return False  # comparing arrays would cost more than saving them; files are rewritten
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_is_equal(value[k], other[k]) for k in value)
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(_is_equal, value, other))
    return value == other
