"""Names of weights that ship, through a stand-in for their folder, and files of a hub."""

import dataclasses
import json
import sys
import types

import pytest

import keras_multigrid as kmg
from keras_multigrid.applications import pretrained
from keras_multigrid.applications.weight_files import write_weights
from tests.applications.saving import assert_equal, segmenter, values

zoo = kmg.applications


def card_of(path, **changes):
    fields = {
        "name": "mnist_segmentation",
        "network": "PMG-11",
        "arguments": {"classes": 4},
        "file": path.name,
        "sha256": pretrained.sha256(path),
        "dtype": "float16",
        "finished": True,
        "step": 8000,
        "steps": 8000,
        "data": "digits",
        "command": "keras-multigrid train mnist_segmentation",
        "commit": "0123abc",
        "seed": 0,
        "versions": {},
        "split": "test",
        "test_images": 1000,
        "scores": {"mean IoU": 62.5, "pixel error": 14.25},
        "results": {"iou": 0.625},
        "curve": [],
        "licence": "Apache-2.0",
        "not_good_for": "photographs",
    }
    return pretrained.WeightsCard(**{**fields, **changes})


@pytest.fixture
def shipped(saved, tmp_path, monkeypatch):
    """A stand-in for the folder of shipped weights; returns a function that adds some."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(pretrained, "FOLDER", folder)

    def add(network="PMG-11", **changes):
        path = folder / f"{network}-mnist_segmentation.npz"
        arrays = {name: array.astype("float16") for name, array in values(saved[1]).items()}
        write_weights(path, arrays)
        card = card_of(path, network=network, **changes)
        path.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(card)))
        return path

    add()
    return add


def test_a_shipped_name_loads(shipped, saved):
    (card,) = zoo.list_weights()
    assert (card.name, card.network, card.scores["mean IoU"]) == (
        "mnist_segmentation",
        "PMG-11",
        62.5,
    )
    model = segmenter(weights="mnist_segmentation", name="mine")
    expected = {name: array.astype("float16") for name, array in values(saved[1]).items()}
    assert_equal(values(model), {name: a.astype("float32") for name, a in expected.items()})
    assert model.name == "mine"
    assert (
        segmenter(weights=card.name, input_shape=(None, None, 1)).output_shape[1:3] == (None,) * 2
    )


def test_models_shows_what_ships(shipped, capsys):
    from keras_multigrid.cli import main

    assert main(["models", "PMG-11"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.endswith("weights")
    assert row.endswith("mnist_segmentation (mean IoU 62.50)")
    assert main(["models", "SG-11"]) == 0
    assert "mnist_segmentation" not in capsys.readouterr().out


def test_a_shipped_name_of_other_networks_is_refused(shipped):
    shipped("R-PMG-20", finished=False, step=120)
    with pytest.raises(ValueError, match=r"ship for PMG-11, R-PMG-20, not for SG-11"):
        segmenter(zoo.SGSEG, weights="mnist_segmentation")
    with pytest.raises(ValueError, match=r"shipped weights \(for PMG-11: mnist_segmentation\)"):
        segmenter(weights="mnist-segmentation")


def test_unfinished_weights_are_no_name_but_a_file(shipped, saved):
    path = shipped(finished=False, step=120)
    assert zoo.list_weights() == []
    with pytest.raises(ValueError, match=r"not finished \(step 120 of 8000\); .* pass the file"):
        segmenter(weights="mnist_segmentation")
    assert values(segmenter(weights=path)).keys() == values(saved[1]).keys()


def test_a_wrong_hash_is_refused_by_name_and_by_path(shipped):
    path = shipped(sha256="0" * 64)
    for weights in ("mnist_segmentation", path):
        with pytest.raises(ValueError, match=r"damaged: the SHA-256 of .*, and 000000000000\.\.\."):
            segmenter(weights=weights)
    path.unlink()
    with pytest.raises(ValueError, match="missing; install keras_multigrid again"):
        segmenter(weights="mnist_segmentation")


def test_a_card_that_is_damaged_is_named(shipped):
    path = shipped()
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(ValueError, match=r"mnist_segmentation\.json is not a card of weights"):
        zoo.list_weights()


def test_what_ships_is_whole_and_loads(capsys):
    files = [path for path in pretrained.FOLDER.glob("*") if path.suffix != ".json"]
    cards = [pretrained.read_card(path) for path in pretrained.FOLDER.glob("*.json")]
    assert {path.name for path in files} == {card.file for card in cards}
    assert sum(path.stat().st_size for path in files) < 10e6
    for card in cards:
        weights = card.name if card.finished else pretrained.FOLDER / card.file
        zoo.create_model(card.network, weights=weights, **card.arguments)
    assert capsys.readouterr().out == ""  # the head was loaded, and nothing was adapted


@pytest.fixture
def hub(saved, monkeypatch):
    """A stand-in for huggingface_hub, and what it was asked for."""
    asked = []

    def hf_hub_download(repo_id, filename):
        asked.append((repo_id, filename))
        if repo_id != "user/nets":
            raise OSError(f"404 Client Error:\nno repository {repo_id}")
        return str(saved[0] / filename.rpartition("/")[2])

    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_a_file_of_a_hub(hub, saved):
    model = segmenter(weights="hf://user/nets/folder/net.weights.h5")
    assert hub == [("user/nets", "folder/net.weights.h5")]
    assert_equal(values(model), values(saved[1]))


def test_what_a_hub_does_not_give_is_one_sentence(hub):
    with pytest.raises(
        OSError, match=r"hf://user/none/net\.npz cannot be downloaded: 404 .*none"
    ) as raised:
        segmenter(weights="hf://user/none/net.npz")
    assert len(str(raised.value).splitlines()) == 1
    for address in ("hf://", "hf://user", "hf://user/nets", "hf://user//net.npz"):
        with pytest.raises(ValueError, match="expected hf://user/repo/file"):
            segmenter(weights=address)


def test_a_hub_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match="pip install huggingface_hub"):
        segmenter(weights="hf://user/nets/net.npz")
