"""What is said of half precision before it takes hours."""

import keras
import pytest

from keras_multigrid.recipes.constraints import PRECISIONS
from keras_multigrid.runs.precision import SLOWDOWNS, slow_precision
from keras_multigrid.runs.process import set_up
from tests.runs.switches import small


@pytest.mark.parametrize("precision", PRECISIONS)
def test_slow_precisions_are_said_before_the_run(precision, capsys):
    with set_up(small(precision=precision)):
        lines = capsys.readouterr().out.splitlines()
        assert keras.config.dtype_policy().name == precision
    if precision == "float32":
        assert lines == []
    else:
        (line,) = lines
        assert line.startswith(f"precision={precision} on a CPU: ")
        assert line.endswith("precision=float32 is faster here.")


def test_an_accelerator_is_not_warned_of(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert [slow_precision(precision) for precision in PRECISIONS] == [None] * 3


def test_every_half_precision_is_measured_where_it_can_be_chosen():
    halves = {precision for precision in PRECISIONS if precision != "float32"}
    assert {precision for backend, precision in SLOWDOWNS} == halves
