"""Interrupted trainings end bitwise as those that were not, in processes of their own."""

import pytest

from tests.test_backends import run_python

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "backend, moments, optimizer",
    [
        ("tensorflow", [4], "adam"),
        ("jax", [], "all else"),
        pytest.param("tensorflow", [0, 1, 0, 1, 0, 1, 2, 0, 1], "all else", marks=slow),
        pytest.param("jax", [1, 3, 0, 2, 0, 1], "adam", marks=slow),
        pytest.param("torch", [], "adam", marks=slow),
    ],
)
def test_killed_and_interrupted_runs_end_as_those_that_were_not(
    backend, moments, optimizer, tmp_path, request
):
    pytest.importorskip(backend)
    arguments = ["--interrupt", optimizer, "--kill", *map(str, moments)]
    if backend == "tensorflow" and not request.config.getoption("--runslow"):
        arguments.append("--eagerly")  # but for what is killed
    said = run_python(["-m", "tests.training.small_run", tmp_path, *arguments], backend)
    assert "Saved upon SIGTERM; the same command continues." in said
    assert "Continues at epoch 2, step" in said
