"""A real server in a process, and what clients send to it."""

import base64
import concurrent.futures
import contextlib
import http.client
import io
import json
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from tests.processes import all_gone, descendants, free_port

SERVE = [sys.executable, "-m", "keras_multigrid.cli", "serve"]
RANDOM = np.random.default_rng(0)
COLOR = RANDOM.integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)


class Running:
    """A server in a process."""

    def __init__(self, model, *options):
        self.port = free_port()
        self.name = model.name
        self.process = subprocess.Popen(
            [*SERVE, model, "--port", str(self.port), "--runtime", "tensorflow", *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 180
        try:
            while self.get("/health")[0] != 200:
                assert self.process.poll() is None, self.process.stderr.read()
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.2)
        except BaseException:
            self.process.kill()
            raise

    def request(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def get(self, path):
        try:
            return self.request("GET", path)
        except OSError:
            return None, b""

    def predict(self, document, path=":predict", status=200):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        got, answer = self.request("POST", f"/v1/models/{self.name}{path}", body)
        assert got == status, answer[:500]
        return json.loads(answer)

    def descendants(self):
        return descendants(self.process.pid)

    def close(self):
        assert self.end() == 0, self.process.stderr.read()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)


@contextlib.contextmanager
def serving(model, *options):
    server = Running(model, *options)
    family = server.descendants()
    try:
        yield server
    finally:
        status = server.end()
        assert all_gone(family)
    assert status == 0, server.process.stderr.read()


def at_once(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(function, arguments))


def encoded(array, kind, **options):
    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, kind, **options)
    return file.getvalue()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}
