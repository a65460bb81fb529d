"""Networks side by side: trained alike, continued, measured, and shown."""

import contextlib
import json

import pytest

from keras_multigrid.cli import main
from keras_multigrid.comparison import compare
from keras_multigrid.comparison.networks import chosen_networks, standard_networks
from keras_multigrid.recipes import Segmentation
from keras_multigrid.runs.run_folder import read_recipe
from tests.cheaper import painting_nothing, running_eagerly

SETTINGS = ["epochs=1", "steps_per_epoch=2"]
TINY = ["model=PMG-11", "channel_ratios=1,1", "repeats=1", "exchange_size=1"]


@contextlib.contextmanager
def cheaply():
    with running_eagerly(), painting_nothing():
        yield


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a comparison of two networks."""
    folder = tmp_path_factory.mktemp("compared") / "both"
    with cheaply():
        compare(
            output=folder,
            networks=["U-NET"],
            added={"tiny": TINY},
            scale="smoke",
            settings=SETTINGS,
        )
    return folder


def rows_of(folder):
    rows = json.loads((folder / "comparison.json").read_text())["networks"]
    return {row["network"]: row for row in rows}


def test_each_network_has_a_row(compared):
    rows = rows_of(compared)
    assert {*rows} == {"U-NET", "tiny"}
    for row in rows.values():
        assert 0 <= row["mean_iou"] <= 1 and row["seeds"] == [0] and row["steps"] == 2
        assert 0.5 * 2e6 < row["macs"] <= 2e6
        for name in ("step_seconds", "step_cpu_seconds", "latency_seconds"):
            assert row[name] > 0
        assert 0 < row["effective_field"] <= row["receptive_field"]
    means = [row["mean_iou"] for row in rows.values()]
    assert means == sorted(means, reverse=True)


def test_the_table_and_the_picture(compared):
    header, _, *lines = (compared / "comparison.md").read_text().splitlines()
    assert "mean IoU" in header and "CPU s a step" in header
    assert {line.split(" | ")[0] for line in lines} == {"| U-NET", "| tiny"}
    assert (compared / "comparison.png").exists()


def test_all_but_the_network_is_alike(compared):
    recipes = [read_recipe(compared / label / "seed-0") for label in ("U-NET", "tiny")]
    alike = ("crop", "batch_size", "class_weights", "flips", "rotation", "learning_rate", "epochs")
    for name in alike:
        assert getattr(recipes[0], name) == getattr(recipes[1], name)
    assert recipes[1].model == "PMG-11" and recipes[1].exchange_size == 1
    assert all(recipe.width_multiplier for recipe in recipes)


def test_what_is_finished_is_not_done_again(compared, monkeypatch, capsys):
    monkeypatch.setattr("keras_multigrid.runs.run.train", None)
    monkeypatch.setattr("keras_multigrid.comparison.times._medians", None)
    monkeypatch.setattr("keras_multigrid.comparison.fields.receptive_field", None)
    options = ["--networks", "U-NET", "--scale", "smoke", "--output", str(compared)]
    with cheaply():
        assert main(["compare", *options, *(f"--set={each}" for each in SETTINGS)]) == 0
    assert "| tiny" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--budget", "3M"], "is of other settings (budget was 2M, is 3M"),
        (["--steps", "7"], "steps_per_epoch was 2, is 7"),
        (["--networks", "VGG"], "no network 'VGG' to compare; expected some of ResNet-FPN"),
        (["--add", "a/b", "model=PMG-11"], "label is 'a/b'"),
        (["--add", "odd", "modle=PMG-11"], "did you mean 'model'"),
        (["--set", "model=PMG-11"], "model is not a setting for all networks"),
        (["--scale", "paper"], "scale is 'paper'; expected one of quick, smoke"),
        (["--scale", "quick"], "data_dir is not given"),
        (["--seeds", "0"], "seeds is 0"),
    ],
)
def test_misuse_is_told_before_any_work(compared, options, sentence, monkeypatch, capsys):
    monkeypatch.setattr("keras_multigrid.comparison.compare.run", None)
    given = ["--scale", "smoke", "--output", str(compared), *(f"--set={each}" for each in SETTINGS)]
    assert main(["compare", *given, *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("")
    assert main(["compare", "--scale", "smoke", "--output", str(tmp_path)]) == 2
    assert "not of a comparison" in capsys.readouterr().err


def test_a_training_that_diverges_does_not_stop_the_others(compared, monkeypatch, capsys):
    trained = []

    def run(recipe, folder):
        trained.append(folder.parent.name)
        if recipe.model == "U-NET-11":
            raise FloatingPointError("the loss is not finite")

    monkeypatch.setattr("keras_multigrid.comparison.compare.run", run)
    added = {"tiny": TINY}
    with cheaply(), pytest.raises(FloatingPointError, match=r"U-NET \(seed 0\)"):
        compare(output=compared, networks=["U-NET"], added=added, scale="smoke", settings=SETTINGS)
    assert trained == ["U-NET", "tiny"]
    assert "| tiny" in capsys.readouterr().out


def test_every_network_of_the_table_can_be_made():
    for settings in standard_networks(stem_strides=2).values():
        texts = dict(setting.split("=") for setting in settings)
        assert {*texts} <= {field for field in Segmentation.__dataclass_fields__}
    assert standard_networks(1)["U-NET"][-1] == "stem_strides=1"
    assert standard_networks(4)["U-NET"][-1] == "stem_strides=2"


def test_chosen_networks_come_in_their_order():
    assert [*chosen_networks(1, ["PMG", "HRNet"], {})] == ["PMG", "HRNet"]
    assert [*chosen_networks(1, None, {"own": []})][-1] == "own"
