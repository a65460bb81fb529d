"""Whole runs at the smoke scale: what they write, that they continue, that tables grow."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.cli import main
from keras_multigrid.layers import ZCAWhitening
from keras_multigrid.papers import reproduce
from keras_multigrid.recipes import Cifar10, ImageNet
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run

NETWORK = "SG-11"
pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly", "unpainted")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Table 2 with one row, and the folder of its run."""
    folder = tmp_path_factory.mktemp("table2")
    text = reproduce("table2", [NETWORK], "smoke", ["seed=3", "repeats=1"], folder)
    (of_row,) = [path for path in folder.iterdir() if path.is_dir()]
    return folder, of_row, text


def cells(text, network):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {network} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_run_leaves_what_it_promises(table):
    _, folder, _ = table
    written = {path.name for path in folder.iterdir()} - {".lock"}
    assert written == {
        *("recipe.json", "metrics.jsonl", "tensorboard", "checkpoints", "model.keras"),
        *("metrics.json", "report.md", "curves.png", "predictions.png"),
    }
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe["recipe"] == "mnist_segmentation" and recipe["fields"]["seed"] == 3
    assert recipe["versions"]["keras"] == keras.__version__
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 2), (2, 4)]
    assert lines[0]["learning_rate"] == pytest.approx(0.1)
    assert lines[1]["learning_rate"] == pytest.approx(0.0001)
    assert {"loss", "iou", "pixel_error", "val_loss", "val_iou", "val_pixel_error"} <= {*lines[0]}
    for picture in ("curves.png", "predictions.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


def test_tensorboard_reads_the_logs(table):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for part in ("train", "validation"):
        events = accumulator.EventAccumulator(str(table[1] / "tensorboard" / part))
        events.Reload()
        assert len(events.Tensors("epoch_loss")) == 2


def test_a_report_has_ours_beside_the_papers(table):
    report = (table[1] / "report.md").read_text()
    metrics = json.loads((table[1] / "metrics.json").read_text())
    assert f"| mean IoU | {metrics['scores']['mean IoU']:.2f} | 32.21 |" in report
    assert "| epochs | 2 | 200 |" in report and "| batch_size | 4 | 64 |" in report
    assert "![Training](curves.png)" in report


def test_a_finished_run_is_tested_again_to_the_same_metrics(table, capsys):
    assert main(["evaluate", str(table[1])]) == 0
    printed = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines()[-5:])
    results = json.loads((table[1] / "metrics.json").read_text())["results"]
    for name in ("loss", "iou", "pixel_error"):
        assert float(printed[name]) == pytest.approx(results[name], abs=1e-4)


def test_a_row_is_ours_beside_the_papers_and_what_was_run(table):
    _, folder, text = table
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    _, ours, paper, our_error, paper_error, what = cells(text, NETWORK)
    assert (ours, paper) == (f"{scores['mean IoU']:.2f}", "32.21")
    assert (our_error, paper_error) == (f"{scores['pixel error']:.2f}", "22.33")
    assert what.startswith("2 epochs of 2 x 4 samples (0.00083 % of the paper's), ")
    assert "source=digits" in what and "drops" not in what and what.endswith("seed 3")


def test_a_table_grows_and_does_not_train_twice(table, capsys):
    output, folder, _ = table
    before = (folder / "model.keras").stat().st_mtime_ns
    arguments = ["--rows", f"{NETWORK},PMG-11", "--scale", "smoke", "--set", "seed=3"]
    arguments += ["--set", "repeats=1"]
    assert main(["reproduce", "table2", *arguments, "--output", str(output)]) == 0
    text = (output / "table2.md").read_text()
    assert text in capsys.readouterr().out
    assert cells(text, NETWORK) and cells(text, "PMG-11")
    assert (folder / "model.keras").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            ["reproduce", "table5"],
            "There is no table or figure 'table5'; expected one of table1, table2",
        ),
        (["reproduce", "table2", "--rows", "PMG-12"], "table2 has no row 'PMG-12'; expected one"),
        (["reproduce", "table1", "--scale", "huge"], "There is no scale 'huge' of this recipe"),
        (["train", "cifar"], "There is no recipe 'cifar'; did you mean 'cifar10'?"),
        (["train", "imagenet", "--set", "crop=1"], "There is no field 'crop'; did you mean"),
        (["evaluate", "nowhere"], "nowhere is not the folder of a run: it has no recipe.json."),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_cifar_trains(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    whitening = ZCAWhitening()
    whitening.build((None, 32, 32, 3))  # to fit one takes long
    monkeypatch.setattr("keras_multigrid.recipes.cifar._whitening", lambda *_: whitening)
    with tfds.testing.mock_data(num_examples=8):
        metrics = run(resolve(Cifar10, "smoke", []), tmp_path)
    assert metrics["scores"]["error"] == pytest.approx(100 - 100 * metrics["results"]["top1"])
    assert not (tmp_path / "predictions.png").exists()


def test_a_folder_of_images_is_trained_on_and_tested_with_ten_crops(tmp_path):
    for split in ("train", "validation"):
        for label, name in enumerate(("cat", "mouse")):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            image = np.full((70, 80, 3), 80 + 90 * label, "uint8")
            for number in range(2):
                (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    settings = ["model=VGG-6", "data=image_folder", f"data_dir={tmp_path / 'images'}"]
    metrics = run(resolve(ImageNet, "smoke", settings), tmp_path / "run")
    assert list(metrics["scores"]) == [
        *("top-1 error, 10 crops", "top-5 error, 10 crops", "top-1 error", "top-5 error")
    ]
    assert metrics["scores"]["top-5 error"] == 0  # there are two classes
