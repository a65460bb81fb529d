"""The processes of a search on one machine: a chief, which proposes, and workers, which train."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

from keras_multigrid.progress import say

CHIEF, ROLE = "chief", "KERASTUNER_TUNER_ID"
ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
LAST_SECONDS = 5
LEAVING_SECONDS = 120  # to write a checkpoint
TERMINATE_EVERY = 3  # seconds
MOST_RESTARTS = 100


def own_role():
    """Returns this process's role in a search of several, or None; KerasTuner reads it as well.

    Raises:
        ValueError: If the environment does not tell where the chief is.
    """
    role = os.environ.get(ROLE)
    missing = [name for name in ADDRESS if name not in os.environ]
    if role is not None and missing:
        raise ValueError(f"{ROLE} is {role!r}, but {missing[0]} is not set; set both, or none.")
    return role


def address():
    """Returns where the chief listens, as a text."""
    return ":".join(os.environ[name] for name in ADDRESS)


def check_address():
    """Raises an `OSError` if the chief could not listen at its address."""
    host, port = (os.environ[name] for name in ADDRESS)
    try:
        with socket.create_server((host, int(port))):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise OSError(f"The chief cannot listen at {address()}: {error}.") from error


def run_workers(folder, count):
    """Runs the search of a folder in a chief and workers until it is over.

    A worker that is killed is started again, and goes on with its trial.

    Args:
        folder: Path of the search's folder.
        count: Number of workers.

    Raises:
        ChildProcessError: If the chief ends too early, a worker otherwise than by a signal, or
            workers again and again.
    """
    environment = {
        **os.environ,
        **dict(zip(ADDRESS, ("127.0.0.1", str(_free_port())))),
    }
    threads = max(1, (os.cpu_count() or 1) // count)
    for name, value in (
        ("TF_NUM_INTRAOP_THREADS", str(threads)),
        ("OMP_NUM_THREADS", str(threads)),
        ("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
        ("XLA_PYTHON_CLIENT_PREALLOCATE", "false"),
    ):
        environment.setdefault(name, value)  # else the workers are in each other's way

    def start(role):
        command = [sys.executable, "-m", "keras_multigrid.tuning", str(folder)]
        return subprocess.Popen(command, env={**environment, ROLE: role})

    processes = {role: start(role) for role in (CHIEF, *map("worker{}".format, range(count)))}
    restarts = 0
    try:
        while processes[CHIEF].poll() != 0:  # with which the search is over
            for role, process in processes.items():
                if not process.poll():
                    continue
                if role == CHIEF or process.returncode > 0 or restarts == MOST_RESTARTS:
                    raise ChildProcessError(
                        f"The {role} of the search ended with status {process.returncode}; it says "
                        "why above. The same command continues."
                    )
                name = signal.Signals(-process.returncode).name
                say(f"{role} ended by {name}; another goes on with its trial.")
                processes[role] = start(role)
                restarts += 1
            time.sleep(0.2)
        _wait(processes.values())
    except KeyboardInterrupt:  # which all have got
        _wait(processes.values())
        raise
    finally:
        _end(processes.values())


def _wait(processes):
    """Waits a little for processes that are about to end."""
    deadline = time.monotonic() + LAST_SECONDS
    while any([process.poll() is None for process in processes]) and time.monotonic() < deadline:
        time.sleep(0.1)


def _end(processes):
    """Ends processes by SIGTERM, upon which they save; late ones by SIGKILL."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while alive := [process for process in processes if process.poll() is None]:
        late = time.monotonic() > deadline
        for process in alive:  # again and again, for TensorFlow may swallow what a signal raises
            process.kill() if late else process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            alive[0].wait(TERMINATE_EVERY)


def _free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
