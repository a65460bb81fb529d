"""The programs of applications/ run to their end, with the commands of their own docstrings."""

import ast
import contextlib
import pathlib
import shlex
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from keras_multigrid.datasets import Segmentation
from tests.pages import reading
from tests.pages.small import PROGRAMS_SMALLER

PROGRAMS = sorted(reading.ROOT.glob("applications/*.py"))


def command_of(program):
    """Returns the arguments of the command in a program's docstring."""
    (command,) = [
        command
        for command in reading.commands_of_docstrings(program)
        if command.startswith("python ")
    ]
    _, name, *arguments = shlex.split(command)
    assert name == reading.name_of(program)
    return arguments


def run(program, arguments, monkeypatch, smaller=()):
    text = program.read_text()
    for old, new in dict(smaller).items():
        assert old in text, f"{program.name} has no {old!r} any more"
        text = text.replace(old, new)
    monkeypatch.setattr(sys, "argv", [program.name, *arguments])
    exec(compile(text, program.name, "exec"), {"__name__": "__main__", "__doc__": ""})


@pytest.mark.parametrize("program", PROGRAMS, ids=reading.name_of)
def test_without_arguments_it_says_what_it_takes(program, monkeypatch):
    with pytest.raises(SystemExit) as left:
        run(program, [], monkeypatch)
    words = str(left.value).partition("    (")[0].split()
    assert words[:2] == ["usage:", program.name]
    expected = len(command_of(program))
    assert len(words[2:]) == expected or words[-1].endswith("...")


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=reading.name_of)
def test_it_runs_to_its_end(program, monkeypatch, tmp_path):
    tfds.disable_progress_bar()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(Segmentation, "SAMPLES", {"train": 8, "validation": 4, "test": 4})
    make_photographs()
    with contextlib.ExitStack() as stack:
        if "cifar" in program.name:  # which is not here
            stack.enter_context(tfds.testing.mock_data(num_examples=8))
        run(program, command_of(program)[:2], monkeypatch, PROGRAMS_SMALLER[program.name])
    assert any(pathlib.Path("runs").iterdir())


def make_photographs():
    for folder in ("train/cat", "train/dog", "validation/cat", "validation/dog"):
        path = pathlib.Path("PHOTOGRAPHS", folder)
        path.mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full([40, 40, 3], number, np.uint8)).save(path / f"{number}.png")


def test_each_program_is_made_small_and_no_other():
    assert {program.name for program in PROGRAMS} == set(PROGRAMS_SMALLER)
    assert all(ast.get_docstring(ast.parse(program.read_text())) for program in PROGRAMS)
