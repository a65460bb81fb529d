"""`keras-multigrid predict`: what it writes, refuses, passes over and leaves alone."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

import keras_multigrid as kmg
from keras_multigrid.cli import main
from keras_multigrid.datasets.masks.labels import MaskLabels
from tests.prediction import networks
from tests.prediction.runs import (
    LABELS,
    pixels,
    write_classifier,
    write_image,
    write_run,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def photographs(tmp_path):
    """A folder with two images, one of them in a sub-folder, and what is none."""
    folder = tmp_path / "photographs"
    write_image(folder / "a.png", pixels(9, 12, 3))
    write_image(folder / "summer" / "b.tif", pixels(5, 4, 3, seed=1))
    (folder / "notes.txt").write_text("none")
    write_image(folder / ".hidden.png", pixels(2, 2, 3))
    return folder


def predict(*arguments):
    return main(["predict", *map(str, arguments)])


def rows(path):
    with open(path, newline="") as file:
        return [*csv.reader(file)]


def expected_mask(image):
    return np.array(LABELS.values)[image.argmax(-1)]


def index_mask(path):
    return np.asarray(Image.open(path))


def test_masks_have_the_values_colours_sizes_and_names_of_training(run, photographs, tmp_path):
    output = tmp_path / "output"
    assert predict(run, photographs, "--output", output) == 0
    written = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert written - {".lock"} == {"a.png", "summer/b.png", "pixels.csv", "prediction.json"}
    for name, image in (("a", pixels(9, 12, 3)), ("summer/b", pixels(5, 4, 3, seed=1))):
        mask = Image.open(output / f"{name}.png")
        assert mask.mode == "P"
        np.testing.assert_array_equal(np.asarray(mask), expected_mask(image))
        colours = np.asarray(mask.convert("RGB"))
        np.testing.assert_array_equal(colours, np.eye(3, dtype="uint8")[image.argmax(-1)] * 255)


def test_the_table_counts_pixels_by_image_and_class(run, photographs, tmp_path):
    predict(run / "model.keras", photographs, "--output", tmp_path / "output")
    header, *lines = rows(tmp_path / "output/pixels.csv")
    assert header == ["image", "class", "pixels", "share"]
    counts = np.bincount(pixels(9, 12, 3).argmax(-1).ravel())
    assert lines[:3] == [
        ["a", name, str(count), f"{count / 108:.6f}"] for name, count in zip(LABELS.names, counts)
    ]
    assert [line[0] for line in lines] == ["a"] * 3 + [os.path.join("summer", "b")] * 3


def test_overlays_and_probabilities(run, photographs, tmp_path):
    output = tmp_path / "output"
    options = ["--overlay", "--probabilities", "--flips", "--tile", "8", "--ensemble", run]
    assert predict(run, photographs / "a.png", "--output", output, *options) == 0
    image = pixels(9, 12, 3)
    logits = image.astype("float64") - image.max(-1, keepdims=True)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probabilities = np.load(output / "probabilities/a.npy")
    assert probabilities.dtype == "float16"
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
    overlay = np.asarray(Image.open(output / "overlays/a.jpg"), "float64")
    colours = 255 * np.eye(3)[image.argmax(-1)]
    assert np.abs(overlay.mean((0, 1)) - (0.45 * image + 0.55 * colours).mean((0, 1))).max() < 3


@pytest.mark.parametrize(
    "options, averaged",
    [([], "horizontal"), (["--flips", "both"], "both"), (["--flips", "none"], None)],
)
def test_mirror_images_are_averaged_over_as_when_the_run_was_scored(
    photographs, tmp_path, options, averaged
):
    model = networks.strided()
    run = write_run(tmp_path / "run", model=model, averaged_flips="horizontal")
    output = tmp_path / "output"
    options = [*options, "--probabilities"]
    assert predict(run, photographs / "a.png", "--output", output, *options) == 0
    predicted = np.load(output / "probabilities/a.npy")
    answers = {
        flips: kmg.prediction.predict_image(model, pixels(9, 12, 3), flips=flips)
        for flips in (None, "horizontal", "both")
    }
    near = [flips for flips, answer in answers.items() if np.abs(predicted - answer).max() < 1e-3]
    assert near == [averaged]


def test_classes_of_values_above_255_are_tiff(photographs, tmp_path):
    labels = MaskLabels(names=("a", "b", "c"), values=(1, 300, 2), colours=(0, 1, 2))
    run = write_run(tmp_path / "run", labels)
    assert predict(run, photographs / "a.png", "--output", tmp_path / "output") == 0
    mask = tifffile.imread(tmp_path / "output/a.tif")
    np.testing.assert_array_equal(mask, np.array([1, 300, 2])[pixels(9, 12, 3).argmax(-1)])


def test_masks_of_coloured_training_masks_have_the_classes_numbers(photographs, tmp_path):
    labels = MaskLabels(
        names=("a", "b", "c"), values=(0x800000, 0x8000, 0x80), colours=(0x800000, 0x8000, 0x80),
        coloured=True,
    )  # fmt: skip
    run = write_run(tmp_path / "run", labels)
    predict(run, photographs / "a.png", "--output", tmp_path / "output")
    mask = Image.open(tmp_path / "output/a.png")
    np.testing.assert_array_equal(np.asarray(mask), pixels(9, 12, 3).argmax(-1))
    assert {*map(tuple, np.asarray(mask.convert("RGB")).reshape(-1, 3))} == {
        (128, 0, 0), (0, 128, 0), (0, 0, 128)
    }  # fmt: skip


@pytest.mark.parametrize("pattern", ["**/*.*", "summer/*.tif"])
def test_patterns(run, photographs, tmp_path, pattern):
    output = photographs / "masks"
    for _ in range(2):  # the second time there are masks among what matches
        assert predict(run, photographs / pattern, "--output", output) == 0
    masks = {str(path.relative_to(output)) for path in output.rglob("*.png")}
    assert masks == ({"a.png", "summer/b.png"} if pattern == "**/*.*" else {"b.png"})


def test_an_output_within_the_folder_of_images_is_not_searched(run, photographs, capsys):
    for _ in range(2):
        assert predict(run, photographs, "--output", photographs / "masks") == 0
    assert "Predicted 0 images; 2 were there already." in capsys.readouterr().out
    assert len([*(photographs / "masks").rglob("*.png")]) == 2


class TestContinuing:
    def test_what_is_finished_is_not_predicted_again(self, run, photographs, tmp_path, capsys):
        output = tmp_path / "output"
        predict(run, photographs / "a.png", "--output", output)
        before = (output / "a.png").stat().st_mtime_ns
        assert predict(run, photographs, "--output", output) == 0
        assert "Predicted 1 images; 1 were there already." in capsys.readouterr().out
        assert (output / "a.png").stat().st_mtime_ns == before
        assert len(rows(output / "pixels.csv")) == 1 + 2 * 3

    def test_a_row_that_was_cut_is_counted_anew(self, run, photographs, tmp_path):
        output = tmp_path / "output"
        predict(run, photographs, "--output", output)
        table = (output / "pixels.csv").read_text()
        (output / "pixels.csv").write_text(table[:-20])
        assert predict(run, photographs, "--output", output) == 0
        assert (output / "pixels.csv").read_text() == table

    def test_what_was_killed_goes_on(self, run, tmp_path):
        """Everything that is there after a kill is whole, and is not made anew."""
        folder, output = tmp_path / "images", tmp_path / "output"
        for number in range(40):
            write_image(folder / f"{number:02}.png", pixels(300, 300, 3, seed=number))
        command = ["predict", run, folder, "--output", output, "--tile", "64", "--overlay"]
        command = [sys.executable, "-m", "keras_multigrid.cli", *map(str, command)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while len([*output.glob("[0-9]*.png")]) < 3:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        kept = {path: path.stat().st_mtime_ns for path in output.glob("[0-9]*.png")}
        assert 3 <= len(kept) < 40
        assert main(command[3:]) == 0
        assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
        masks = sorted(path.name for path in output.iterdir() if path.suffix == ".png")
        assert masks == [f"{number:02}.png" for number in range(40)]
        for number in range(40):
            mask = index_mask(output / f"{number:02}.png")
            np.testing.assert_array_equal(mask, expected_mask(pixels(300, 300, 3, seed=number)))
        assert len(rows(output / "pixels.csv")) == 1 + 40 * 3

    def test_predictions_of_another_network_are_not_taken_for_this_ones(
        self, run, photographs, tmp_path, capsys
    ):
        output, other = tmp_path / "output", write_run(tmp_path / "other", model=networks.strided())
        predict(run, photographs, "--output", output)
        before = (output / "a.png").read_bytes()
        assert predict(other, photographs, "--output", output) == 2
        assert "has predictions with other networks; name another" in capsys.readouterr().err
        assert (output / "a.png").read_bytes() == before
        assert predict(other, photographs, "--output", output, "--overwrite") == 0
        assert (output / "a.png").read_bytes() != before
        assert len(rows(output / "pixels.csv")) == 1 + 2 * 3


class TestImagesThatDoNotFit:
    @pytest.mark.parametrize(
        ("name", "write", "sentence"),
        [
            ("cut.png", lambda path: path.write_bytes(b"\x89PNG"), "is not an image file"),
            ("deep.tif", lambda path: tifffile.imwrite(path, pixels(4, 4, 3, dtype="uint16")),
             "has values of uint16, and the network was trained on uint8; convert"),
            ("many.tif", lambda path: tifffile.imwrite(
                path, pixels(4, 4, 5), photometric="minisblack", planarconfig="contig")
            ,
             "has 5 channels, and the network takes 3"),
        ],
    )  # fmt: skip
    def test_one_costs_one_line(self, run, photographs, tmp_path, capsys, name, write, sentence):
        write(photographs / name)
        assert predict(run, photographs, "--output", tmp_path / "output") == 1
        out, error = capsys.readouterr()
        assert f"{photographs / name} {sentence}" in error
        assert len(error.splitlines()) == 1
        assert "Predicted 2 images." in out
        assert "1 images were left out" in out
        options = ["--output", tmp_path / "other", "--on-error", "raise"]
        assert predict(run, photographs / name, *options) == 1
        assert sentence in capsys.readouterr().err

    def test_grey_images_for_colours_are_converted_and_it_is_said(self, run, tmp_path, capsys):
        for name in ("a.png", "b.png"):
            write_image(tmp_path / "grey" / name, pixels(4, 5))
        assert predict(run, tmp_path / "grey", "--output", tmp_path / "output") == 0
        assert capsys.readouterr().out.count("is grey, and the network takes colours") == 1
        assert index_mask(tmp_path / "output/b.png").shape == (4, 5)

    def test_coloured_images_for_grey(self, tmp_path, capsys):
        run = write_run(tmp_path / "run", channels=1)
        grey = np.array([[10, 240], [120, 110]], "uint8")
        write_image(tmp_path / "images/alike.png", np.stack([grey] * 3, axis=-1))
        write_image(tmp_path / "images/colour.png", pixels(4, 4, 3))
        assert predict(run, tmp_path / "images", "--output", tmp_path / "output") == 1
        out, error = capsys.readouterr()
        assert "has three channels that are all alike" in out
        assert "colour.png has 3 channels, and the network takes 1" in error
        mask = index_mask(tmp_path / "output/alike.png")
        np.testing.assert_array_equal(mask, [[0, 255], [7, 7]])

    def test_images_of_16_bits_and_floats_for_networks_of_those(self, tmp_path):
        for image_type, suffix in (("uint16", "png"), ("uint16", "tif"), ("float32", "tif")):
            run = write_run(tmp_path / image_type / suffix, image_type=image_type, channels=1)
            path, grey = tmp_path / f"a.{suffix}", np.array([[10, 240]], image_type)
            Image.fromarray(grey).save(path) if suffix == "png" else tifffile.imwrite(path, grey)
            output = tmp_path / f"output{image_type}{suffix}"
            assert predict(run, path, "--output", output, "--overlay") == 0
            np.testing.assert_array_equal(index_mask(output / "a.png"), [[0, 255]])

    def test_orientation_is_not_applied_and_it_is_said(self, run, tmp_path, capsys):
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(pixels(4, 9, 3)).save(tmp_path / "turned.jpg", exif=exif)
        assert predict(run, tmp_path / "turned.jpg", "--output", tmp_path / "output") == 0
        assert "turned.jpg has an orientation tag, which is not" in capsys.readouterr().out
        assert index_mask(tmp_path / "output/turned.png").shape == (4, 9)

    def test_names_that_are_not_unicode(self, run, tmp_path, capsys):
        name = os.fsdecode(b"caf\xe9")
        write_image(tmp_path / "images" / f"{name}.png", pixels(4, 5, 3))
        try:
            (tmp_path / f"{name}.txt").write_text("")
        except OSError:
            pytest.skip("this file system takes Unicode alone")
        assert predict(run, tmp_path / "images", "--output", tmp_path / "output") == 0
        assert (tmp_path / "output" / f"{name}.png").exists()
        assert rows(tmp_path / "output/pixels.csv")[1][0] == r"caf\udce9"


class TestMisuse:
    @pytest.mark.parametrize(
        ("images", "sentence"),
        [
            (["nowhere"], "There is no file or folder"),
            (["photographs/*.jpg"], "No image matches"),
            (["photographs/notes.txt"], "notes.txt is not an image; expected .png, .jpg"),
            (["run"], "run has no images"),
            (["photographs", "photographs/summer/b.tif", "other/b.jpg"], "both be written as b;"),
            (["clash"], "a.jpg and"),
            (["output"], "is the folder of images and that of --output"),
        ],
    )
    def test_it_is_one_line_before_any_work(
        self, run, photographs, tmp_path, monkeypatch, capsys, images, sentence
    ):
        (tmp_path / "run").mkdir()
        for path in ("other/b.jpg", "clash/a.jpg", "clash/a.png", "output/a.png"):
            write_image(tmp_path / path, pixels(4, 4, 3))
        monkeypatch.chdir(tmp_path)
        assert predict(run, *images, "--output", "output") == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert len(error.splitlines()) == 1
        assert [path.name for path in (tmp_path / "output").iterdir()] == ["a.png"]

    def test_nothing_of_others_is_overwritten(self, run, photographs, tmp_path, capsys):
        write_image(tmp_path / "output/a.png", pixels(4, 4, 3))
        before = (tmp_path / "output/a.png").read_bytes()
        assert predict(run, photographs, "--output", tmp_path / "output") == 2
        assert "a.png is there already, and not of a prediction" in capsys.readouterr().err
        assert (tmp_path / "output/a.png").read_bytes() == before

    def test_images_are_not_overwritten_by_masks(self, run, photographs, capsys):
        options = ["--output", photographs, "--overwrite"]
        assert predict(run, photographs / "a.png", *options) == 2
        assert "a.png is one of the images, and would be written" in capsys.readouterr().err

    def test_runs_that_cannot_be_meant(self, run, photographs, tmp_path, capsys):
        networks.strided().save(tmp_path / "weights.keras")
        (tmp_path / "damaged.keras").write_bytes((run / "model.keras").read_bytes()[:-50])
        other = write_run(tmp_path / "other", channels=1)
        for runs, sentence in (
            ([tmp_path], "has no model.keras; expected the folder of a finished run"),
            ([tmp_path / "nowhere"], "No such file or directory"),
            ([tmp_path / "weights.keras"], "does not say what its outputs mean"),
            ([tmp_path / "damaged.keras"], "is not a .keras file, or is damaged"),
            ([run, "--ensemble", other], "were trained for other classes or images"),
            ([run, "--tile", "0"], "--tile is 0; expected a number of pixels"),
        ):
            output = ["--output", tmp_path / "output"]
            assert predict(runs[0], photographs, *runs[1:], *output) in (1, 2)
            error = capsys.readouterr().err
            assert sentence in error
            assert len(error.splitlines()) == 1


class TestClasses:
    @pytest.fixture(scope="class")
    def classifier(self, tmp_path_factory):
        return write_classifier(tmp_path_factory.mktemp("runs") / "classifier")

    def test_a_table_of_names_and_probabilities(self, classifier, tmp_path, capsys):
        folder, output = tmp_path / "images", tmp_path / "output"
        write_image(folder / "night.png", np.full((20, 31, 3), 5, "uint8"))
        write_image(folder / "day.jpg", np.full((40, 21, 3), 250, "uint8"))
        (folder / "cut.png").write_bytes(b"\x89PNG")
        assert predict(classifier, folder, "--output", output, "--flips") == 1
        assert "cut.png is not a JPEG, PNG" in capsys.readouterr().err
        header, day, night = rows(output / "classes.csv")
        assert header == ["image", "class", "probability", "dark", "bright"]
        assert (day[:2], night[:2]) == (["day", "bright"], ["night", "dark"])
        assert day[2] == day[4]
        assert float(night[2]) == pytest.approx(1 / (1 + np.exp(-9 + 18 * 5 / 255)), abs=1e-5)

        (folder / "cut.png").unlink()
        assert predict(classifier, folder, "--output", output, "--flips") == 0
        assert "Predicted 0 images; 2 were there already." in capsys.readouterr().out
        assert predict(classifier, folder, "--output", output, "--overlay") == 2
        assert "--overlay is of masks" in capsys.readouterr().err

    def test_networks_that_take_prepared_images_are_refused(self, tmp_path, capsys):
        import keras

        from keras_multigrid.export.class_names import add_class_names

        image = keras.Input((32, 32, 3))
        x = keras.layers.GlobalAveragePooling2D()(image)
        keras.Model(image, keras.layers.Dense(2)(x)).save(tmp_path / "model.keras")
        add_class_names(tmp_path / "model.keras", ["a", "b"])
        write_image(tmp_path / "a.png", pixels(4, 4, 3))
        assert predict(tmp_path, tmp_path / "a.png", "--output", tmp_path / "output") == 2
        assert "takes images of (32, 32, 3) that were prepared" in capsys.readouterr().err
