"""The commands `attention`, `figures` and `reproduce` of figures, on runs at the smoke scale."""

import functools
import json
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.attention_maps import sweep
from keras_multigrid.cli import main
from keras_multigrid.figures import Result
from keras_multigrid.papers import multigrid_figures
from keras_multigrid.papers.finished_runs import FinishedRuns
from keras_multigrid.recipes import (
    Cifar100,
    LocatedMnist,
    MnistSegmentation,
    MnistSpatialTransformer,
)
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import write_recipe
from keras_multigrid.whole_files import write_json
from tests.decoding.samples import KNOWN, by_pillow

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly", "unpainted")
SMALL = ["model=PMG-11", "channel_ratios=1,0.5", "repeats=1"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with runs of two networks, and of one on another distortion."""
    folder = tmp_path_factory.mktemp("runs")
    for name, settings in (
        ("pmg", SMALL),
        ("unet", ["model=U-NET-11"]),
        ("longer/pmg", [*SMALL, "steps_per_epoch=3", "variant=rotation"]),
    ):
        run(resolve(MnistSpatialTransformer, "smoke", [*settings, "epochs=1"]), folder / name)
    return folder


@pytest.fixture
def coarse_sweeps(monkeypatch):
    """Makes the sweeps of figures quick."""
    coarse = functools.partial(sweep, stride=14, verbose=0)
    monkeypatch.setattr(multigrid_figures, "sweep", coarse)


def test_attention_writes_pictures_arrays_and_a_page(runs, capsys, tmp_path):
    arguments = ["--probe", "24,32", "--probe", "40,31", "--samples", "2", "--stride", "14"]
    assert main(["attention", str(runs / "pmg"), *arguments, "--output", str(tmp_path)]) == 0
    names = [f"attention.{kind}" for kind in ("png", "pdf", "npz", "html")]
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    written = ", ".join(str(tmp_path / name) for name in names)
    assert capsys.readouterr().out.splitlines()[-1] == f"Written: {written}"
    arrays = np.load(tmp_path / "attention.npz")
    model = keras.models.load_model(runs / "pmg" / "model.keras")
    probes = [(24, 32), (40, 31)]
    expected = sweep(model, arrays["images"], probes, stride=14, verbose=0).maps()
    np.testing.assert_allclose(arrays["maps"], expected, atol=1e-6)
    assert arrays["images"].shape == (2, 64, 64, 1) and arrays["probes"].shape == (2, 2, 2)
    outputs = model.predict(arrays["images"], verbose=0)
    np.testing.assert_allclose(arrays["outputs"], outputs, atol=1e-5)
    assert (tmp_path / "attention.html").read_text().count("What influences PMG-11") == 2


def test_attention_takes_image_files(runs, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (40, 48, 1), "uint8")
    coloured = np.repeat(grey, 3, axis=-1)
    files = [tmp_path / "grey.png", tmp_path / "coloured.png"]
    for file, image in zip(files, (grey, coloured)):
        file.write_bytes(tf.io.encode_png(image).numpy())
    arguments = ["--images", *map(str, files), "--stride", "16", "--output", str(tmp_path / "new")]
    assert main(["attention", str(runs / "pmg"), *arguments]) == 0
    images = np.load(tmp_path / "new" / "attention.npz")["images"]
    expected = (grey / 255 - 0.1141) / 0.2746  # the paper's mean and deviation
    np.testing.assert_allclose(images, [expected, expected], atol=0.02)  # grey of equal colours


def test_attention_names_files_whatever_their_kind_and_name(runs, tmp_path, capsys):
    """Also where names are not UTF-8, of files and of the folder that is written to and printed."""
    kinds = ("BMP P", "GIF RGBA", "animated WEBP", "JPEG CMYK", "PNG of 16 bits, grey")
    files = [tmp_path / os.fsdecode(f"{kind}.png".encode() + b"\xff") for kind in kinds]
    for file, kind in zip(files, kinds):
        file.write_bytes(KNOWN[kind])
    output = tmp_path / os.fsdecode(b"new-\xff")
    arguments = ["--images", *map(str, files), "--stride", "16", "--output", str(output)]
    assert main(["attention", str(runs / "pmg"), *arguments]) == 0
    assert r"new-\udcff" in capsys.readouterr().out.splitlines()[-1]
    images = np.load(output / "attention.npz")["images"]
    expected = [(by_pillow(KNOWN[kind], 1) / 255 - 0.1141) / 0.2746 for kind in kinds]
    np.testing.assert_allclose(images, expected, atol=0.04)
    page = (output / "attention.html").read_text()
    for kind in kinds:
        assert rf"{kind}.png\\udcff" in page


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 2, "nowhere is not the folder of a run"),
        (["RUN", "--probe", "64,0"], 2, "Probe (64, 0) is outside the output; expected rows from"),
        (["RUN", "--occluder-size", "65"], 2, "occluder_size is 65; expected an integer from 1"),
        (["RUN", "--samples", "0"], 2, "samples is 0; expected a positive integer"),
        (["RUN", "--channel", "1"], 2, "channel is 1; expected None"),
        (["RUN", *8 * ["--probe", "1,1"]], 2, "There are 8 probes; expected at most 7"),
        (["RUN", "--output", "TEXT"], 1, "File exists: "),
        (
            ["RUN", "--images", "TEXT"],
            1,
            "text.png is not a JPEG, PNG, GIF, BMP or WebP file",
        ),
        (["RUN", "--images", "MISSING"], 1, "No such file or directory: "),
        (["RUN", "--images", "SMALL", "LARGE"], 2, "are of several sizes, 8x8, 9x9; expected one."),
    ],
)
def test_misuse_of_attention(runs, arguments, status, message, capsys, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for name, side in (("small", 8), ("large", 9)):
        image = np.zeros((side, side, 1), "uint8")
        (tmp_path / f"{name}.png").write_bytes(tf.io.encode_png(image).numpy())
    files = {name.upper(): str(tmp_path / f"{name}.png") for name in ("text", "small", "large")}
    files |= {"RUN": str(runs / "pmg"), "MISSING": str(tmp_path / "missing.png")}
    assert main(["attention", *(files.get(argument, argument) for argument in arguments)]) == status
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_a_probe_is_two_numbers(runs, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["attention", str(runs / "pmg"), "--probe", "12"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "argument --probe: '12'; expected Y,X, such as 24,32" in error


@pytest.fixture(scope="module")
def top_down(tmp_path_factory):
    """The folder of a run of a top-down network."""
    folder = tmp_path_factory.mktemp("top_down") / "run"
    settings = ["model=M1-MNIST", "image_size=28", "target_locations=2", "epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocatedMnist, "draw", lambda *_: [])
        run(resolve(LocatedMnist, "smoke", settings), folder)
    return folder


def test_a_classifier_has_no_attention_maps(top_down, capsys):
    assert main(["attention", str(top_down)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "The outputs of M1-MNIST on located_mnist are not images; expected a run of" in error


def test_top_down_runs_do_not_stop_the_figures(top_down, tmp_path, monkeypatch):
    monkeypatch.setattr(multigrid_figures, "DIAGRAMS", ())
    assert main(["figures", str(top_down), "--output", str(tmp_path)]) == 0
    names = {path.stem for path in tmp_path.iterdir()}
    assert names == {"multigrid-table1", "curves_located_mnist_plain"}


def test_samples_may_be_more_than_a_batch(tmp_path):
    settings = ["model=SG-11", "repeats=1", "evaluation_batches=2", "epochs=1"]
    run(resolve(MnistSegmentation, "smoke", settings), tmp_path / "run")
    arguments = ["--samples", "6", "--stride", "28", "--probe", "9,9", "--output", str(tmp_path)]
    assert main(["attention", str(tmp_path / "run"), *arguments]) == 0
    assert len(np.load(tmp_path / "attention.npz")["images"]) == 6  # in batches of 4


def test_finished_runs_are_found_and_the_longest_of_equal_ones_kept(runs):
    found = FinishedRuns([runs])
    assert [each.samples for each in found.runs] == [8, 8, 12]
    assert list(
        found.of(MnistSpatialTransformer, ("U-NET-11", "SG-11", "PMG-11"), variant="all")
    ) == [*("U-NET-11", "PMG-11")]
    longest = found.of(MnistSpatialTransformer)["PMG-11"]
    assert longest.folder == runs / "longer" / "pmg"
    assert not found.of(MnistSegmentation) and not found.of(Cifar100)


def test_figures_are_drawn_from_what_there_is(runs, coarse_sweeps, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(multigrid_figures, "DIAGRAMS", ("VGG-6",))
    # Diagrams themselves are tested in tests/figures.
    monkeypatch.setattr(multigrid_figures, "draw_network", lambda path, model: path.touch())
    assert main(["figures", str(runs), "--output", str(tmp_path)]) == 0
    transformer = "curves_mnist_spatial_transformer"
    of_paper = ["figure3_VGG-6", "figure3_trained_PMG-11", "figure3_trained_U-NET-11", "figure5"]
    of_paper += ["figure6", "figure7", "table1"]
    names = [f"multigrid-{name}" for name in of_paper]
    names += [f"{transformer}_all", f"{transformer}_rotation"]
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "pdf")}
    assert {path.name for path in tmp_path.iterdir()} == expected
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[lines.index("multigrid-figure4 ...") + 1]
        == "  there are no finished runs that it shows"
    )


def test_figure_5_shows_distortions_beside_one_another(runs, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        multigrid_figures, "draw_panels", lambda path, columns: drawn.append(columns)
    )
    for _, draw in multigrid_figures.FIGURES["multigrid-figure5"](FinishedRuns([runs])):
        draw("figure5.png")
    ((whole,), (single,)) = drawn[0]
    assert (whole.title, single.title) == ("all distortions", "rotation alone")
    assert list(whole.rows) == ["input", "truth", "U-NET-11", "PMG-11"]
    assert list(single.rows) == ["input", "truth", "PMG-11"]
    model = keras.models.load_model(runs / "unet" / "model.keras")
    recipe = FinishedRuns([runs]).of(MnistSpatialTransformer, variant="all")["U-NET-11"].recipe
    images, masks = next(recipe.load_evaluation("test").as_numpy_iterator())
    count = len(whole.rows["input"])
    np.testing.assert_allclose(
        whole.rows["U-NET-11"], model.predict(images[:count], verbose=0), atol=1e-5
    )
    np.testing.assert_array_equal(whole.rows["truth"], masks[:count])


def test_table_1_has_the_papers_errors_and_those_of_runs(tmp_path, monkeypatch):
    recipe = resolve(Cifar100, "smoke", ["model=MG-6"])
    (tmp_path / "run").mkdir()
    write_recipe(tmp_path / "run" / "recipe.json", recipe)
    results = {"epochs": 2, "macs": 123, "scores": {"error": 45.6}}
    write_json(tmp_path / "run" / "metrics.json", results)
    for name in ("model.keras", "metrics.jsonl"):
        (tmp_path / "run" / name).touch()
    shown = []
    monkeypatch.setattr(
        multigrid_figures, "draw_error_cost", lambda path, results: shown.extend(results)
    )
    for _, draw in multigrid_figures.FIGURES["multigrid-table1"](FinishedRuns([tmp_path])):
        draw("table1.png")
    paper = {round(result.macs / 1e4): result for result in shown if not result.is_ours}
    assert len(shown) == 36 + 1 and paper[155820] == Result("MG", 1e6 * 1558.2, 25.29, True)
    assert paper[18012] == Result("MG", 1e6 * 180.12, 30.24, True, True)
    assert [result for result in shown if result.is_ours] == [
        Result("MG", 123, 45.6, is_residual=False, is_ours=True)
    ]


def test_reproduce_trains_what_a_figure_needs_once(capsys, tmp_path):
    arguments = ["reproduce", "multigrid-figure4", "--rows", "SG-11", "--scale", "smoke"]
    arguments += ["--set", "epochs=1", "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert all((tmp_path / f"multigrid-figure4.{kind}").exists() for kind in ("png", "pdf"))
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    recipe = json.loads((folder / "recipe.json").read_text())
    assert recipe["recipe"] == "mnist_segmentation" and recipe["fields"]["model"] == "SG-11"
    before = (folder / "model.keras").stat().st_mtime_ns
    capsys.readouterr()
    assert main(arguments) == 0
    assert (folder / "model.keras").stat().st_mtime_ns == before
    assert f"Written: {tmp_path / 'multigrid-figure4.png'}" in capsys.readouterr().out


def test_a_damaged_run_is_named(runs, capsys, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(runs / "pmg", folder)
    (folder / "metrics.json").write_text("{")
    assert main(["figures", str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"{folder / 'metrics.json'} is damaged" in error


def test_reproduce_knows_which_trainings_each_figure_needs():
    def needed(name):
        return [
            (recipe.NAME, recipe.model, getattr(recipe, "variant", None))
            for recipe in multigrid_figures._trainings(name, "smoke", ["seed=5"])
        ]

    assert len(needed("multigrid-figure4")) == 5 and {
        name for name, *_ in needed("multigrid-figure4")
    } == {"mnist_segmentation"}
    whole = [model for _, model, variant in needed("multigrid-figure5") if variant == "all"]
    assert whole == ["U-NET-11", "SG-11", "R-SG-20", "PMG-11", "R-PMG-20"]
    single = {
        (model, variant) for _, model, variant in needed("multigrid-figure5") if variant != "all"
    }
    assert len(single) == 2 * 4
    assert {each for each in needed("multigrid-figure6")} <= {
        each for each in needed("multigrid-figure5")
    }
    assert needed("multigrid-table1") == needed("multigrid-figure3") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["figures", "--only", "figure4"],
            "no figure 'figure4' of runs; expected one of multigrid-",
        ),
        (["figures", "nowhere"], "nowhere is not a folder; expected one with finished runs."),
        (
            ["reproduce", "figure4"],
            "There is no table or figure 'figure4'; expected one of table1, table2, table3, "
            "table4, multigrid-figure4, multigrid-figure5, multigrid-figure6, multigrid-figure7, "
            "multigrid-figures, top-down-figure4, top-down-figure6.",
        ),
        (
            ["reproduce", "multigrid-figure4", "--rows", "MG-6"],
            "multigrid-figure4 has no row 'MG-6'; expected one of U-NET-11, SG-11, PMG-11, R-SG-20",
        ),
        (["reproduce", "multigrid-figures", "--scale", "huge"], "There is no scale 'huge' of this"),
    ],
)
def test_misuse_of_figures(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error
