"""Sends `keras-multigrid serve` mixed requests, and measures the memory of each of its processes.

Of twenty requests sixteen are right (one with a large body), two wrong (small and 5 MB), and two
are dropped: in the middle of the body, or before the answer. Memory is PSS, after the first
thousand requests and at the end. All right requests must be answered.

    python tools/soak_server.py runs/first/savedmodel/PMG-11 --requests 20000 --size 32x32
"""

import argparse
import collections
import concurrent.futures
import http.client
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time

import numpy as np
from benchmark_server import CLIENTS, wait_until_ready

FIRST = 1000
LARGE = 16  # images of a large request


def bodies_of(shape):
    """Returns for each of twenty requests what kind it is, and its body."""
    image = np.random.default_rng(0).integers(0, 256, shape).tolist()
    right = json.dumps({"instances": [image]}).encode()
    large = json.dumps({"instances": [image] * LARGE}).encode()
    ragged = json.dumps({"instances": [image, image[1:]]}).encode()
    objects = b'{"instances": [' + b",".join([b"[[1],[2]]"] * 500_000) + b"]}"
    kinds = [("right", right)] * 15 + [("right", large), ("wrong", ragged), ("wrong", objects)]
    return [*kinds, ("cut", right), ("left", right)]


def ask(port, path, kind, body):
    """Sends one request; returns its kind, and the status if the answer is read."""
    if kind in ("cut", "left"):
        sent = body if kind == "left" else body[: len(body) // 2]
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(head.encode() + sent)
        return kind, None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        response.read()
        return kind, response.status
    finally:
        connection.close()


def memory(process):
    """Returns the MiB of a process and of its children: PSS, by its number."""
    found = {}
    children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    for number in [process, *map(int, children)]:
        text = pathlib.Path(f"/proc/{number}/smaps_rollup").read_text()
        found[number] = int(text.partition("\nPss:")[2].split()[0]) / 1024
    return found


def soak(port, name, process, bodies, requests):
    """Sends requests; returns the memory after the first ones and at the end, and all answers."""
    counted, lock, numbers = collections.Counter(), threading.Lock(), itertools.count()

    def one(_):
        answered = ask(port, f"/v1/models/{name}:predict", *bodies[next(numbers) % len(bodies)])
        with lock:
            counted[answered] += 1

    measured, start = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for number in (FIRST, *[FIRST] * (requests // FIRST - 1)):
            list(pool.map(one, range(number)))
            time.sleep(5)  # what was dropped is noticed, and what is free is given back
            measured.append(memory(process))
            shown = ", ".join(f"{mib:.0f} MiB" for mib in measured[-1].values())
            done, seconds = sum(counted.values()), time.monotonic() - start
            print(f"{done} requests, {seconds:.0f} s: {shown}", flush=True)
    return measured[0], measured[-1], counted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path, help="folder of versions")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--size", default="32x32", help="of the images (default: 32x32)")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--port", type=int, default=18700)
    parser.add_argument("--runtime", default="openvino")
    options = parser.parse_args()
    bodies = bodies_of((*map(int, options.size.split("x")), options.channels))
    command = [sys.executable, "-m", "keras_multigrid.cli", "serve", options.model]
    command += ["--port", str(options.port), "--runtime", options.runtime]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(server, options.port)
            name = options.model.resolve().name
            print("at the start:", memory(server.pid))
            arguments = (server.pid, bodies, options.requests)
            first, last, counted = soak(options.port, name, *arguments)
        finally:
            server.terminate()
    for (kind, status), number in sorted(counted.items(), key=str):
        print(f"{kind}: {number} with status {status or '-, not read'}")
    right = {status for kind, status in counted if kind == "right"}
    assert right == {200}, right
    for (process, before), after in zip(first.items(), last.values(), strict=True):
        print(f"process {process}: {before:.0f} to {after:.0f} MiB, {after / before - 1:+.1%}")


if __name__ == "__main__":
    main()
