"""What a run has trained and measured, read from its folder with care."""

import pathlib

from keras_multigrid.recipes.renamed import with_present_names
from keras_multigrid.stored import Stored, check, check_fields, read_json, read_model, with_tuples

MODEL = "model.keras"
RESULT_KINDS = {
    "recipe": str,
    "fields": dict,
    "versions": dict,
    "trainable_params": int,
    "macs": int,
    "epochs": int,
    "training_seconds": float,
    "results": dict[str, float],
    "scores": dict[str, float],
}


def read_results(path, recipe_class=None):
    """Returns what the `metrics.json` of a run holds.

    Args:
        path: Path of the file.
        recipe_class: A recipe class; if the run used it, the fields are checked against it.

    Raises:
        DamagedFile: If it is damaged.
    """
    remedy = f"remove it, and {_again(path.parent)} writes it anew"
    results = read_json(path, {}, remedy)
    if isinstance(results.get("recipe"), dict):
        results = _of_earlier_quickstart(results, path, remedy)
    check(results, RESULT_KINDS, path, remedy)
    if "fields" in results:
        results["fields"] = Stored(with_present_names(results["fields"]), path, remedy)
    if recipe_class is not None and results["recipe"] == recipe_class.NAME:
        check_fields(recipe_class, with_tuples(results["fields"]), path, remedy)
    return results


def read_network(folder, name):
    """Returns the trained network in a run's folder.

    Args:
        folder: The folder.
        name: The network's name.

    Raises:
        DamagedFile: If its file is damaged, or of another network.
        OSError: If it cannot be read.
    """
    remedy = (
        f"remove it, and metrics.json beside it, and {_again(folder)} makes it anew from the last "
        "checkpoint"
    )
    return read_model(pathlib.Path(folder, MODEL), remedy, name)


def _again(folder):
    """Returns the command that finishes a run."""
    return f"`keras-multigrid train {folder}/recipe.json --output {folder}`"


def _of_earlier_quickstart(written, path, remedy):
    """Returns what an earlier version wrote of two networks in one file, of the first alone."""
    check(written, {"results": dict[str, dict[str, float]]}, path, remedy)
    check(written["recipe"], {"model": str}, path, remedy)
    results = written["results"][written["recipe"]["model"]]
    counts = ("trainable_params", "macs", "training_seconds")
    return Stored(
        {
            "recipe": "quickstart",
            "fields": written["recipe"],
            "versions": written["versions"],
            "epochs": written["recipe"]["epochs"],
            **{name: results[name] for name in counts},
            "results": {name: results[name] for name in results if name not in counts},
        },
        path,
        remedy,
    )
