"""Files of weights: Keras' own two kinds and ours, all as arrays by the names of layers."""

import zipfile

import h5py
import keras
import ml_dtypes
import numpy as np

SUFFIXES = (".weights.h5", ".keras", ".npz")
OWN_SUFFIX = ".npz"  # what `write_weights` writes
KERAS_ENTRY = "model.weights.h5"  # of a .keras archive
VARIABLES = "vars"  # Keras' group of a layer's own variables


def variables_by_name(model):
    """Returns the weights of a model by name: its layers' names, from outside in, and a number.

    The model's own name is left out, also of layers' names that all begin with it, and so are
    random seeds and the state of metrics.

    Args:
        model: A built `keras.Model`.

    Returns:
        A dictionary, such as `{"input_0_conv/0": the kernel, "input_0_conv/1": the bias, ...}`.
    """
    return _without_owners(dict(_walk(model, ())), model.name)


def _walk(layer, names):
    is_model = isinstance(layer, keras.Model)
    parts = layer.layers if is_model else getattr(layer, "grid_layers", [])  # of a pyramid's layer
    of_parts = {id(variable) for part in parts for variable in part.weights}
    own = [variable for variable in layer.weights if id(variable) not in of_parts]
    for number, variable in enumerate(own):
        yield "/".join([*names, str(number)]), variable
    for part in parts:
        yield from _walk(part, (*names, part.name))


def _without_owners(named, root):
    """Leaves out the name of a model, root or nested, where its layers' names all begin with it."""
    modules = {}
    for name, value in _without(named, root).items():
        first, _, rest = name.partition("/")
        modules.setdefault(first, {})[rest] = value
    return {
        f"{module}/{rest}" if rest else module: value
        for module, of_module in modules.items()
        for rest, value in _without(of_module, module).items()
    }


def _without(named, owner):
    start = f"{owner}_"
    of_layers = [name for name in named if "/" in name]  # others are the owner's own
    if not of_layers or not all(name.startswith(start) for name in of_layers):
        return named
    return {name.removeprefix(start): value for name, value in named.items()}


def read_weights(path):
    """Returns the arrays of a file by name, as `variables_by_name` names variables.

    Args:
        path: Path of a `.weights.h5`, `.keras` or `.npz` file.

    Raises:
        ValueError: If it is another kind of file, or damaged.
    """
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path} is not a file of weights; expected {', '.join(SUFFIXES)}.")
    read = {".npz": _read_npz, ".keras": _read_keras, ".h5": _read_h5}[path.suffix]
    try:
        arrays = read(path)
    except (zipfile.BadZipFile, OSError, EOFError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} is damaged, perhaps truncated ({reason}); copy or download it again."
        ) from error
    if not arrays:
        raise ValueError(f"{path} has no weights of named layers; save them with this Keras.")
    return arrays


def write_weights(path, arrays):
    """Writes arrays by name into an `.npz` file.

    Args:
        path: Path of the file.
        arrays: Dictionary from names to arrays.
    """
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _read_npz(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _read_keras(path):
    with zipfile.ZipFile(path) as archive, archive.open(KERAS_ENTRY) as file:
        return _read_h5(file)


def _read_h5(file):
    with h5py.File(file, "r") as root:
        name = root[VARIABLES].attrs["name"]
        return _without_owners(dict(_arrays_below(root, None)), name)


def _arrays_below(group, names):
    """Yields (name, array); `names` are those of the layers around, None outside of the model."""
    own = group.get(VARIABLES)
    if own is not None and "name" in own.attrs:
        names = () if names is None else (*names, own.attrs["name"])
        for number in sorted(own, key=int):
            array = np.array(own[number])
            if own[number].attrs.get("dtype") == "bfloat16":  # HDF5 keeps two bytes of no type
                array = array.view(ml_dtypes.bfloat16).astype("float32")
            if array.dtype.kind == "f":  # else the state of a random seed
                yield "/".join([*names, number]), array
    for key, part in group.items():
        if key == VARIABLES or not isinstance(part, h5py.Group):
            continue
        if key == "optimizer" and names == ():
            continue
        yield from _arrays_below(part, names)
