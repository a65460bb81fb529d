"""What tests of real processes share."""

import pathlib
import socket
import time


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def descendants(process):
    found, parents = [], [process]
    for parent in parents:
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        parents.extend(map(int, children))
        found.extend(map(int, children))
    return found


def all_gone(family, seconds=30):
    end = time.monotonic() + seconds
    while any(pathlib.Path(f"/proc/{process}").exists() for process in family):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
