"""Interrupted trainings end bitwise as those that were not, in processes of their own."""

import pytest

from tests.test_backends import run_python

slow = pytest.mark.slow


@pytest.mark.parametrize(
    "backend, optimizer",
    [
        ("tensorflow", "adam"),
        ("jax", "all else"),
        pytest.param("tensorflow", "all else", marks=slow),
        pytest.param("jax", "adam", marks=slow),
        pytest.param("torch", "adam", marks=slow),
    ],
)
def test_a_run_with_interruptions_ends_as_one_without(backend, optimizer, tmp_path):
    pytest.importorskip(backend)
    said = run_python(["-m", "tests.training.small_run", tmp_path, "interrupt", optimizer], backend)
    assert "Saved upon SIGTERM; the same command continues." in said
    assert "Continues at epoch 2, step" in said


@pytest.mark.parametrize(
    "backend, moments",
    [
        ("tensorflow", [4]),
        pytest.param("tensorflow", [0, 1, 0, 1, 0, 1, 2, 0, 1], marks=slow),
        pytest.param("jax", [1, 3, 0, 2, 0, 1], marks=slow),
    ],
)
def test_a_killed_run_ends_as_one_that_was_not(backend, moments, tmp_path):
    pytest.importorskip(backend)
    run_python(["-m", "tests.training.small_run", tmp_path, "kill", *map(str, moments)], backend)
