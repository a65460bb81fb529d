"""The command line, in real processes where that matters."""

import functools
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
import keras_multigrid_cli
from keras_multigrid.cli import main
from keras_multigrid.recipes import Quickstart
from keras_multigrid.runs.trained import read_results

COMMANDS = (
    "models data check train evaluate predict reproduce tune attention figures routing export serve"
).split()


def test_help_has_an_example_for_every_command(capsys):
    for command in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit) as stopped:
            main([*command, "--help"])
        assert stopped.value.code == 0
        assert "Example: keras-multigrid" in capsys.readouterr().out


def test_models_shows_ours_beside_the_papers(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("keras_multigrid.applications.pretrained.FOLDER", tmp_path)
    assert main(["models", "R-PMG-2*"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["parameters", "paper", "multiply-adds", "paper", "weights"]
    assert row.split() == ["R-PMG-20", "T.", "2,", "3", "1,199,886", "1.20", "M", "3,168,846,336"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "XYZ*"], "No network's name matches 'XYZ*'; try 'PMG*'."),
        (["data", "mnist"], "no data set 'mnist'; expected one of mnist_segmentation, "),
        (["data", "located_mnist/grass"], "no variant 'grass'; expected one of plain, noisy"),
        (["data", "mnist_segmentation", "--split", "dev"], "no split 'dev'; expected one of"),
        (["data", "located_mnist", "--source", "svhn"], "no source 'svhn'; expected one of mnist"),
        (["data", "image_folder", "--data-dir", "nowhere"], "nowhere/train is not a directory; "),
        (["train", "quickstart", "--set", "sead=1"], "no field 'sead'; did you mean 'seed'?"),
        (["train", "quickstart", "--set", "seed"], "--set takes KEY=VALUE, for example seed=1"),
        (["train", "quickstart", "--set", "seed=one"], "seed is 'one'; expected int."),
        (["train", "quickstart", "--set", "deterministic=1"], "expected true or false."),
        (["train", "quickstart", "--set", "epochs=0"], "epochs is 0; expected a positive number."),
        (["train", "quickstart", "--set", "source=svhn"], "no source 'svhn'; expected one of"),
        (["train", "quickstart", "--set", "model=PMG-12"], "no network 'PMG-12'; nearest: PMG-1"),
        (
            ["train", "quickstart", "--scale", "huge"],
            "no scale 'huge' of this recipe; expected one",
        ),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, message, capsys, tmp_path):
    if arguments[0] == "train":
        arguments = [*arguments, "--output", str(tmp_path)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_unknown_command_is_status_2():
    with pytest.raises(SystemExit) as stopped:
        main(["fly"])
    assert stopped.value.code == 2


def test_data_says_what_there_is_and_draws_it(capsys, tmp_path):
    picture = tmp_path / "samples.png"
    arguments = ["--split", "test", "--source", "digits", "--samples", "20"]
    assert main(["data", "located_mnist/noisy", *arguments, "--preview", str(picture)]) == 0
    title, images, targets, written = capsys.readouterr().out.splitlines()
    assert title == "located_mnist/noisy, test: 15 batches of up to 20 samples"  # of 300
    assert images.startswith("  images   float32 (20, 56, 56, 1), from 0 to 1, mean 0.")
    assert targets.startswith("  targets  int64 (20,), from 0 to 9, mean ")
    assert written == f"Written: {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_data_loads_what_it_is_asked_for(monkeypatch, tmp_path):
    asked = []

    def load(*arguments, **options):
        asked.append((*arguments, options))
        raise OSError("not here")

    monkeypatch.setattr("keras_multigrid.commands.zoo.load", load)
    assert main(["data", "cifar10"]) == 1
    arguments = ["--split", "test", "--seed", "5", "--data-dir", str(tmp_path), "--samples", "9"]
    assert main(["data", "located_mnist", "--source", "digits", *arguments]) == 1
    assert asked == [
        ("cifar10", "train", 32, {"source": "mnist", "seed": 0, "data_dir": None}),
        ("located_mnist", "test", 9, {"source": "digits", "seed": 5, "data_dir": str(tmp_path)}),
    ]


def test_data_that_cannot_be_had_are_one_line_and_status_1(capsys, monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    # TensorFlow Datasets itself tries for minutes before it gives up.
    monkeypatch.setattr("tensorflow_datasets.load", refuse)
    assert main(["data", "located_mnist", "--data-dir", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("keras-multigrid: MNIST is neither in data_dir=")
    assert error.endswith("or take source='digits'.")


def test_a_used_folder_is_not_overwritten(capsys, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    assert main(["train", "quickstart", "--scale", "smoke", "--output", str(tmp_path)]) == 2
    assert "name another folder with --output." in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"precious.txt", ".lock"}


def run_process(*arguments):
    command = [sys.executable, "-m", "keras_multigrid_cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_a_process_ends_with_the_status_of_its_command_and_says_nothing_else():
    done = run_process("models", "XYZ*")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("keras-multigrid: No network's name matches 'XYZ*'")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--verbose", "--help"], [], ["fly"]])
def test_help_is_the_same_before_anything_is_imported(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["keras-multigrid", *arguments])
    ends = []
    for start in (keras_multigrid_cli.main, functools.partial(main, arguments)):
        with pytest.raises(SystemExit) as left:
            start()
        ends.append((left.value.code, capsys.readouterr()))
    assert ends[0] == ends[1]


def test_help_needs_neither_keras_nor_the_package():
    program = (
        "import contextlib, sys, keras_multigrid_cli as cli\n"
        "sys.argv[1:] = ['--help']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    cli.main()\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'keras_multigrid'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_what_libraries_say_on_the_way_is_sifted(capfd):
    def load():
        os.write(2, b"I0000 00:00:17.1 7 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"a warning that counts\n")
        os.write(2, b"E0000 00:00:17.1 7 file.cc:31] an error\n")

    keras_multigrid_cli.without_chatter(load)
    kept = "a warning that counts\nE0000 00:00:17.1 7 file.cc:31] an error\n"
    assert capfd.readouterr().err == kept


@pytest.mark.parametrize("in_a_process", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_quickstart_writes_what_it_promises(in_a_process, tmp_path, request, capsys):
    output = tmp_path / "run"
    arguments = ["train", "quickstart", "--scale", "smoke", "--set", "seed=3"]
    arguments += ["--set", "evaluation_batches=1", "--output", str(output)]
    if in_a_process:
        done = run_process(*arguments)
        assert done.returncode == 0, done.stderr
        said = done.stdout
    else:
        request.getfixturevalue("drawn_without_xla")
        request.getfixturevalue("eagerly")
        assert main(arguments) == 0
        said = capsys.readouterr().out
    for name in ("mean IoU", "mean IoU of SG-11", "mean IoU of the mean digit"):
        assert f"  {name:<31} " in said
    metrics, baseline = (
        read_results(output / folder / "metrics.json", Quickstart) for folder in ("", "SG-11")
    )
    assert metrics["fields"]["seed"] == baseline["fields"]["seed"] == 3
    assert metrics["results"]["iou_SG-11"] == baseline["results"]["iou"]
    assert baseline["macs"] == 14_450_688 and metrics["macs"] == 10_722_816
    for name, result in metrics["results"].items():
        assert "loss" in name or 0 <= result <= 1
    assert (output / "predictions.png").read_bytes().startswith(b"\x89PNG")
    model = keras.models.load_model(output / "model.keras")
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 1)).astype("float32")
    import tensorflow as tf

    served = tf.saved_model.load(str(output / "saved_model"))  # its function alone lets go of it
    np.testing.assert_allclose(served.serve(image), model.predict(image, verbose=0), atol=1e-5)
    assert isinstance(model.get_layer("full_unit1_conv"), kmg.layers.MultigridConv2D)
