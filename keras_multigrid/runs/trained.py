"""What a run has trained and measured, read from its folder with care."""

import zipfile

import keras

from keras_multigrid.stored import DamagedFile, check, check_fields, read_json, with_tuples

RESULT_KINDS = {
    "fields": dict,
    "versions": dict,
    "trainable_params": int,
    "macs": int,
    "epochs": int,
    "training_seconds": float,
    "results": dict[str, float | dict[str, float]],  # the quickstart's are of several networks
    "scores": dict[str, float],
}
PARTS = ("metadata.json", "config.json", "model.weights.h5")  # of Keras' file


def read_results(path, recipe_class=None):
    """Returns what the `metrics.json` of a run holds.

    Args:
        path: Path of the file.
        recipe_class: A recipe class whose fields are checked, where the run is of it.

    Raises:
        DamagedFile: If it is damaged.
    """
    remedy = f"remove it, and {_again(path)} writes it anew"
    results = read_json(path, RESULT_KINDS, remedy)
    # The quickstart's are its settings.
    check(results, {"recipe": str if "fields" in results else dict}, path, remedy)
    if recipe_class is not None and results["recipe"] == recipe_class.NAME:
        check_fields(recipe_class, with_tuples(results["fields"]), path, remedy)
    return results


def read_model(path, name=None):
    """Returns the network in a run's folder.

    Args:
        path: Path of the `.keras` file.
        name: The network's name, if it is known.

    Raises:
        DamagedFile: If it is damaged, or of another network.
        OSError: If it cannot be read.
    """
    remedy = (
        f"remove it, and metrics.json beside it, and {_again(path)} makes it anew from the last "
        "checkpoint"
    )
    what = _damage(path)
    if what:
        raise DamagedFile(path, what, remedy)
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # Keras and HDF5 raise nearly anything
        reason = f"Keras cannot make a network of it ({type(error).__name__})"
        raise DamagedFile(path, reason, remedy) from error
    if name not in (None, model.name):
        raise DamagedFile(path, f"its network is {model.name}, expected {name}", remedy)
    return model


def _damage(path):
    """Returns what is wrong with a `.keras` file, which is a zip archive, or None."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [part for part in PARTS if part not in archive.namelist()]
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        return "it is cut, or not a file of Keras"
    if missing:
        return f"it is an archive without {missing[0]}, not a file of Keras"
    return broken and f"the checksum of {broken} in it is wrong"


def _again(path):
    """Returns the command that finishes a run."""
    folder = path.parent
    return f"`keras-multigrid train {folder}/recipe.json --output {folder}`"
