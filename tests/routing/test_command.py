"""The command `routing`, on a run at the smoke scale."""

import keras
import numpy as np
import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import write_recipe

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly")
# Two grids of four layers: quickly trained.
SETTINGS = ["seed=3", "model=PMG-11", "channel_ratios=1,0.5", "repeats=1", "epochs=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(resolve(MnistSegmentation, "smoke", SETTINGS), folder)
    return folder


def rows_in(lines):
    return [line.split() for line in lines if line.split()[1:2] in (["0"], ["1"])]


def test_a_run_gets_a_table_and_pictures(folder, capsys):
    before = {path.name for path in folder.iterdir()}
    assert main(["routing", str(folder), "--samples", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {path.name for path in folder.iterdir()} - before == {"routing.png", "routing.pdf"}
    assert lines[-1] == f"Written: {folder / 'routing.png'}, {folder / 'routing.pdf'}"
    rows = rows_in(lines)
    assert {row[0] for row in rows} >= {"progressive2_unit1_conv", "full_unit1_conv"}
    model = keras.models.load_model(folder / "model.keras")
    kernel = model.get_layer("full_unit1_conv").kernels[0].numpy()
    norm = f"{np.linalg.norm(kernel[:, :, :4]):.4g}"  # of 64 / 16 channels
    assert ["full_unit1_conv", "0", "64x64", "own", norm] in [row[:5] for row in rows]
    assert (folder / "routing.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "routing.pdf").read_bytes().startswith(b"%PDF")


def test_ablation_goes_where_it_is_told_and_starts_from_the_metric(folder, capsys, tmp_path):
    before = {path.name for path in folder.iterdir()}
    output = tmp_path / "new" / "pictures"
    arguments = ["--samples", "2", "--ablation", "--output", str(output)]
    assert main(["routing", str(folder), *arguments]) == 0
    names = [f"{stem}.{suffix}" for stem in ("ablation", "routing") for suffix in ("pdf", "png")]
    assert sorted(path.name for path in output.iterdir()) == names
    assert {path.name for path in folder.iterdir()} == before
    text = capsys.readouterr().out
    measured, _, ablated = text.partition("The metric is iou, on 2 test images.\n")
    between = [row[:4] for row in rows_in(measured.splitlines()) if row[3] != "own"]
    assert [row[:4] for row in rows_in(ablated.splitlines())] == between
    assert "PMG-11, whole" in ablated


def unfinished(folder, model):
    recipe = resolve(MnistSegmentation, "smoke", [f"model={model}"])
    write_recipe(folder / "recipe.json", recipe)
    return recipe


def test_a_network_without_pyramids_is_refused(capsys, tmp_path):
    recipe = unfinished(tmp_path, "U-NET-11")
    recipe.network().save(tmp_path / "model.keras")
    assert main(["routing", str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "'U-NET-11' has no MultigridConv2D of several grids; expected" in error
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "model.keras"}


def test_misuse_is_one_line_and_status_2(capsys, tmp_path):
    unfinished(tmp_path, "PMG-11")
    for arguments, message in (
        (["nowhere"], "nowhere is not the folder of a run: it has no recipe.json."),
        ([str(tmp_path)], "is not finished; `keras-multigrid train` continues it."),
        (["nowhere", "--samples", "0"], "--samples is 0; expected 1 or more."),
    ):
        assert main(["routing", *arguments]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert message in error
