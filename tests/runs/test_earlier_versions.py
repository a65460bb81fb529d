"""Files of runs that an earlier version has written are read as they were meant."""

import dataclasses
import json

import pytest

from keras_multigrid.recipes import MnistSegmentation, Quickstart
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs.run_folder import claim, default_folder, read_recipe
from keras_multigrid.runs.trained import read_results
from keras_multigrid.stored import DamagedFile

# `keras-multigrid train mnist_segmentation --scale smoke --set model=PMG-11 --set depth=2
# --set channel_ratios=1,0.5`, when `repeats` was called `depth`.
RECIPE = """
{"recipe": "mnist_segmentation", "fields": {"model": "PMG-11", "width_multiplier": 0.0625,
"channel_ratios": [1.0, 0.5], "depth": 2, "source": "digits", "data_dir": null, "weights": null,
"freeze": null, "loaded_rate": null, "seed": 0, "deterministic": false, "epochs": 2,
"steps_per_epoch": 2, "batch_size": 4, "precision": "float32", "optimizer": "sgd", "schedule": null,
"learning_rate": 0.1, "warmup": 0.05, "drops": [0.3, 0.6, 0.8], "drop_factor": 0.2, "momentum": 0.9,
"beta_2": 0.99, "epsilon": 1e-07, "weight_decay": 0.0005, "decoupled": false, "clip_norm": null,
"accumulation": 1, "ema": null, "jit_compile": null, "threads": null, "remat": false, "devices": 1,
"validation": true, "evaluation_batches": 1, "checkpoint_seconds": 60.0, "fresh": true,
"start_empty": false}, "versions": {"python": "3.11.7", "keras_multigrid": "0.1.0",
"backend": "tensorflow", "keras": "3.15.1", "numpy": "2.4.6", "tensorflow": "2.21.0"}}
"""
SETTINGS = ["model=PMG-11", "repeats=2", "channel_ratios=1,0.5"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "recipe.json").write_text(RECIPE)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


def test_depth_is_read_as_repeats(folder):
    recipe = read_recipe(folder)
    assert recipe == resolve(MnistSegmentation, "smoke", SETTINGS)
    assert recipe.network_arguments()["repeats"] == 2


def test_a_run_continues_with_the_same_repeats_alone(folder):
    recipe = read_recipe(folder)
    claim(folder, dataclasses.replace(recipe, data_dir="there"))
    with pytest.raises(ValueError, match=r"other settings \(repeats was 2, is 3\)"):
        claim(folder, dataclasses.replace(recipe, repeats=3))


def test_runs_are_looked_for_where_they_were(folder):
    found = [str(default_folder(each)) for each in (read_recipe(folder), Quickstart())]
    assert found == ["runs/mnist_segmentation-PMG-11-ed9e78f4", "runs/quickstart-PMG-11-d812b89e"]


def test_the_setting_depth_is_refused_by_its_new_name():
    with pytest.raises(ValueError, match="'depth' is called 'repeats' now; give --set repeats=2"):
        resolve(MnistSegmentation, "smoke", ["depth=2"])


def test_results_of_a_quickstart_are_those_of_its_first_network(tmp_path):
    fields = dataclasses.asdict(Quickstart())
    fields["depth"] = fields.pop("repeats")
    of_network = {"loss": 0.1, "iou": 0.74, "pixel_error": 0.14}
    counts = {"trainable_params": 160_119, "macs": 10_722_816, "training_seconds": 46.0}
    written = {
        "recipe": fields,
        "versions": {"keras": "3.15.1"},
        "test_images": 1000,
        "results": {"the mean digit": {"iou": 0.59}, "PMG-11": {**of_network, **counts}},
    }
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(written))
    results = read_results(path, Quickstart)
    assert (results["recipe"], results["epochs"]) == ("quickstart", 5)
    assert results["results"] == of_network and results["macs"] == 10_722_816
    assert results["fields"]["repeats"] is None
    del written["results"]["PMG-11"]
    path.write_text(json.dumps(written))
    with pytest.raises(DamagedFile, match="it has no 'PMG-11'; remove it, and `keras-multigrid"):
        read_results(path)
