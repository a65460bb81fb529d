"""Switches of a recipe, trained and evaluated: python -m tests.runs.switches FOLDER NAME..."""

import json
import pathlib
import sys

import keras
import numpy as np

from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.runs import run
from tests.cheaper import drawing_once

SWITCHES = {
    "plain": {},
    "bfloat16": {"precision": "mixed_bfloat16"},
    "float16": {"precision": "mixed_float16"},
    "compiled": {"jit_compile": True},
    "accumulation": {"accumulation": 2},
    "ema": {"ema": 0.5},
}
if keras.backend.backend() == "jax":
    SWITCHES["remat"] = {"remat": True}


def small(**fields):
    return MnistSegmentation(
        **{
            **MnistSegmentation.SCALES["smoke"],
            "model": "SG-11",
            "repeats": 1,
            "validation": False,
            "learning_rate": 0.01,
            **fields,
        }
    )


def train(name, folder):
    """Returns what is to be tested of a run with one switch, as plain data."""
    models = []
    with_compile = MnistSegmentation.compile

    def compile_and_remember(recipe, model):
        with_compile(recipe, model)
        models.append(model)

    MnistSegmentation.compile = compile_and_remember
    try:
        results = run(small(**SWITCHES[name]), folder)
    finally:
        MnistSegmentation.compile = with_compile
    model = models[0]
    log = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    optimizer = model.optimizer
    return {
        "losses": [line["loss"] for line in log],
        "test loss": results["results"]["loss"],
        "optimizer": type(optimizer).__name__,
        "iterations": int(getattr(optimizer, "inner_optimizer", optimizer).iterations),
        "weights": sorted({str(weight.dtype) for weight in model.weights}),
        "policies": sorted({layer.dtype_policy.name for layer in model.layers}),
        "jit_compile": bool(model.jit_compile),
        "finite": all(np.isfinite(weight).all() for weight in model.get_weights()),
    }


def train_all(folder, names):
    with drawing_once():
        return {name: train(name, pathlib.Path(folder, name)) for name in names}


if __name__ == "__main__":
    outcome = train_all(sys.argv[1], sys.argv[2:])
    pathlib.Path(sys.argv[1], "outcome.json").write_text(json.dumps(outcome))
