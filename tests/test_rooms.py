"""Data flows one way through the package: no room imports one that comes after it."""

import pathlib
import re

import pytest

import keras_multigrid as kmg

PACKAGE = pathlib.Path(kmg.__file__).parent
ROOMS = (
    *("layers", "blocks", "applications", "flipping", "prediction", "planning", "checking"),
    *("recipes", "runs", "comparison", "papers", "tuning", "commands"),
)
IMPORT = re.compile(r"^\s*(?:from|import) keras_multigrid\.(\w+)", re.MULTILINE)  # lazy ones, too


@pytest.mark.parametrize("room", ROOMS)
def test_no_arrow_points_back_up(room):
    files = [*PACKAGE.glob(f"{room}/**/*.py")]
    imported = {name for path in files for name in IMPORT.findall(path.read_text())}
    assert files and not imported & {*ROOMS[ROOMS.index(room) + 1 :]}
