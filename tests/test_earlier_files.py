"""Files that an earlier version of this package wrote: they load, compute the same, and continue.

`earlier/` was written by version 0.1.0 before the paper's n was called `repeats`: a run of
`train mnist_segmentation --scale smoke` (source digits, PMG-11, width 0.03, two grids, n = 1), two
networks, and what they computed.
"""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import keras_multigrid  # noqa: F401 - registers the layers
from keras_multigrid.cli import main

EARLIER = pathlib.Path(__file__).parent / "earlier"


@pytest.fixture(scope="module")
def outputs():
    return dict(np.load(EARLIER / "outputs.npz"))


def logits(model):
    return keras.Model(model.input, model.get_layer("logits").output)


@pytest.mark.parametrize(
    ("file", "output"),
    [
        ("MG-sm-6.keras", logits),
        ("M1-MNIST.keras", lambda model: model),
        ("segmentation/model.keras", lambda model: lambda images: np.mean(model(images), (1, 2))),
    ],
)
def test_models_load_and_compute_the_same(outputs, file, output):
    name = file.removesuffix(".keras").removesuffix("/model")
    model = keras.models.load_model(EARLIER / file)
    computed = output(model)(outputs[f"{name} images"].astype("float32"))
    np.testing.assert_allclose(computed, outputs[name], rtol=1e-4, atol=1e-5)


def test_an_interrupted_run_continues_to_the_same_end(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(EARLIER / "segmentation", folder)
    for later in ("checkpoints/checkpoint-000000004.npz", "metrics.json", "model.keras"):
        (folder / later).unlink()
    (folder / "metrics.jsonl").unlink()
    assert main(["train", str(folder / "recipe.json"), "--output", str(folder)]) == 0
    ended = keras.models.load_model(folder / "model.keras")
    before_folder = EARLIER / "segmentation"
    before = keras.models.load_model(before_folder / "model.keras")
    for new, old in zip(ended.weights, before.weights, strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-3, atol=1e-4, err_msg=old.path)
    results = [json.loads((run / "metrics.json").read_text()) for run in (folder, before_folder)]
    assert results[0]["scores"] == pytest.approx(results[1]["scores"], abs=0.1)
