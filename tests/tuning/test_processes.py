"""Searches in real processes that are killed."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from keras_multigrid.cli import main
from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.tuning import workers
from tests.processes import all_gone, descendants, free_port
from tests.tuning import small_search

TUNE = ["tune", "mnist_segmentation", "--scale", "smoke"]
COMMAND = [sys.executable, "-m", "keras_multigrid.cli", *TUNE]
SMALL = [sys.executable, "-m", "tests.tuning.small_search"]


def start(command, **environment):
    return subprocess.Popen(
        [*map(str, command)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def begun(folder):
    path = folder.parent / "begun"
    return path.read_text().split() if path.exists() else []


def scores(folder):
    """Returns the score of each finished trial, by its number."""
    paths = sorted(folder.glob("trials/*/result.json"))
    return {path.parent.name: json.loads(path.read_text())["score"] for path in paths}


def test_a_killed_search_goes_on_and_repeats_no_finished_trial(monkeypatch, tmp_path):
    folder = tmp_path / "search"
    first = start([*SMALL, folder, 1.5, 6])
    wait_for(lambda: len(begun(folder)) == 3)
    first.kill()
    first.communicate()
    finished = scores(folder)
    assert {*finished} == {"0", "1"}
    with monkeypatch.context() as patch:
        small_search.search(folder, 0, 6, patch)
    assert begun(folder) == ["0", "1", "2", "2", "3", "4", "5"]
    assert len(scores(folder)) == 6 and finished.items() <= scores(folder).items()
    assert (folder / "best.json").exists()


@pytest.mark.slow
def test_another_worker_takes_over_from_one_that_died(tmp_path):
    folder = tmp_path / "search"
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free_port())}
    chief = start([*SMALL, folder, 0, 5], KERASTUNER_TUNER_ID="chief", **address)
    wait_for(lambda: (folder / "search.json").exists())
    doomed = start([*SMALL, folder, 1000, 5], KERASTUNER_TUNER_ID="doomed", **address)
    wait_for(lambda: begun(folder) == ["0"])
    other = start([*SMALL, folder, 0.1, 5], KERASTUNER_TUNER_ID="other", **address)
    wait_for(lambda: len(begun(folder)) == 3)
    doomed.kill()
    doomed.communicate()
    for process in (other, chief):
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert "Traceback" not in output
    assert sorted(begun(folder)) == ["0", "0", "1", "2", "3", "4"]
    assert len(scores(folder)) == 5
    assert "| 5 |" in (folder / "ranking.md").read_text()


def test_a_killed_worker_is_replaced(monkeypatch, tmp_path, capfd):
    """With a program in place of Python: the chief waits until a worker has not been killed."""
    program = tmp_path / "python"
    program.write_text(
        f"""#!/bin/sh
cd "$3"
if [ "${workers.ROLE}" = "{workers.CHIEF}" ]; then
    while [ ! -e done ]; do sleep 0.05; done
elif [ -e killed ]; then
    touch done
else
    touch killed
    kill -9 $$
fi
"""
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    workers.run_workers(tmp_path, 1)
    said = "".join(capfd.readouterr())
    assert "worker0 ended by SIGKILL; another goes on with its trial." in said


@pytest.mark.slow
def test_two_workers_of_a_command_of_which_one_is_killed(tmp_path):
    folder = tmp_path / "search"
    settings = "--set model=SG-11 --set repeats=1 --set checkpoint_seconds=0 --set epochs=4"
    options = "--trials 2 --tuner grid --widths 0.05,0.06 --workers 2"
    search = start([*COMMAND, *settings.split(), *options.split(), "--output", folder])
    logs = folder / "trials" / "0" / "metrics.jsonl"
    wait_for(logs.exists)
    os.kill(_process_of(folder / "trials" / "0"), signal.SIGKILL)
    output, _ = search.communicate(timeout=300)
    assert search.returncode == 0, output
    assert "ended by SIGKILL; another goes on with its trial." in output
    assert {*scores(folder)} == {"0", "1"}
    assert [json.loads(line)["epoch"] for line in logs.read_text().splitlines()] == [*range(1, 5)]
    assert "Traceback" not in output
    assert not re.search(r"^\d+$", output, re.MULTILINE)  # which KerasTuner would print


@pytest.mark.slow
def test_a_worker_that_comes_too_late_is_not_waited_for(tmp_path):
    folder = tmp_path / "search"
    options = (
        "--set model=SG-11 --set repeats=1 --tuner grid --widths 0.05 --trials 1 --output".split()
    )
    first = start([*COMMAND, *options, folder])
    first.communicate(timeout=120)
    again = start([*COMMAND, *options, folder, "--workers", "2"])
    wait_for(lambda: len(descendants(again.pid)) == 3)
    late = max(descendants(again.pid))
    os.kill(late, signal.SIGSTOP)
    wait_for(lambda: again.poll() is not None or len(descendants(again.pid)) == 1)
    os.kill(late, signal.SIGCONT)
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 0, output


def test_a_chief_that_cannot_listen_says_so_in_a_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(MnistSegmentation, "load", lambda *_, **__: [None])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(taken.getsockname()[1]))
        assert main([*TUNE, "--output", str(tmp_path / "search")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("keras-multigrid: The chief cannot listen at 127.0.0.1:")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_workers_end_with_their_command(number, tmp_path):
    folder = tmp_path / "search"
    options = "--set model=SG-11 --set repeats=1 --trials 2 --workers 2 --tuner grid"
    search = start([*COMMAND, *options.split(), "--widths", "0.05,0.06", "--output", folder])
    wait_for(lambda: len([*folder.glob("trials/*/.lock")]) == 2)
    working = [_process_of(path.parent) for path in folder.glob("trials/*/.lock")]
    search.send_signal(number)
    search.communicate(timeout=150)
    assert search.returncode == (0 if number == signal.SIGTERM else -number)
    assert all_gone(working)


def _process_of(folder):
    """Returns the number of the process that holds the lock of a folder."""
    inode = (folder / ".lock").stat().st_ino
    for line in pathlib.Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    raise AssertionError(f"nobody works in {folder}")
