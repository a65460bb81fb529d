"""The server's processes: they end together, and finish what was accepted."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import numpy as np
import pytest

from keras_multigrid.server.serve import _listening
from tests.processes import all_gone, descendants, free_port
from tests.server.running import SERVE, Running, serving

slow = pytest.mark.slow


def first_of(*values):
    """Returns parameters, of which all but the first are for --runslow: a server takes seconds."""
    return [values[0], *(pytest.param(value, marks=slow) for value in values[1:])]


@pytest.mark.parametrize("group", first_of(True, False))
def test_sigterm_finishes_what_was_accepted(models, group):
    server = Running(models / "counter")
    family = server.descendants()
    body = json.dumps({"instances": np.ones((128, 4, 4, 1)).tolist()}).encode()  # takes a while
    log, ended = [], threading.Event()

    def client():
        while not ended.is_set():
            start = time.monotonic()
            try:
                outcome = server.request("POST", "/v1/models/counter:predict", body)[0]
            except OSError as error:
                outcome = type(error)
            log.append((start, time.monotonic(), outcome))
            if outcome != 200:
                time.sleep(0.01)

    clients = [threading.Thread(target=client) for _ in range(16)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    at = time.monotonic()
    for process in [server.process.pid, *(family if group else [])]:
        with contextlib.suppress(ProcessLookupError):
            if process == server.process.pid or os.getpgid(process) == os.getpgid(0):
                os.kill(process, signal.SIGTERM)  # as a signal to the group would
    status = server.process.wait(30)
    ended.set()
    for thread in clients:
        thread.join()
    assert status == 0, server.process.stderr.read()
    assert all_gone(family)
    running = [outcome for start, end, outcome in log if start < at - 0.02 and end > at]
    assert running
    assert {outcome for start, _, outcome in log if start < at - 0.02} == {200}
    after = [outcome for start, _, outcome in log if start >= at - 0.02]
    allowed = {200, ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected}
    assert set(after) <= allowed
    assert after.count(ConnectionRefusedError) > len(after) / 2


def test_sigkill_leaves_no_process(models):
    server = Running(models / "digits")
    family = server.descendants()
    assert len(family) == 1  # which computes
    server.process.kill()
    assert all_gone(family)


def test_a_killed_computing_process_starts_again_and_its_requests_are_told(models):
    body = json.dumps({"instances": np.ones((128, 4, 4, 1)).tolist()}).encode()
    with serving(models / "counter", "--batch-size", "1") as server:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            arguments = ("POST", "/v1/models/counter:predict", body)
            asked = [pool.submit(server.request, *arguments) for _ in range(4)]
            time.sleep(0.5)
            [worker] = server.descendants()
            os.kill(worker, signal.SIGKILL)
            answers = [each.result() for each in asked]
        assert {status for status, _ in answers} <= {200, 503}
        told = [json.loads(answer)["error"] for status, answer in answers if status == 503]
        assert told and all("send it anew" in sentence for sentence in told)
        assert (
            len(server.predict({"instances": np.ones((1, 4, 4, 1)).tolist()})["predictions"]) == 1
        )
        assert server.get("/health")[0] == 200
        assert server.descendants() != [worker]


def test_what_cannot_be_loaded_again_ends_the_server(models, tmp_path):
    shutil.copytree(models / "counter", tmp_path / "counter")
    server = Running(tmp_path / "counter")
    family = server.descendants()
    shutil.rmtree(tmp_path / "counter" / "1")
    os.kill(family[0], signal.SIGKILL)
    assert server.process.wait(60) == 1
    assert all_gone(family)
    error = server.process.stderr.read()
    assert "cannot be loaded again" in error and "Traceback" not in error


@pytest.mark.parametrize("seconds", first_of(1.5, 0.6, 4, 6, 8))
def test_sigterm_during_the_start(models, seconds):
    process = subprocess.Popen([*SERVE, models / "digits", "--port", str(free_port())])
    time.sleep(seconds)
    family = descendants(process.pid)
    process.terminate()
    assert process.wait(10) in (0, -signal.SIGTERM)
    assert all_gone(family)


@pytest.mark.parametrize("seconds", first_of(0.05, 0, 0.1, 1, 4))
def test_sigterm_while_processes_are_started_ends_them_without_a_traceback(models, seconds):
    command = [*SERVE, models / "digits", "--port", str(free_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("Serving digits")
    time.sleep(seconds)
    family = descendants(process.pid)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said and "Error" not in said, said
    assert all_gone(family)


def test_answers_are_sent_without_delay():
    """Else the second part of an answer waits 40 ms for the client's word about the first."""
    with _listening("127.0.0.1", free_port()) as listening:
        assert listening.proto == socket.IPPROTO_TCP
