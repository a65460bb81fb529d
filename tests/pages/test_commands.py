"""Every command of the pages, the docstrings and `--help` runs, at smoke size."""

import argparse
import doctest
import os
import pathlib
import runpy
import shlex
import shutil
import subprocess
import sys
from unittest import mock

import pytest

from keras_multigrid.cli import main
from keras_multigrid.commands.training import find_recipe
from tests.pages import reading
from tests.pages.small import NOT_RUN, PLACEHOLDERS, SLOW, SMALLER, longest_beginning, made_small
from tests.server.running import serving
from tests.test_docstrings import EXAMPLES_ON_RUNS, SLOW_EXAMPLES, examples_of

DOCUMENTED = reading.documented()
TO_RUN = [
    command
    for command, place in DOCUMENTED.items()
    if not place.startswith(("results/", reading.CELL))  # notebooks run when the site is built
    and not place.endswith(".py")
    and reading.program(command) == "keras-multigrid"
    and not longest_beginning(command, NOT_RUN)
]
TO_PARSE = [
    command
    for command in DOCUMENTED
    if command not in TO_RUN
    and not longest_beginning(command, NOT_RUN)
    and "python applications/" not in command
]
NO_PROGRAMS = ("{eval-rst}", "bibtex")
SERVE = "keras-multigrid serve runs"


class Parsed(Exception):
    """The arguments are accepted."""


def is_slow(command):
    return longest_beginning(command, SLOW) is not None


def test_each_entry_of_the_lists_is_on_a_page():
    for beginning in (*NOT_RUN, *SMALLER, *SLOW):
        assert any(command.startswith(beginning) for command in DOCUMENTED), beginning
    words = {word for command in DOCUMENTED for word in command.split()}
    assert words >= set(PLACEHOLDERS)


@pytest.mark.parametrize("page", reading.PAGES, ids=reading.name_of)
def test_no_block_is_passed_over(page):
    for kind, block in reading.FENCED.findall(page.read_text()):
        known = kind in ("", "python", *NO_PROGRAMS) or kind.startswith(reading.CELL)
        assert known, f"blocks of {kind} are not run; leave the language out"
        if not kind and page not in reading.RECORDS:
            assert reading.commands_in(block) == reading.parts_of(block)


def test_examples_of_help_are_run_for_every_command():
    names = {command.split()[1] for command in reading.commands_of_help()}
    assert names == {*reading.names_of_commands()}
    assert names <= {command.split()[1] for command in TO_RUN}


def test_examples_of_help_can_be_copied_from_the_narrowest_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    for name in reading.names_of_commands():
        assert reading.help_of(name).splitlines()[-1].startswith("Example: keras-multigrid "), name


@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_the_pages_show_runs_in_their_order(all_of_them, folder, request):
    """One test, because most commands need what others made."""
    if not all_of_them:
        request.getfixturevalue("eagerly")
        request.getfixturevalue("unpainted")
    ended = {}
    for command in TO_RUN:
        if made_small(command) not in ended and (all_of_them or not is_slow(command)):
            ended[made_small(command)] = end_of(command)
    for name in (*EXAMPLES_ON_RUNS, *(SLOW_EXAMPLES if all_of_them else ())):
        ended[name] = end_of_example(name)
    assert {name: end for name, end in ended.items() if end} == {}
    check_server()


def end_of(command):
    """Returns the status of a command; what its page does not make is supplied."""
    if "runs/table3" in command:
        shutil.copytree("runs/table2", "runs/table3")
    try:
        return main(shlex.split(made_small(command))[1:])
    except SystemExit as left:
        return left.code


def end_of_example(name):
    """Returns the errors that the example of a docstring ends with; what it prints may differ."""
    errors = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.report_failure = lambda *_: None
    runner.report_unexpected_exception = lambda *found: errors.append(repr(found[-1][1]))
    (examples,) = examples_of(name)
    runner.run(examples)
    return errors


def check_server():
    (serve,) = [command for command in DOCUMENTED if command.startswith(SERVE)]
    requests = [command for command in DOCUMENTED if "curl " in command]
    assert len(requests) == 3
    _, _, model, *options = shlex.split(serve)
    with serving(pathlib.Path(model), *options) as server:
        for request in requests:
            request = request.replace("localhost:8501", f"127.0.0.1:{server.port}")
            checked = request.replace("curl ", "curl --silent --show-error --fail ")
            done = subprocess.run(["bash", "-c", checked], capture_output=True, text=True)
            assert done.returncode == 0, (request, done.stderr)
            assert '"AVAILABLE"' in done.stdout or '"predictions"' in done.stdout
        for block in reading.python_blocks(reading.ROOT / "README.md"):
            if "localhost:8501" in block:
                namespace = {}
                exec(block.replace("localhost:8501", f"127.0.0.1:{server.port}"), namespace)
                assert namespace["answer"].status_code == 200 and namespace["prediction"]


@pytest.mark.parametrize("command", TO_PARSE)
def test_arguments_are_accepted(command, monkeypatch):
    """What takes long is not run: measurements, and what results were made with."""
    words, variables = reading.words_of(command)
    if words[0] == "keras-multigrid":
        accepts(words[1:], monkeypatch)
        return
    tool = reading.ROOT / words[1]
    for name, value in variables.items():
        assert (name, value) in [("KERAS_BACKEND", each) for each in ("jax", "tensorflow", "...")]
    monkeypatch.setattr(sys, "argv", words[1:])
    monkeypatch.setattr(sys, "path", [str(tool.parent), *sys.path])
    stop_after_parsing(monkeypatch)
    with mock.patch.dict(os.environ), pytest.raises(Parsed):  # some tools set variables
        runpy.run_path(str(tool), run_name="__main__")


def accepts(words, monkeypatch):
    if words[0] in ("train", "tune"):
        kept = []
        stop_after_parsing(monkeypatch, kept)
        with pytest.raises(Parsed):
            main(words)
        assert find_recipe(kept[0])
    else:
        stop_after_parsing(monkeypatch)
        with pytest.raises(Parsed):
            main(words)


def stop_after_parsing(monkeypatch, kept=None):
    parse = argparse.ArgumentParser.parse_args

    def parse_args(parser, arguments=None, namespace=None):
        options = parse(parser, arguments, namespace)
        if kept is not None:
            kept.append(options)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
