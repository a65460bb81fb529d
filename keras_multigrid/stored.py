"""What is kept in files, read with care: a file may be damaged, or of another program."""

import dataclasses
import json
import reprlib
import types
import typing
import zipfile

import keras

KERAS_PARTS = ("metadata.json", "config.json", "model.weights.h5")  # of a `.keras` file


class DamagedFile(ValueError):
    """A file that does not hold what it should.

    Args:
        path: Path of the file.
        what: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, path, what, remedy):
        super().__init__(f"{path} is damaged: {what}; {remedy}.")


class Stored(dict):
    """A dictionary from a file; reading an entry that it lacks is a `DamagedFile`.

    Args:
        values: The entries.
        path: Path of the file.
        remedy: What to do if it is damaged.
    """

    def __init__(self, values, path, remedy):
        super().__init__(values)
        self._path, self._remedy = path, remedy

    def __missing__(self, name):
        raise DamagedFile(self._path, f"it has no {name!r}", self._remedy)


def read_json(path, kinds, remedy):
    """Returns the object in a JSON file, as a `Stored`, and those within it as well.

    Args:
        path: Path of the file.
        kinds: Mapping from names to type hints, such as `{"scores": dict[str, float]}`, of entries
            that need not be there.
        remedy: What to do if it is damaged.

    Raises:
        DamagedFile: If it is not such a file.
        OSError: If it cannot be read.
    """
    return parse_json(path.read_bytes(), kinds, path, remedy)


def parse_json(data, kinds, path, remedy):
    """Returns the object in the bytes of a file; see `read_json`."""
    try:
        value = json.loads(data, object_hook=lambda values: Stored(values, path, remedy))
    except (ValueError, RecursionError) as error:
        what = "it is cut, or not JSON" if data.strip() else "it is empty"
        raise DamagedFile(path, what, remedy) from error
    if not isinstance(value, Stored):
        raise DamagedFile(path, f"it has {reprlib.repr(value)} in place of an object", remedy)
    check(value, kinds, path, remedy)
    return value


def check(values, kinds, path, remedy):
    """Raises a `DamagedFile` if an entry is of another type than its type hint."""
    for name, kind in kinds.items():
        if name in values and not is_of(values[name], kind):
            text = kind.__name__ if isinstance(kind, type) else kind
            what = f"{name} is {reprlib.repr(values[name])}, expected {text}"
            raise DamagedFile(path, what, remedy)


def read_model(path, remedy, name=None):
    """Returns the model in a `.keras` file.

    Args:
        path: Path of the file.
        remedy: What to do if it is damaged.
        name: The model's name, if it is known.

    Raises:
        DamagedFile: If it is damaged, or of another model.
        OSError: If it cannot be read.
    """
    fault = _fault_of_model(path)
    if fault:
        raise DamagedFile(path, fault, remedy)
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # Keras and HDF5 raise nearly anything
        fault = f"Keras cannot make a network of it ({type(error).__name__})"
        raise DamagedFile(path, fault, remedy) from error
    if name not in (None, model.name):
        raise DamagedFile(path, f"its network is {model.name}, expected {name}", remedy)
    return model


def _fault_of_model(path):
    """Returns what is wrong with a `.keras` file, which is a zip archive, or None."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in KERAS_PARTS if part not in archive.namelist()]
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        return "it is cut, or not a file of Keras"
    if missing:
        return f"it is an archive without {missing[0]}, not a file of Keras"
    return broken and f"the checksum of {broken} in it is wrong"


def make(dataclass, values, path, remedy):
    """Returns an instance of a dataclass of what a file holds of its fields.

    Args:
        dataclass: The class.
        values: Mapping from names of fields to values of JSON, with lists for tuples.
        path: Path of the file.
        remedy: What to do if it is damaged.

    Raises:
        DamagedFile: If a field is unknown, missing, or of another type.
        ValueError: If the class refuses the values.
    """
    values = with_tuples(values)
    check_fields(dataclass, values, path, remedy)
    try:
        return dataclass(**values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_fields(dataclass, values, path, remedy):
    """Raises a `DamagedFile` if a field is unknown, missing, or of another type; see `make`."""
    hints, fields = typing.get_type_hints(dataclass), dataclasses.fields(dataclass)
    kinds = {field.name: hints[field.name] for field in fields}
    for name in values:
        if name not in kinds:
            raise DamagedFile(path, f"{name!r} is not a field of it", remedy)
    for field in fields:
        is_required = field.default is field.default_factory is dataclasses.MISSING
        if field.name not in values and is_required:
            raise DamagedFile(path, f"it has no {field.name!r}", remedy)
    check(values, kinds, path, remedy)


def with_tuples(values):
    """Returns the entries of a mapping, with tuples where JSON has lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def is_of(value, kind):
    """Returns whether a value is of a type hint, as `dict[str, float] | None`; floats may be whole.

    Example:

    >>> from keras_multigrid.stored import is_of
    >>> is_of({"loss": 1}, dict[str, float] | None), is_of(True, int)
    (True, False)
    """
    if isinstance(kind, types.UnionType):
        return any(is_of(value, each) for each in typing.get_args(kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(each, arguments[1]) for each in value.values())
    if origin in (list, tuple):
        return isinstance(value, origin) and all(is_of(each, arguments[0]) for each in value)
    if isinstance(value, bool):
        return kind in (bool, object)
    return isinstance(value, int | float if kind is float else kind)
