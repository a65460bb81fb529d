"""Networks side by side: trained alike, continued, measured, and shown."""

import contextlib
import dataclasses
import json
import shutil
import sys

import pytest

from keras_multigrid.cli import main
from keras_multigrid.comparison import compare
from keras_multigrid.comparison.networks import (
    OWN,
    chosen_networks,
    recipe_of,
    standard_networks,
)
from keras_multigrid.comparison.table import write_comparison
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
    """The folder of a comparison of a single network, for they take long."""
    folder = tmp_path_factory.mktemp("compared") / "tiny"
    added = {"tiny": TINY}
    with cheaply():
        compare(output=folder, networks=[], added=added, scale="smoke", settings=SETTINGS)
    return folder


def rows_of(folder):
    rows = json.loads((folder / "comparison.json").read_text())["networks"]
    return {row["network"]: row for row in rows}


def test_each_network_has_a_row(compared):
    rows = rows_of(compared)
    assert {*rows} == {"tiny"}
    row = rows["tiny"]
    assert 0 <= row["mean_iou"] <= 1 and row["seeds"] == [0] and row["steps"] == 2
    assert 0.5 * 2e6 < row["macs"] <= 2e6
    for name in ("step_seconds", "step_cpu_seconds", "latency_seconds"):
        assert row[name] > 0
    assert 0 < row["effective_field"] <= row["receptive_field"]
    assert row["settings"]["exchange_size"] == 1


def test_the_table_and_the_picture(compared):
    header, _, line = (compared / "comparison.md").read_text().splitlines()
    assert "mean IoU" in header and "CPU s a step" in header
    assert len(line.split(" | ")) == len(header.split(" | "))
    assert (compared / "comparison.png").exists()


def test_a_table_is_of_all_seeds_and_the_best_is_first(compared, tmp_path):
    for label, factor in (("better", 1), ("worse", 0.5)):
        for seed in range(2):
            folder = tmp_path / label / f"seed-{seed}"
            shutil.copytree(compared / "tiny" / "seed-0", folder)
            metrics = json.loads((folder / "metrics.json").read_text())
            metrics["mean_iou"] = factor * (0.5 + 0.1 * seed)
            (folder / "metrics.json").write_text(json.dumps(metrics))
    better, worse = write_comparison(tmp_path)
    assert (better["network"], better["seeds"]) == ("better", [0, 1])
    assert better["mean_iou"] == pytest.approx(0.55) and worse["mean_iou"] == pytest.approx(0.275)
    assert better["deviation"] == pytest.approx(0.1 / 2**0.5)
    assert "| better | 0.550 ± 0.071 |" in (tmp_path / "comparison.md").read_text()


def test_all_but_the_network_is_alike(compared):
    planned = read_recipe(compared)
    asked = dataclasses.replace(planned, crop=None, flips=None, width_multiplier=None)
    recipes = [recipe_of(asked, planned, own, 3) for own in standard_networks(4).values()]
    for recipe in recipes:
        own = {name: getattr(planned, name) for name in (*OWN, "stem_strides", "seed")}
        assert dataclasses.replace(recipe, **own) == planned
        assert recipe.seed == 3 and recipe.width_multiplier is None
    assert len({recipe.model for recipe in recipes}) == 7


def test_what_is_finished_is_not_done_again(compared, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["keras_multigrid.runs.run"], "train", None)
    monkeypatch.setattr("keras_multigrid.comparison.times._medians", None)
    monkeypatch.setattr("keras_multigrid.comparison.fields.receptive_field", None)
    options = ["--add", "tiny", *TINY, "--networks", "", "--scale", "smoke"]
    options += ["--output", str(compared)]
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
        (["--set", "folds=2", "--set", "fold=all"], "trains on one part"),
        (["--scale", "paper"], "scale is 'paper'; expected one of quick, smoke"),
        (["--scale", "quick"], "data_dir is not given"),
        (["--seeds", "0"], "seeds is 0"),
    ],
)
def test_misuse_is_told_before_any_work(compared, options, sentence, monkeypatch, capsys):
    monkeypatch.setattr("keras_multigrid.comparison.comparing.run", None)
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

    monkeypatch.setattr("keras_multigrid.comparison.comparing.run", run)
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
