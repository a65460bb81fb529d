"""Segmentation on a backbone: planned, trained, continued, read."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import layers

from keras_multigrid.applications.backbones import create_backbone
from keras_multigrid.cli import main
from keras_multigrid.complexity import profile
from keras_multigrid.planning import backbone as planning
from keras_multigrid.runs.run_folder import load_run, read_recipe
from tests.runs.test_segmentation import draw

SMALL = ["epochs=2", "steps_per_epoch=2", "batch_size=2", "crop=32,32"]


def small_backbone(rescaling=True):
    """Maps at the strides 2 to 32."""
    x = image = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 255)(x) if rescaling else x
    for step in range(5):
        x = layers.Conv2D(4, 3, strides=2, padding="same", name=f"down_{step}")(x)
        x = layers.ReLU(name=f"act_{step}")(x)
    return keras.Model(image, x, name="small")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("backbone") / "small.keras"
    small_backbone().save(path)
    return path


def train(folder, output, *settings):
    given = (f"data_dir={folder}", "ignore_index=9", *settings)
    return main(["train", "segmentation", *[f"--set={each}" for each in given], "--output", output])


@pytest.fixture(scope="module")
def trained(folder, file, tmp_path_factory):
    output = str(tmp_path_factory.mktemp("runs") / "run")
    settings = (*SMALL, f"backbone={file}", "budget=3e6", "loaded_rate=0.001")
    assert train(folder, output, *settings, "freeze=backbone/down_0") == 0
    return output


def test_the_plan_has_a_neck_on_the_backbone(trained):
    recipe = read_recipe(trained)
    assert (recipe.stem_strides, recipe.channel_ratios) == (4, (1, 2, 3, 4))
    assert recipe.network_name() == "small_multigrid"
    metrics = json.loads(pathlib.Path(trained, "metrics.json").read_text())
    assert 0.5 * 3e6 < metrics["macs"] <= 3e6


def test_the_backbone_starts_with_its_weights_and_changes_slowly(trained, file):
    _, model = load_run(trained)
    before = keras.saving.load_model(file)
    changes = [
        np.abs(model.get_layer("backbone").get_layer(name).kernel - before.get_layer(name).kernel)
        for name in ("down_0", "down_1")
    ]
    assert np.max(changes[0]) == 0  # frozen
    assert 0 < np.max(changes[1]) < 1e-3


def test_it_is_evaluated_and_predicts(trained, folder, tmp_path, capsys):
    assert main(["evaluate", trained, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (
        printed["mean_iou"]
        == json.loads(pathlib.Path(trained, "metrics.json").read_text())["mean_iou"]
    )
    image = next((folder / "images").iterdir())
    assert main(["predict", trained, str(image), "--output", str(tmp_path / "out")]) == 0


def test_it_is_exported(trained, tmp_path):
    output = str(tmp_path / "exported")
    assert main(["export", trained, "--format", "keras", "--output", output]) == 0
    (card,) = (tmp_path / "exported").glob("*/README.md")
    assert "means over mirror images" in card.read_text()


def test_the_default_takes_what_keras_can_load(monkeypatch):
    def create(name, weights=None):
        if weights and name == "MobileNetV2":
            raise ValueError("no network.")
        return small_backbone(), None

    monkeypatch.setattr(planning, "create_backbone", create)
    assert planning.choose_backbone(10e9, (224, 224), 1)[0] == "ResNet50V2"
    for limit, channels, reason in (
        (1e9, 3, "no network."),
        (1e8, 3, "the budget is too small for one"),
        (10e9, 4, "backbones take 1 or 3 channels, not 4"),
    ):
        name, said = planning.choose_backbone(limit, (224, 224), channels)
        assert name == "none" and said.startswith("trains from scratch") and reason in said


def test_the_costs_of_backbones_are_those_that_are_counted():
    name = "MobileNetV2"
    backbone, _ = create_backbone(name)
    assert profile(backbone).macs == pytest.approx(planning.PRETRAINED[name], rel=0.01)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        (["backbone=ResNet1"], "backbone is 'ResNet1'; expected none"),
        (["backbone=nowhere.keras"], "there is no such file"),
        (["backbone_weights=imagenet"], "there is no backbone"),
        (["backbone=a.keras", "backbone_weights=imagenet"], "has its own weights"),
        (["backbone=MobileNetV2", "stem_strides=2"], "leave one of them out"),
        (["backbone=MobileNetV2", "model=R-PMG-20"], "leave one of them out"),
        (["backbone=MobileNetV2", "backbone_weights=none", "budget=1e6"], "takes"),
    ],
)
def test_errors_before_any_work(folder, settings, sentence, tmp_path, capsys):
    assert train(folder, str(tmp_path / "run"), *SMALL, *settings) == 2
    assert sentence in capsys.readouterr().err
