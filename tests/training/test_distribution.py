"""Several devices and several processes give what one gives."""

import json

import keras
import numpy as np
import pytest

from keras_multigrid import cli
from keras_multigrid.training import data_parallel, join_processes
from tests.test_backends import run_python


def test_two_devices_of_tensorflow(tmp_path):
    run_python(["-m", "tests.training.virtual_devices", tmp_path], "tensorflow")
    results = np.load(tmp_path / "results.npz")
    np.testing.assert_allclose(results["two"], results["one"], rtol=1e-5)
    first, second = results["before"]
    assert np.abs(first - second).max() > 1e-3  # else averaging would not matter
    for replica in results["after"]:
        np.testing.assert_allclose(replica, (first + second) / 2, rtol=1e-6)
    np.testing.assert_allclose(results["loaded"], results["trained"], rtol=1e-5, atol=1e-6)
    assert np.isfinite(results["loss"])


def test_two_devices_of_jax_equal_one(tmp_path):
    pytest.importorskip("jax")
    run_python(["-m", "tests.training.distributed", tmp_path / "results.npz"], "jax")
    results = np.load(tmp_path / "results.npz")
    for name in ("losses", "statistics"):
        np.testing.assert_allclose(results[f"{name} 2"], results[f"{name} 1"], rtol=1e-5)
    assert results["restored 2"]


@pytest.mark.parametrize("killed", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_two_processes_continue_after_one_was_killed_and_equal_one(killed, tmp_path):
    pytest.importorskip("jax")
    run_python(["-m", "tests.training.two_processes", tmp_path, str(killed)], "jax")


def test_several_processes_are_refused_on_tensorflow(monkeypatch, capsys, tmp_path):
    train = ["train", "mnist_segmentation", "--scale", "smoke", "--output", str(tmp_path / "run")]
    several = ["--processes", "2", "--coordinator", "127.0.0.1:1"]
    assert cli.main([*train, *several]) == 2
    errors = capsys.readouterr().err
    assert "does not train in several processes on tensorflow" in errors
    assert "KERAS_BACKEND=jax" in errors and errors.count("\n") == 1
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}))
    assert cli.main(train) == 2
    errors = capsys.readouterr().err
    assert "TF_CONFIG" in errors and "KERAS_BACKEND=jax" in errors and errors.count("\n") == 1


def test_impossible_processes_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="coordinator is None; expected host:port"):
        join_processes(None, 2, 0)
    with pytest.raises(ValueError, match="process is 2; expected an integer from 0 to 1"):
        join_processes("127.0.0.1:1", 2, 2)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    keras.ops.ones(1)  # TensorFlow runs: no more devices can be made
    with pytest.raises(ValueError, match="devices is 64; there are"), data_parallel(64):
        pass
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="devices is 2, but the torch"), data_parallel(2):
        pass
