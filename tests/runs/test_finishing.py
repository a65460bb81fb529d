"""The end of runs: scores that repeat, what is removed and made anew, and losses that are lost."""

import json

import keras
import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import LocatedMnist, MnistSegmentation
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly", "unpainted")
TOP_DOWN = "model=M1-MNIST image_size=28 target_locations=2 epochs=1 validation=false".split()


@pytest.fixture(scope="module")
def top_down(tmp_path_factory):
    folder = tmp_path_factory.mktemp("top_down")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocatedMnist, "draw", lambda *_: [])
        run(resolve(LocatedMnist, "smoke", TOP_DOWN), folder)
    return folder


def results(folder):
    return json.loads((folder / "metrics.json").read_text())["results"]


def test_a_run_killed_while_it_writes_its_report_ends_with_the_same_scores(top_down, monkeypatch):
    monkeypatch.setattr(LocatedMnist, "draw", lambda *_: [])
    before = results(top_down)
    (top_down / "metrics.json").unlink()
    keras.utils.set_random_seed(77)  # what another process would begin with
    run(resolve(LocatedMnist, "smoke", TOP_DOWN), top_down)
    assert results(top_down) == before


def test_what_is_damaged_is_made_anew_as_the_message_says(capsys, tmp_path):
    folder, path = tmp_path / "run", tmp_path / "run" / "model.keras"
    settings = ["model=SG-11", "repeats=1", "epochs=1", "validation=false"]
    run(resolve(MnistSegmentation, "smoke", settings), folder)
    before, weights = results(folder), keras.models.load_model(path).get_weights()
    path.write_bytes(b"")
    assert main(["evaluate", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{path} is damaged: it is empty; remove it, and metrics.json beside it" in said
    path.unlink()
    (folder / "metrics.json").unlink()
    again = said.split("`")[1].split()
    assert again[0] == "keras-multigrid" and main(again[1:]) == 0
    assert results(folder) == pytest.approx(before, abs=1e-5)
    for found, expected in zip(keras.models.load_model(path).get_weights(), weights):
        assert (found == expected).all()


def test_a_loss_that_is_not_finite_says_how_to_go_on(capsys, tmp_path):
    settings = ["model=SG-11", "repeats=1", "learning_rate=1e30", "optimizer=sgd", "epochs=2"]
    settings = [text for setting in settings for text in ("--set", setting)]
    arguments = ["mnist_segmentation", "--scale", "smoke", *settings, "--output", str(tmp_path)]
    assert main(["train", *arguments]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "is not finite at step" in error
    assert error.endswith(
        f"keras-multigrid train mnist_segmentation ... --set weights={tmp_path} "
        "--set learning_rate=1e+29 --output ANOTHER."
    )
