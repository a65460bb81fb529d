"""Makes a file of weights and its card from a run's folder, finished or not.

python tools/make_weights.py runs/pmg11 --data-dir ~/tensorflow_datasets

The weights are those of the end, or of the last good checkpoint, as float16 where every score
stays within 0.1 point, else as float32; the card tells the scores of the very weights in the file.
What is not finished is marked so, and `weights=` does not take its name; finished ones replace it.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np

from keras_multigrid.applications.fitting import load_arrays
from keras_multigrid.applications.pretrained import FOLDER, WeightsCard, read_card, sha256
from keras_multigrid.applications.weight_files import write_weights
from keras_multigrid.progress import verbosity
from keras_multigrid.recipes.overrides import as_command
from keras_multigrid.runs.run_folder import (
    LOG,
    MAY_CHANGE,
    RECIPE,
    RECIPE_KINDS,
    RECIPE_REMEDY,
    versions,
)
from keras_multigrid.runs.trained_weights import trained_weights
from keras_multigrid.stored import read_json
from keras_multigrid.whole_files import whole, write_json

ROOT = pathlib.Path(__file__).parents[1]
MOST_LOST = 0.1  # points of a score
NOT_GOOD_FOR = {
    "mnist_segmentation": "photographs, letters, or digits much larger or smaller than the 28 "
    "pixels of MNIST, white on black; it has seen nothing else.",
    "mnist_spatial_transformer": "anything but a single white digit on black, distorted no more "
    "than in the data; it draws digits into other images, too.",
    "located_mnist": "images without exactly one white digit of about 28 pixels in 56, or with "
    "another background than in the data.",
}


def main(arguments=None):
    """Makes the file; returns the exit status: 0, 1 for a failure, 2 for misuse."""
    options = _parser().parse_args(arguments)
    try:
        return _make(options)
    except ValueError as error:
        return _complain(error, status=2)
    except (ImportError, OSError) as error:
        return _complain(error, status=1)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="the run's folder")
    parser.add_argument("--name", help="what weights= will call them (default: the recipe's name)")
    parser.add_argument("--data-dir", help="where the data are now, if elsewhere")
    parser.add_argument(
        "--commit", help="of the package that trained them (default: that of this checkout)"
    )
    parser.add_argument(
        "--licence", help="of the weights (default, for digits: that of the package)"
    )
    parser.add_argument("--not-good-for", help="what they should not be used for")
    parser.add_argument(
        "--output", type=pathlib.Path, default=FOLDER, help="folder (default: the package's)"
    )
    return parser


def _complain(error, status):
    print(f"make_weights: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _make(options):
    trained = trained_weights(options.run, options.data_dir)
    recipe, name = trained.recipe, options.name or trained.recipe.NAME
    path = options.output / f"{recipe.model}-{name}.npz"
    _check_unspoilt(path, trained)
    commit = options.commit or _commit()
    arrays, dtype, results = _smallest(trained)
    options.output.mkdir(parents=True, exist_ok=True)
    with whole(path) as unfinished:
        write_weights(unfinished, arrays)
        card = WeightsCard(
            name=name,
            network=recipe.model,
            arguments=recipe.network_arguments(),
            file=path.name,
            sha256=sha256(unfinished),
            dtype=dtype,
            finished=trained.finished,
            step=trained.step,
            steps=recipe.epochs * recipe.steps_per_epoch,
            data=_data(recipe),
            command=as_command(recipe, MAY_CHANGE),
            commit=commit,
            seed=recipe.seed,
            versions={
                **read_json(options.run / RECIPE, RECIPE_KINDS, RECIPE_REMEDY)["versions"],
                "tested with": versions()["keras"],
            },
            split=recipe.TEST_SPLIT,
            test_images=sum(len(images) for images, _ in recipe.load_evaluation(recipe.TEST_SPLIT)),
            scores=recipe.scores(results),
            results=results,
            curve=_curve(options.run / LOG, recipe.OBJECTIVE),
            licence=options.licence or _licence(recipe),
            not_good_for=options.not_good_for
            or NOT_GOOD_FOR.get(recipe.NAME, "anything but data like those it was trained on."),
        )
    write_json(path.with_suffix(".json"), dataclasses.asdict(card))
    scores = ", ".join(f"{score} {value:.2f} %" for score, value in card.scores.items())
    state = "finished" if card.finished else f"NOT finished, step {card.step} of {card.steps}"
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB of {dtype}, {state}; {scores}")
    total = sum(file.stat().st_size for file in options.output.glob("*.npz"))
    print(f"{options.output} has {total / 1e6:.2f} MB of weights; commit {card.commit[:12]}")
    return 0


def _check_unspoilt(path, trained):
    card = path.with_suffix(".json")
    if card.exists() and read_card(card).finished and not trained.finished:
        raise ValueError(f"{path} is of a finished training, and this one is not; remove it first.")


def _commit():
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError("This is not a checkout; name the commit with --commit.")
    return done.stdout.strip()


def _smallest(trained):
    """Returns arrays, their type, and what they reach: float16, unless that costs too much."""
    exact = {name: np.asarray(array, "float32") for name, array in trained.arrays.items()}
    recipe = trained.recipe

    def results(arrays):
        keras.utils.set_random_seed(recipe.seed)  # networks that draw, draw the same each time
        model = recipe.build_network()
        load_arrays(model, arrays, "The weights")
        return recipe.evaluate(model, recipe.TEST_SPLIT, verbosity())

    of_exact, short = results(exact), {name: _halved(array) for name, array in exact.items()}
    of_short = results(short)
    scores = recipe.scores(of_exact), recipe.scores(of_short)
    lost = max(abs(scores[0][name] - scores[1][name]) for name in scores[0])
    print(f"float16 changes the scores by up to {lost:.3f} points")
    return (short, "float16", of_short) if lost <= MOST_LOST else (exact, "float32", of_exact)


def _halved(array):
    """Returns an array as float16, if no value is too large for that."""
    with np.errstate(over="ignore"):
        short = array.astype("float16")
    return short if np.isfinite(short).all() else array


def _data(recipe):
    fields = dataclasses.asdict(recipe)
    variant = f"/{fields['variant']}" if "variant" in fields else ""
    digits = f" of the digits of {recipe.source!r}" if recipe.NAME in NOT_GOOD_FOR else ""
    drawn = ", drawn anew in each pass" if fields.get("fresh") else ""
    return f"{recipe.NAME}{variant}{digits}{drawn}"


def _licence(recipe):
    if recipe.NAME not in NOT_GOOD_FOR:
        return "not stated"
    of_data = "MNIST, which they were trained on, is CC BY-SA 3.0"
    return "Apache-2.0, as keras_multigrid" + (f"; {of_data}" if recipe.source == "mnist" else "")


def _curve(log, objective):
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    names = ("epoch", "loss", f"val_{objective}", objective)
    return [{name: line[name] for name in names if name in line} for line in lines]


if __name__ == "__main__":
    sys.exit(main())
