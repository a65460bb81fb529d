"""The command line, in real processes where that matters."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.cli import main


def test_help_has_an_example_for_every_command(capsys):
    for arguments in (["--help"], ["models", "--help"], ["train", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert "Example: keras-multigrid" in capsys.readouterr().out


def test_models_shows_ours_beside_the_papers(capsys):
    assert main(["models", "R-PMG-2*"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["parameters", "paper", "multiply-adds", "paper"]
    assert row.split() == ["R-PMG-20", "T.", "2,", "3", "1,199,886", "1.20", "M", "3,168,846,336"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "XYZ*"], "No network's name matches 'XYZ*'; try 'PMG*'."),
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


def test_a_used_folder_is_not_overwritten(capsys, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    assert main(["train", "quickstart", "--scale", "smoke", "--output", str(tmp_path)]) == 1
    assert "is not empty; name a new folder with --output." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_quickstart_writes_what_it_promises(tmp_path):
    output = tmp_path / "run"
    command = [sys.executable, "-m", "keras_multigrid.cli", "train", "quickstart"]
    arguments = ["--scale", "smoke", "--set", "seed=3", "--output", str(output)]
    done = subprocess.run(command + arguments, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "PMG-11" in done.stdout and "SG-11" in done.stdout and "mean IoU" in done.stdout
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["recipe"]["seed"] == 3
    assert set(metrics["results"]) == {"PMG-11", "SG-11", "the mean digit"}
    for result in metrics["results"].values():
        assert 0 <= result["iou"] <= 1 and 0 <= result["pixel_error"] <= 1
    assert (output / "predictions.png").read_bytes().startswith(b"\x89PNG")
    model = keras.models.load_model(output / "model.keras")
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 1)).astype("float32")
    import tensorflow as tf

    served = tf.saved_model.load(str(output / "saved_model"))  # its function alone lets go of it
    np.testing.assert_allclose(served.serve(image), model.predict(image, verbose=0), atol=1e-5)
    assert isinstance(model.get_layer("full_unit1_conv"), kmg.layers.MultigridConv2D)
