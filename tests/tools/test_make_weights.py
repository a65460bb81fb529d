"""A file of weights and its card, from runs that are finished and from those that are not."""

import pathlib
import shutil
import subprocess

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications import pretrained
from keras_multigrid.applications.weight_files import read_weights, variables_by_name
from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.runs.run_folder import claim
from keras_multigrid.runs.train import train
from keras_multigrid.runs.trained_weights import TrainedWeights
from keras_multigrid.training import load_checkpoint

ROOT = pathlib.Path(__file__).parents[2]
SIZE = {"width_multiplier": 0.0625, "classes": 10}
RECIPE = MnistSegmentation(
    **{**MnistSegmentation.SCALES["smoke"], "model": "SG-11"}, seed=4, validation=False
)
pytestmark = pytest.mark.usefixtures("drawn_without_xla")


@pytest.fixture(scope="module")
def make():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        import make_weights

        yield make_weights


@pytest.fixture(scope="module")
def runs(tmp_path_factory, drawn_without_xla):
    """The folders of a run after the first of two epochs, and of the same as if at its end."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "unfinished").mkdir()
    claim(folder / "unfinished", RECIPE)
    model = train(RECIPE, folder / "unfinished", epochs=1, verbose=0)
    shutil.copytree(folder / "unfinished", folder / "finished")
    model.save(folder / "finished" / "model.keras")
    return folder


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


def test_a_finished_run_becomes_a_name(runs, make, output, capsys):
    assert make.main([str(runs / "finished"), "--output", str(output)]) == 0
    assert "finished; mean IoU" in capsys.readouterr().out
    (card,) = kmg.applications.list_weights()
    assert (card.name, card.network, card.finished) == ("mnist_segmentation", "SG-11", True)
    assert (card.step, card.steps, card.seed, card.test_images) == (4, 4, 4, 4)
    assert card.command.startswith("keras-multigrid train mnist_segmentation --scale paper --set ")
    assert "--set source=digits" in card.command and "--set seed=4" in card.command
    head = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert card.commit == head.stdout.strip()
    assert card.arguments == SIZE
    assert "'digits'" in card.data and "photographs" in card.not_good_for
    assert card.licence == "Apache-2.0, as keras_multigrid"
    assert card.curve[-1]["epoch"] == 1 and {"loss", "iou"} <= {*card.curve[-1]}

    model = kmg.applications.SGSEG(weights="mnist_segmentation", **SIZE)
    results = RECIPE.evaluate(model, "test", verbose=0)
    assert results == pytest.approx(card.results, rel=1e-6)
    assert RECIPE.scores(results) == pytest.approx(card.scores, rel=1e-6)
    trained = keras.models.load_model(runs / "finished" / "model.keras")
    arrays = read_weights(output / card.file)
    for name, variable in variables_by_name(trained).items():
        assert arrays[name].dtype == card.dtype == "float16"
        np.testing.assert_allclose(arrays[name], variable, rtol=1e-3, atol=1e-6)


def test_an_unfinished_run_is_marked_and_replaced(runs, make, output, capsys, monkeypatch):
    images = np.zeros((3, 64, 64, 1), "float32")
    monkeypatch.setattr(MnistSegmentation, "load_evaluation", lambda *_: [(images, images)])
    results = {"loss": 1.0, "iou": 0.5, "pixel_error": 0.25}
    monkeypatch.setattr(MnistSegmentation, "evaluate", lambda *_: results)
    arguments = ["--output", str(output), "--commit", "0123abc", "--name", "mine"]
    assert make.main([str(runs / "unfinished"), *arguments]) == 0
    assert "NOT finished, step 2 of 4" in capsys.readouterr().out
    card = pretrained.read_card(output / "SG-11-mine.json")
    assert (card.finished, card.step, card.steps, card.commit) == (False, 2, 4, "0123abc")
    assert kmg.applications.list_weights() == []
    with pytest.raises(ValueError, match="not finished"):
        kmg.applications.SGSEG(weights="mine", **SIZE)
    assert card.scores == {"mean IoU": 50, "pixel error": 25} and card.test_images == 3
    model = kmg.applications.SGSEG(weights=output / card.file, **SIZE)
    _, saved, _ = load_checkpoint(runs / "unfinished" / "checkpoints")
    for number, variable in enumerate(model.variables):
        np.testing.assert_allclose(variable, saved[f"model/{number}"], rtol=1e-3, atol=1e-6)

    assert make.main([str(runs / "finished"), *arguments]) == 0
    assert kmg.applications.list_weights()[0].name == "mine"
    assert make.main([str(runs / "unfinished"), *arguments]) == 2
    assert "of a finished training, and this one is not" in capsys.readouterr().err


class Counting:
    """A recipe whose score is the largest weight, more or less; its network is tiny."""

    TEST_SPLIT = "test"
    seed = 1

    def build_network(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="dense")])

    def evaluate(self, model, split, verbose):
        drawn = float(keras.random.normal(()))  # as networks that attend at random
        return {"largest": drawn + float(model.get_weights()[0].max())}

    def scores(self, results):
        return {"score": results["largest"]}


@pytest.mark.parametrize("largest, dtype", [(100.01, "float16"), (1000.24, "float32")])
def test_half_precision_is_not_taken_where_it_costs(make, largest, dtype):
    arrays = {"dense/0": np.array([[largest], [0]]), "dense/1": np.zeros(1)}
    made, name, results = make._smallest(TrainedWeights(Counting(), arrays, 1, True))
    assert name == dtype == made["dense/0"].dtype.name
    assert abs(results["largest"] - float(made["dense/0"][0, 0])) < 5


def test_values_beyond_half_precision_stay(make):
    assert make._halved(np.array([1e5], "float32")).dtype == "float32"
    assert make._halved(np.array([1e4], "float32")).dtype == "float16"


def test_what_is_not_a_run_is_one_line(make, tmp_path, capsys):
    assert make.main([str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "has no recipe.json" in error
