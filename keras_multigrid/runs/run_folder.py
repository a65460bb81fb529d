"""The folder of a run: what was asked for, whether it is finished, and who works in it."""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import platform

import filelock
import keras

import keras_multigrid
from keras_multigrid.recipes import RECIPES
from keras_multigrid.recipes.overrides import as_setting
from keras_multigrid.recipes.renamed import earlier_name, with_present_names
from keras_multigrid.runs.trained import MODEL, read_network
from keras_multigrid.stored import DamagedFile, check_fields, make, read_json, with_tuples
from keras_multigrid.whole_files import unfinished_path, write_json

RECIPE, RESULTS, LOCK = "recipe.json", "metrics.json", ".lock"
CHECKPOINTS, LOG = "checkpoints", "metrics.jsonl"
MAY_CHANGE = ("data_dir", "checkpoint_seconds", "on_error")  # between the parts of a run
RECIPE_KINDS = {"recipe": str, "fields": dict, "versions": dict}
RECIPE_REMEDY = "restore it from a copy, or train in another folder"


def default_folder(recipe):
    """Returns the path of a recipe's runs: the same settings, the same folder."""
    settings = dataclasses.asdict(recipe)
    names = sorted(settings.keys() - {*MAY_CHANGE}, key=earlier_name)  # as folders were named then
    text = json.dumps([settings[name] for name in names])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return pathlib.Path("runs", f"{recipe.folder_name()}-{digest}")


@contextlib.contextmanager
def locked(folder):
    """Makes the folder and keeps other processes out of it, until the block or the process ends.

    Raises:
        OSError: If another process works in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(f"{folder} cannot be a folder, for a file is there; name another.") from error
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0.2)  # `is_locked` of another process holds it for a moment
    except filelock.Timeout as error:
        raise OSError(
            f"Another process trains in {folder}; wait for it, or name another folder with "
            "--output."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder):
    """Returns whether a process works in a folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            return False
    except filelock.Timeout:
        return True


def claim(folder, recipe):
    """Writes a recipe into a folder, or checks that what was trained there is of the same recipe.

    Raises:
        ValueError: If the folder is of another recipe, or has other things in it.
    """
    path = folder / RECIPE
    if not path.exists():
        check_empty(folder, path, "run")
    if (folder / CHECKPOINTS).exists() or (folder / MODEL).exists():
        check_settings(folder, recipe)
        if not (folder / RESULTS).exists():
            _write_changes(path, recipe)
    else:  # nothing is lost of a command that was given wrongly
        write_recipe(path, recipe)


def check_empty(folder, path, kind):
    """Raises a `ValueError` if a folder has anything before its first file is written."""
    own = (LOCK, unfinished_path(path).name)  # the latter of a process that was killed
    others = [entry.name for entry in folder.iterdir() if entry.name not in own]
    if others:
        raise ValueError(
            f"{folder} is not empty (it has {others[0]}) and not of a {kind}; name another folder "
            "with --output."
        )


def versions():
    """Returns the versions of Python and of the packages that a result depends on."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras_multigrid": keras_multigrid.__version__,
        "backend": backend,
        **{name: importlib.metadata.version(name) for name in ("keras", "numpy", backend)},
    }


def write_recipe(path, recipe):
    """Writes a recipe file."""
    fields = dataclasses.asdict(recipe)
    write_json(path, {"recipe": recipe.NAME, "fields": fields, "versions": versions()})


def _write_changes(path, recipe):
    """Writes into a recipe file what may have changed, for all that reads the run later."""
    written, fields = json.loads(path.read_text()), dataclasses.asdict(recipe)
    written["fields"] |= {name: fields[name] for name in MAY_CHANGE if name in fields}
    write_json(path, written)


def check_settings(folder, recipe):
    """Checks that a folder is of a recipe; says if the versions are others.

    Raises:
        ValueError: If it is of another.
    """
    path = folder / RECIPE
    written = read_json(path, RECIPE_KINDS, RECIPE_REMEDY)
    fields = with_present_names(written["fields"])
    before = {"recipe": written["recipe"], **fields}
    now = {"recipe": recipe.NAME, **_as_json(dataclasses.asdict(recipe))}
    if before["recipe"] == now["recipe"]:
        check_fields(type(recipe), with_tuples(fields), path, RECIPE_REMEDY)
        defaults = {field.name: field.default for field in dataclasses.fields(recipe)}
        before = {**_as_json(defaults), **before}  # an earlier version had fewer fields
    changes = differences(before, now, MAY_CHANGE)
    if changes:
        raise ValueError(
            f"{folder} is of other settings ({'; '.join(changes)}); give those again to continue, "
            f"or name another folder with --output.{_with_changes(folder, recipe, before, now)}"
        )
    changes = [
        f"{name} was {before} and is {versions().get(name)}"
        for name, before in written["versions"].items()
        if before != versions().get(name)
    ]
    if changes:
        print(f"Careful: the versions changed ({'; '.join(changes)}).")


def _as_json(values):
    return json.loads(json.dumps(values))  # lists for tuples


def how_to_go_on(recipe, folder, settings):
    """Returns the sentence that tells how to train on from a run, in a new folder.

    Args:
        recipe: The new `Recipe`.
        folder: The run's folder.
        settings: List of `"key=value"` texts, what is to be different.
    """
    settings = " ".join(f"--set {setting}" for setting in (f"weights={folder}", *settings))
    return (
        "To go on from its last good checkpoint: keras-multigrid train "
        f"{recipe.NAME} ... {settings} --output ANOTHER."
    )


def _with_changes(folder, recipe, before, now):
    if before["recipe"] != now["recipe"] or before["model"] != now["model"]:
        return ""  # the weights are another network's
    changed = {name for name in now if now[name] != before[name]} - {*MAY_CHANGE, "weights"}
    settings = [f"{name}={as_setting(getattr(recipe, name))}" for name in sorted(changed)]
    return f" {how_to_go_on(recipe, folder, settings)}"


def differences(before, now, may_change):
    """Returns a text for each setting that has changed and may not; names may be `group.name`."""
    return [
        f"{name} was {before.get(name)}, is {now.get(name)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name) and name.rpartition(".")[2] not in may_change
    ]


def begun_recipe(folder, recipe):
    """Returns the recipe of what was trained in a folder already, or None.

    Args:
        folder: Path of the folder.
        recipe: The recipe that is to be trained in it.
    """
    path = folder / RECIPE
    if path.exists() and ((folder / CHECKPOINTS).exists() or (folder / MODEL).exists()):
        return read_recipe_file(path, {**RECIPES, recipe.NAME: type(recipe)})
    return None


def read_recipe(folder, data_dir=None, recipes=RECIPES):
    """Returns the recipe of a run's folder.

    Args:
        folder: The folder.
        data_dir: Where the data are now, if elsewhere.
        recipes: Mapping from names to recipe classes.

    Raises:
        ValueError: If it is not the folder of a run.
    """
    path = pathlib.Path(folder, RECIPE)
    if not path.exists():
        raise ValueError(f"{folder} is not the folder of a run: it has no {RECIPE}.")
    recipe = read_recipe_file(path, recipes)
    return dataclasses.replace(recipe, data_dir=data_dir) if data_dir else recipe


def load_run(folder, data_dir=None):
    """Returns the recipe and the trained network of a finished run.

    Args:
        folder: The folder.
        data_dir: Where the data are now, if elsewhere.

    Raises:
        ValueError: If it is not the folder of a run, the run is not finished, or a file is damaged.
    """
    recipe = read_recipe(folder, data_dir)
    if not pathlib.Path(folder, MODEL).exists():
        raise ValueError(f"{folder} is not finished; `keras-multigrid train` continues it.")
    return recipe, read_network(folder, recipe.network_name())


def read_recipe_file(path, recipes=RECIPES):
    """Returns the recipe of a file, as a run's folder or a search has it.

    Args:
        path: Path of the file.
        recipes: Mapping from names to recipe classes.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is not a recipe file.
    """
    written = read_json(path, RECIPE_KINDS, RECIPE_REMEDY)
    name = written["recipe"]
    if name not in recipes:
        raise DamagedFile(path, f"it is of an unknown recipe {name!r}", RECIPE_REMEDY)
    return make(recipes[name], with_present_names(written["fields"]), path, RECIPE_REMEDY)
