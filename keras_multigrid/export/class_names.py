"""The names of a network's classes, kept in its .keras file, or beside what is exported."""

import json
import pathlib

from keras_multigrid import checks
from keras_multigrid.export.keras_entries import add_entry, read_entry

CLASS_NAMES = "class_names.json"
KERAS = ".keras"
MODEL = f"model{KERAS}"


def add_class_names(path, class_names):
    """Adds names to a `.keras` file."""
    add_entry(path, CLASS_NAMES, list(class_names))


def write_class_names(folder, class_names):
    """Writes the file of names beside an exported network."""
    (pathlib.Path(folder) / CLASS_NAMES).write_text(json.dumps(list(class_names)) + "\n")


def read_class_names(path):
    """Returns the names of the classes that a network tells apart, in the order of its outputs.

    Args:
        path: Path of a run's `model.keras`, of its folder, or of a version that was exported.

    Returns:
        A list; None if no names are kept there.

    Raises:
        OSError: If there is no such file or folder.
        ValueError: If the file is not a `.keras` file, or the names in it are damaged.

    Example:

    >>> import pathlib, tempfile
    >>> import keras_multigrid as kmg
    >>> network = kmg.applications.MG(depth=6, classes=2, width_multiplier=0.05)
    >>> facts = kmg.export.Facts(class_names=("cat", "mouse"))
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "animals")
    >>> version = kmg.export.export_model(network, folder, "keras", facts=facts)
    >>> kmg.export.read_class_names(version)
    ['cat', 'mouse']
    """
    checks.paths(path=path)
    path = pathlib.Path(path)
    if path.is_dir():
        beside, model = path / CLASS_NAMES, path / MODEL
        if beside.exists():
            return _checked(beside.read_bytes(), beside)
        if not model.exists():
            return None
        path = model
    names = read_entry(path, CLASS_NAMES)
    return None if names is None else _checked(names, path)


def _checked(data, path):
    try:
        names = json.loads(data)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"The names of classes in {path} are damaged; export or train anew.")
    return names
