"""Recipes trained from files of samples, in real processes that have JAX and no TensorFlow."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import time

import keras
import numpy as np
import pytest

from keras_multigrid.recipes import LocatedMnist, MnistSpatialTransformer
from keras_multigrid.recipes.overrides import resolve

ROOT = pathlib.Path(__file__).parents[2]
# Python runs it as it starts: as if these were not installed.
WITHOUT_TENSORFLOW = """
from importlib.machinery import PathFinder

MISSING = ("tensorflow", "tensorflow_datasets", "tensorboard", "matplotlib", "sklearn")
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *where: None if name in MISSING else find(name, *where)
"""
SETTINGS = ["model=SG-11", "repeats=1", "steps_per_epoch=10", "checkpoint_seconds=0"]


@pytest.fixture(scope="module", autouse=True)
def surroundings(drawn_without_xla):
    """Makes the tools importable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        patch.setenv(
            "KERAS_BACKEND", keras.backend.backend()
        )  # `train` would set it, for all tests
        yield


def prepare(recipe, settings, output, *options):
    from train_from_arrays import main

    changes = [part for setting in settings for part in ("--set", setting)]
    command = ["prepare", recipe, "--scale", "smoke", *changes, "--output", str(output)]
    assert main([*command, *options]) == 0
    return output


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A file of samples."""
    path = tmp_path_factory.mktemp("data") / "data.npz"
    return prepare("mnist_spatial_transformer", SETTINGS, path)


def start(folder, *arguments):
    """Starts to train, in a process that has no TensorFlow."""
    (folder / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    del environment["KERAS_BACKEND"]  # the script chooses
    command = [sys.executable, str(ROOT / "tools" / "train_from_arrays.py"), "train"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(folder, *arguments):
    process = start(folder, *arguments)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    return said


def test_pieces_on_several_machines_end_as_one(data, tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    whole, killed, elsewhere = (tmp_path / name for name in ("whole", "killed", "elsewhere"))
    state = tmp_path / "state.tar"
    uninterrupted = start(tmp_path, data, whole)
    process = start(tmp_path, data, killed)
    while not any(killed.glob("checkpoints/checkpoint-*.npz")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.kill()
    process.communicate()
    said = train(tmp_path, data, killed, "--minutes", 0, "--state", state)
    assert "Not finished; the same command continues: step " in said
    with tarfile.open(state) as archive:
        names = archive.getnames()
    assert "recipe.json" in names and sum("checkpoint" in name for name in names) == 1
    said = train(tmp_path, data, elsewhere, "--state", state)
    assert "Continues at epoch " in said and "Finished: step 20 of 20" in said
    said = uninterrupted.communicate()[0]
    assert uninterrupted.returncode == 0 and "steps per second on " in said, said

    one, other = (keras.models.load_model(folder / "model.keras") for folder in (whole, elsewhere))
    for variable, value in zip(one.variables, other.variables):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
    metrics, others = (json.loads((run / "metrics.json").read_text()) for run in (whole, elsewhere))
    assert metrics["results"] == others["results"]
    assert metrics["versions"]["backend"] == "jax"
    assert f"| mean IoU | {metrics['scores']['mean IoU']:.2f} | 0.00 |" in (
        (whole / "report.md").read_text()  # the paper's is beside ours
    )
    recipe = resolve(MnistSpatialTransformer, "smoke", SETTINGS)
    results = recipe.evaluate(one, recipe.TEST_SPLIT, verbose=0)
    assert metrics["results"] == pytest.approx(results, abs=1e-5)


def test_samples_are_those_of_the_recipe(tmp_path):
    from packed_samples import read

    settings = "model=M1-MNIST variant=noisy batch_size=100 epochs=20 evaluations=3".split()
    path = prepare("located_mnist", settings, tmp_path / "data.npz", "--passes", "2")
    splits, _, notes = read(path)
    assert notes["one_pass"] == {"train": 2 * 1297, "validation": 100}
    recipe = resolve(LocatedMnist, "smoke", settings)
    tested = recipe.test_data(recipe.TEST_SPLIT).as_numpy_iterator()
    for packed, expected in zip(splits["validation"], map(np.concatenate, zip(*tested))):
        np.testing.assert_array_equal(packed[np.arange(300)], expected, strict=True)
    images, _ = splits["train"]
    first, second = images[np.arange(1297)], images[np.arange(1297, 2594)]
    expected = [batch for batch, _ in recipe.load("train", 100).as_numpy_iterator()]
    np.testing.assert_array_equal(first, np.concatenate(expected), strict=True)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("values, size", [(2, 3), (200, 21), (300, 42), (200_000, 84)])
def test_packed_samples_are_what_they_were(values, size):
    from packed_samples import pack

    samples = np.random.default_rng(0).integers(0, values, (5000, 7, 3)).astype("float32") / 7
    samples[:100] = samples.ravel()[:values][-1]  # not all values in each batch
    (packed,) = pack([(part,) for part in np.split(samples, 50)])
    assert packed.codes.nbytes == 5000 * size
    numbers = np.array([4999, 3, 3, 104])
    np.testing.assert_array_equal(packed[numbers], samples[numbers], strict=True)


def test_batches_continue_anywhere_and_are_of_all_samples():
    from packed_samples import batches_of, pack

    arrays = pack([(np.arange(11),)])
    endless = iter(batches_of(arrays, 11, 3, seed=5, first_batch=0))
    passes = [np.concatenate([next(endless)[0] for _ in range(3)]) for _ in range(4)]
    assert all(len({*drawn}) == 9 for drawn in passes)
    assert len({tuple(drawn) for drawn in passes}) == 4
    later = batches_of(arrays, 11, 3, seed=5, first_batch=7).take(2)
    np.testing.assert_array_equal(np.concatenate([of[0] for of in later]), passes[2][3:9])
    second = batches_of(arrays, 11, 2, seed=5, first_batch=0, share=(1, 2))
    whole = batches_of(arrays, 11, 2, seed=5, first_batch=0)
    np.testing.assert_array_equal(second[6][0], whole[6][0][1:])
    in_order = batches_of(arrays, 11, 3)
    assert [len(labels) for (labels,) in in_order] == [3, 3, 3, 2]
    assert [label for (labels,) in in_order for label in labels] == [*range(11)]
    assert len([*in_order.take(2)]) == 2 and len([*in_order.take(9)]) == 4


def test_misuse_is_one_line(data, tmp_path, capsys):
    from train_from_arrays import main

    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "others.npz", ones=np.ones(3))
    (tmp_path / "state.tar").write_text("no archive")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "else.txt").write_text("")
    smoke = ["--scale", "smoke", "--output"]
    folder, state = str(tmp_path / "run"), ["--state", str(tmp_path / "state.tar")]
    of_samples = ["--set", "variant=rotation"]
    cases = [
        (["prepare", "located_mnist", *smoke, str(data)], 2, "exists; remove it, or name another"),
        (["prepare", "cifar10", *smoke, "x", "--passes", "0"], 2, "--passes is 0; expected"),
        (["train", "nowhere.npz", folder], 1, "No such file or directory: 'nowhere.npz'"),
        (["train", str(tmp_path / "text.npz"), folder], 2, "is no file of `prepare`, or damaged"),
        (["train", str(tmp_path / "others.npz"), folder], 2, "is no file of `prepare`, or damaged"),
        (["train", str(data), folder, *of_samples], 2, "was prepared with all; prepare another"),
        (["train", str(data), folder, *state], 2, "is no state of a run, or damaged"),
        (["train", str(data), str(tmp_path / "full")], 2, "full is not empty (it has else.txt)"),
    ]
    for arguments, status, message in cases:
        assert main(arguments) == status, arguments
        (error,) = capsys.readouterr().err.splitlines()
        assert error.startswith("train_from_arrays: ") and message in error, error
