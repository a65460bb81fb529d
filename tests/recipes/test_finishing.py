"""The end of runs: scores that repeat, what is removed and made anew, and losses that are lost."""

import json
import shutil

import keras
import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import LocatedMnist, MnistSegmentation, run
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.recipes.run_folder import load_run

pytestmark = pytest.mark.usefixtures("drawn_without_xla")
TOP_DOWN = "model=M1-MNIST image_size=28 target_locations=2 epochs=1 evaluation_batches=2".split()


@pytest.fixture(scope="module")
def top_down(tmp_path_factory):
    folder = tmp_path_factory.mktemp("top_down")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocatedMnist, "draw", lambda *_: [])
        run(resolve(LocatedMnist, "smoke", TOP_DOWN), folder)
    return folder


def results(folder):
    return json.loads((folder / "metrics.json").read_text())["results"]


class Killed(BaseException):
    pass


def test_a_run_killed_while_it_writes_its_report_ends_with_the_same_scores(
    top_down, tmp_path, monkeypatch
):
    folder = shutil.copytree(top_down, tmp_path / "run")
    (folder / "metrics.json").unlink()

    def kill(*_):
        raise Killed

    monkeypatch.setattr(LocatedMnist, "draw", kill)
    keras.utils.set_random_seed(77)  # what another process would begin with
    recipe = resolve(LocatedMnist, "smoke", TOP_DOWN)
    with pytest.raises(Killed):
        run(recipe, folder)
    monkeypatch.setattr(LocatedMnist, "draw", lambda *_: [])
    keras.utils.set_random_seed(78)
    run(recipe, folder)
    assert results(folder) == results(top_down)


def test_a_network_is_tested_on_the_same_attention_each_time(top_down):
    keras.utils.set_random_seed(79)
    recipe, model = load_run(top_down)
    for _ in range(2):
        assert recipe.evaluate(model, recipe.TEST_SPLIT, 0) == results(top_down)


def test_what_is_damaged_is_made_anew_as_the_message_says(capsys, tmp_path):
    folder = tmp_path / "run"
    recipe = resolve(MnistSegmentation, "smoke", ["model=SG-11", "epochs=1"])
    run(recipe, folder)
    before, weights = results(folder), keras.models.load_model(folder / "model.keras").get_weights()
    for name, command in (("metrics.json", "figures"), ("model.keras", "evaluate")):
        (folder / name).write_bytes(b"")
        assert main([command, str(folder)]) == 2
        said = capsys.readouterr().err
        assert f"{folder / name} is damaged: it is empty; remove it" in said
        for removed in {name, "metrics.json"}:
            (folder / removed).unlink()
        again = said.split("`")[1].split()
        assert again[0] == "keras-multigrid" and main(again[1:]) == 0
        assert results(folder) == pytest.approx(before, abs=1e-5)
    for found, expected in zip(
        keras.models.load_model(folder / "model.keras").get_weights(), weights
    ):
        assert (found == expected).all()


def test_a_loss_that_is_not_finite_says_how_to_go_on(capsys, tmp_path):
    settings = ["model=SG-11", "learning_rate=1e30", "optimizer=sgd", "epochs=2"]
    settings = [text for setting in settings for text in ("--set", setting)]
    arguments = ["mnist_segmentation", "--scale", "smoke", *settings, "--output", str(tmp_path)]
    assert main(["train", *arguments]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert "is not finite at step" in error
    assert error.endswith(
        f"keras-multigrid train mnist_segmentation ... --set weights={tmp_path} "
        "--set learning_rate=1e+29 --output ANOTHER."
    )
