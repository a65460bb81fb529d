"""The folder of a run: what was asked for, whether it is finished, and who works in it."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib

import keras

from keras_multigrid.recipes.report import versions

RECIPE, RESULTS, MODEL = "recipe.json", "metrics.json", "model.keras"
CHECKPOINTS = "checkpoints"
MAY_CHANGE = ("data_dir", "checkpoint_seconds", "on_error")  # between the parts of a run


def default_folder(recipe):
    """Returns the path of a recipe's runs: the same settings, the same folder."""
    settings = dataclasses.asdict(recipe)
    text = json.dumps([settings[name] for name in sorted(set(settings) - set(MAY_CHANGE))])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return pathlib.Path("runs", f"{recipe.NAME}-{recipe.model}-{digest}")


@contextlib.contextmanager
def locked(folder):
    """Makes the folder and keeps other processes out of it; a killed one lets go.

    Raises:
        OSError: If another process works in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(f"{folder} cannot be a folder, for a file is there; name another.") from error
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(
                f"Another process trains in {folder}; wait for it, or name another folder with "
                "--output."
            ) from error
        yield


def is_locked(folder):
    """Returns whether a process works in a folder."""
    path = folder / ".lock"
    if not path.exists():
        return False
    with open(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
    own = (".lock", _unfinished(path).name)  # the latter of a process that was killed
    others = [entry.name for entry in folder.iterdir() if entry.name not in own]
    if others:
        raise ValueError(
            f"{folder} is not empty (it has {others[0]}) and of no {kind}; name another folder "
            "with --output."
        )


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
    written = json.loads((folder / RECIPE).read_text())
    before = {"recipe": written["recipe"], **written["fields"]}
    now = {"recipe": recipe.NAME, **json.loads(json.dumps(dataclasses.asdict(recipe)))}
    changes = differences(before, now, MAY_CHANGE)
    if changes:
        raise ValueError(
            f"{folder} is of other settings ({'; '.join(changes)}); give those again to continue, "
            "or name another folder with --output."
        )
    changes = [
        f"{name} was {before} and is {versions().get(name)}"
        for name, before in written["versions"].items()
        if before != versions().get(name)
    ]
    if changes:
        print(f"Careful: the versions changed ({'; '.join(changes)}).")


def differences(before, now, may_change):
    """Returns a text for each setting that has changed and may not; names may be `group.name`."""
    return [
        f"{name} was {before.get(name)}, is {now.get(name)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name) and name.rpartition(".")[2] not in may_change
    ]


def read_recipe(folder, recipes, data_dir=None):
    """Returns the recipe of a run's folder.

    Args:
        folder: The folder.
        recipes: Mapping from names to recipe classes.
        data_dir: Where the data are now, if elsewhere.

    Raises:
        ValueError: If it is no run's folder.
    """
    path = pathlib.Path(folder, RECIPE)
    if not path.exists():
        raise ValueError(f"{folder} is no folder of a run: it has no {RECIPE}.")
    recipe = read_recipe_file(path, recipes)
    return dataclasses.replace(recipe, data_dir=data_dir) if data_dir else recipe


def load_run(folder, data_dir=None):
    """Returns the recipe and the trained network of a finished run.

    Args:
        folder: The folder.
        data_dir: Where the data are now, if elsewhere.

    Raises:
        ValueError: If it is no run's folder, or the run is not finished.
    """
    from keras_multigrid.recipes import RECIPES

    recipe = read_recipe(folder, RECIPES, data_dir)
    if not pathlib.Path(folder, MODEL).exists():
        raise ValueError(f"{folder} is not finished; `keras-multigrid train` continues it.")
    return recipe, keras.models.load_model(pathlib.Path(folder, MODEL))


def read_recipe_file(path, recipes):
    """Returns the recipe of a file, as a run's folder or a search has it.

    Args:
        path: Path of the file.
        recipes: Mapping from names to recipe classes.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no recipe file.
    """
    try:
        written = read_json(path)
        return recipes[written["recipe"]](**with_tuples(written["fields"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no recipe file ({type(error).__name__}: {error}); expected one such as "
            f"{RECIPE} of a run, or best.json of a search."
        ) from error


def with_tuples(fields):
    """Returns what JSON has kept of fields, with tuples where it has lists."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }


def read_json(path):
    """Returns what a file of `write_json` holds, or raises a `ValueError` that names it."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}).") from error


def write_json(path, value):
    """Writes a file that is whole or not there."""
    unfinished = _unfinished(path)
    with open(unfinished, "w") as file:
        file.write(json.dumps(value, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _unfinished(path):
    return path.with_suffix(".unfinished")
