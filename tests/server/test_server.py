"""The server, as clients see it: real ones in processes of their own."""

import base64
import concurrent.futures
import contextlib
import http.client
import io
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.cli import main
from tests.server.models import make_models

SERVE = [sys.executable, "-m", "keras_multigrid.cli", "serve"]
RANDOM = np.random.default_rng(0)
COLOR = RANDOM.integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)


class Running:
    """A server in a process."""

    def __init__(self, model, *options):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.name = model.name
        self.process = subprocess.Popen(
            [*SERVE, model, "--port", str(self.port), *options],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 60
        while self.get("/health")[0] != 200:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.2)

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

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)


def descendants(process):
    found, parents = [], [process]
    for parent in parents:
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        parents.extend(map(int, children))
        found.extend(map(int, children))
    return found


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


def all_gone(family):
    end = time.monotonic() + 5
    while any(pathlib.Path(f"/proc/{process}").exists() for process in family):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def at_once(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(function, arguments))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_models(folder)
    return folder


@pytest.fixture(scope="session")
def offline(models):
    import tensorflow as tf

    loaded = {name: tf.saved_model.load(models / name) for name in ("digits/2", "dense/1")}

    def compute(model, signature="serving_default", **inputs):
        outputs = loaded[model].signatures[signature](**inputs)
        return {name: output.numpy() for name, output in outputs.items()}

    return compute


@pytest.fixture(scope="module")
def digits(models):
    with serving(models / "digits", "--max-body-mib", "2", "--max-images", "8") as server:
        yield server


@pytest.fixture(scope="module")
def dense(models):
    with serving(models / "dense", "--max-pixels", "100000") as server:
        yield server


@pytest.fixture(scope="module")
def counter(models):
    with serving(models / "counter", "--max-concurrency", "20") as server:
        yield server


def check_named(rows, expected):
    for number, row in enumerate(rows):
        assert set(row) == set(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(np.asarray(row[name], array.dtype), array[number])


@pytest.mark.parametrize("path", [":predict", "/versions/2:predict"])
@pytest.mark.parametrize("wrap", [lambda image: image, lambda image: {"images": image}])
def test_rows_of_several_outputs(digits, offline, path, wrap):
    answer = digits.predict({"instances": [wrap(image) for image in COLOR.tolist()]}, path)
    check_named(answer["predictions"], offline("digits/2", images=COLOR.astype("float32")))


@pytest.mark.parametrize("wrap", [lambda images: images, lambda images: {"images": images}])
def test_columns_of_several_outputs(digits, offline, wrap):
    answer = digits.predict({"inputs": wrap(COLOR.tolist()), "signature_name": "serving_default"})
    expected = offline("digits/2", images=COLOR.astype("float32"))
    assert set(answer["outputs"]) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(np.asarray(answer["outputs"][name], array.dtype), array)


def test_fractions(digits, offline):
    images = RANDOM.uniform(0, 255, (1, 40, 40, 3)).astype("float32")
    answer = digits.predict({"instances": images.astype("float64").tolist()})
    check_named(answer["predictions"], offline("digits/2", images=images))


def test_single_output_has_no_name(dense, offline):
    images = RANDOM.integers(0, 256, (2, 9, 11, 1), dtype=np.uint8)
    expected = offline("dense/1", images=images)["masks"]
    for key, named in (("instances", "predictions"), ("inputs", "outputs")):
        answer = dense.predict({key: images.tolist()})
        np.testing.assert_array_equal(np.float32(answer[named]), expected)


def test_features(digits, offline):
    answer = digits.predict({"signature_name": "features", "instances": COLOR.tolist()})
    expected = offline("digits/2", "features", images=COLOR.astype("float32"))
    check_named(answer["predictions"], expected)


def encoded(array, kind, **options):
    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, kind, **options)
    return file.getvalue()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"image_files": value}])
def test_png_files_equal_arrays(digits, wrap):
    files = [wrap(b64(encoded(image, "PNG"))) for image in COLOR]
    answer = digits.predict({"signature_name": "image_files", "instances": files})
    assert answer == digits.predict({"instances": COLOR.tolist()})


def test_files_in_columns(digits):
    files = [b64(encoded(image, "PNG")) for image in COLOR]
    expected = digits.predict({"inputs": COLOR.tolist()})
    for inputs in (files, {"image_files": files}):
        assert digits.predict({"signature_name": "image_files", "inputs": inputs}) == expected


def test_jpeg_as_tensorflow_decodes_it(digits, offline):
    smooth = np.indices((40, 48)).sum(0)[..., None] * np.array([1, 2, 2])
    file = encoded(smooth.astype(np.uint8), "JPEG", quality=95)
    row = digits.predict({"signature_name": "image_files", "instances": [b64(file)]})
    expected = offline("digits/2", "image_files", image_files=np.array([file]))
    probabilities = row["predictions"][0]["probabilities"]
    np.testing.assert_allclose(probabilities, expected["probabilities"][0], atol=1e-3)


def test_gray_and_transparent_files_get_the_channels(digits, dense):
    for mode in ("L", "LA", "P", "RGBA", "1"):
        file = io.BytesIO()
        Image.fromarray(COLOR[0]).convert(mode).save(file, "PNG")
        for server in (digits, dense):
            server.predict({"signature_name": "image_files", "instances": [b64(file.getvalue())]})


def wrong_requests():
    image = [[[1, 2, 3], [4, 5, 6]]]
    files = {"signature_name": "image_files"}
    jpeg, png = encoded(COLOR[0], "JPEG"), encoded(COLOR[0], "PNG")
    gif = encoded(COLOR[0], "GIF")
    deep = Image.fromarray(RANDOM.integers(0, 2**16, (4, 4), dtype=np.uint16))
    file = io.BytesIO()
    deep.save(file, "PNG")
    return {
        "no JSON": (b"{", "no JSON"),
        "nothing": (b"", "no JSON"),
        "not UTF-8": (b"\xff\xfe", "no JSON"),
        "deep": (b"[" * 100_000, "no JSON"),
        "NaN": (b'{"instances": [[[[NaN, 1, 2]]]]}', "finite"),
        "infinity": (b'{"instances": [[[[-Infinity, 1, 2]]]]}', "finite"),
        "large": (b'{"instances": [[[[1e400, 1, 2]]]]}', "float32"),
        "large integer": (b'{"instances": [[[[' + b"9" * 300 + b", 1, 2]]]]}", "numbers"),
        "list": ([], "instances"),
        "neither": ({}, "instances"),
        "both": ({"instances": [image], "inputs": [image]}, "instances"),
        "signature": ({"signature_name": "x", "instances": [image]}, "serving_default"),
        "signature's type": ({"signature_name": [1], "instances": [image]}, "signature_name"),
        "no list": ({"instances": 3}, "list"),
        "none": ({"instances": []}, "at least one"),
        "empty": ({"instances": [[]]}, "shape"),
        "empty image": ({"instances": [[[[], []]]]}, "shape"),
        "too many": ({"instances": [image] * 9}, "may have 8"),
        "ragged": ({"instances": [[[[1, 2, 3]], [[1, 2]]]]}, "ragged"),
        "two shapes": ({"instances": [image, image * 2]}, "several shapes"),
        "rank": ({"instances": image}, "shape (2, 3)"),
        "rank 5": ({"instances": [[image]]}, "shape"),
        "channels": ({"instances": [[[[1, 2]]]]}, "any height x any width x 3"),
        "text": ({"instances": [[[["1", "2", "3"]]]]}, "numbers"),
        "null": ({"instances": [[[[1, 2, None]]]]}, "numbers"),
        "boolean": ({"instances": [[[[1, 2, True]]]]}, "true"),
        "object": ({"instances": [{"x": 1}]}, "numbers"),
        "other input": ({"inputs": {"x": [image]}}, "'images'"),
        "files for images": ({"instances": [b64(png)]}, "numbers"),
        "arrays for files": ({**files, "instances": [image]}, "b64"),
        "text for files": ({**files, "instances": ["abc"]}, "b64"),
        "base64": ({**files, "instances": [{"b64": "a?b"}]}, "base64"),
        "base64 in Unicode": ({**files, "instances": [{"b64": "ä"}]}, "base64"),
        "no image": ({**files, "instances": [b64(b"hello")]}, "JPEG or PNG"),
        "no bytes": ({**files, "instances": [b64(b"")]}, "JPEG or PNG"),
        "GIF": ({**files, "instances": [b64(gif)]}, "JPEG or PNG"),
        "truncated JPEG": ({**files, "instances": [b64(jpeg[: len(jpeg) // 2])]}, "truncated"),
        "truncated PNG": ({**files, "instances": [b64(png[: len(png) // 2])]}, "truncated"),
        "16 bits": ({**files, "instances": [b64(file.getvalue())]}, "16 bits"),
    }


WRONG = wrong_requests()


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests(digits, case):
    document, part = WRONG[case]
    error = digits.predict(document, status=400)
    assert list(error) == ["error"]
    assert part in error["error"]
    assert "\n" not in error["error"]


@pytest.mark.parametrize("value", [-1, 256, 0.5])
def test_bytes_are_whole_and_to_255(dense, value):
    error = dense.predict({"instances": [[[[value]]]]}, status=400)
    assert "0 to 255" in error["error"]


def test_bombs(dense):
    bomb = encoded(np.zeros((9000, 9000), np.uint8), "PNG")
    assert len(bomb) < 100_000
    body = {"signature_name": "image_files", "instances": [b64(bomb)]}
    assert "9000 x 9000" in dense.predict(body, status=400)["error"]
    small = b64(encoded(np.zeros((200, 200), np.uint8), "PNG"))
    body = {"signature_name": "image_files", "instances": [small] * 3}
    assert "together" in dense.predict(body, status=400)["error"]
    images = np.zeros((3, 200, 200, 1), int).tolist()
    assert "together" in dense.predict({"instances": images}, status=400)["error"]


def test_bodies_are_limited(digits):
    body = b'{"instances": [' + b"1," * 2**20 * 3
    status, answer = digits.request("POST", "/v1/models/digits:predict", body)
    assert status == 413
    assert "more than 2 MiB" in json.loads(answer)["error"]


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v1/models/digits/versions/1:predict", 404),
        ("POST", "/v1/models/digits:classify", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/", 200),
        ("GET", "/v1/models/digits:predict", 405),
        ("PUT", "/v1/models/digits:predict", 405),
        ("POST", "/v1/models/digits", 405),
    ],
)
def test_addresses(digits, method, path, status):
    got, answer = digits.request(method, path, b"{}" if method != "GET" else None)
    assert got == status
    if status != 200:
        assert "digits:predict" in json.loads(answer)["error"]


def test_compressed_bodies_are_refused(digits):
    path, headers = "/v1/models/digits:predict", {"Content-Encoding": "gzip"}
    assert digits.request("POST", path, b"abc", headers)[0] == 415


def test_status_and_metadata(digits):
    for path in ("/v1/models/digits", "/v1/models/digits/versions/2"):
        [version] = json.loads(digits.get(path)[1])["model_version_status"]
        assert (version["version"], version["state"]) == ("2", "AVAILABLE")
    metadata = json.loads(digits.get("/v1/models/digits/metadata")[1])
    assert metadata["model_spec"]["version"] == "2"
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "image_files", "features"}


def test_sizes_may_differ_between_requests(dense, offline):
    images = [RANDOM.integers(0, 256, (1, 8 + n % 5, 8, 1), dtype=np.uint8) for n in range(64)]
    answers = at_once(dense.predict, [{"instances": image.tolist()} for image in images])
    for image, answer in zip(images, answers):
        expected = offline("dense/1", images=image)["masks"]
        np.testing.assert_allclose(np.float32(answer["predictions"]), expected, atol=1e-6)


def test_requests_are_batched(counter):
    image = np.ones((4, 4, 1))
    bodies = [{"instances": [(image * n).tolist()]} for n in range(64)]
    rows = [answer["predictions"][0] for answer in at_once(counter.predict, bodies)]
    assert [row["means"] for row in rows] == list(range(64))
    sizes = [row["sizes"] for row in rows]
    assert max(sizes) > 4
    assert max(sizes) <= 32


def test_large_requests_are_split(counter):
    answer = counter.predict({"instances": np.ones((40, 4, 4, 1)).tolist()})
    assert sorted({row["sizes"] for row in answer["predictions"]}) == [8, 32]


def test_a_request_that_the_network_refuses_fails_alone(counter):
    good, bad = np.ones((1, 4, 4, 1)), np.ones((1, 5, 5, 1))
    statuses = at_once(
        lambda n: counter.request(
            "POST",
            "/v1/models/counter:predict",
            json.dumps({"instances": (bad if n % 4 == 0 else good).tolist()}).encode(),
        )[0],
        range(64),
    )
    assert statuses == [400, 200, 200, 200] * 16


def test_concurrency_is_limited(counter):
    body = json.dumps({"instances": np.ones((128, 4, 4, 1)).tolist()}).encode()
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        answers = list(
            pool.map(
                lambda _: counter.request("POST", "/v1/models/counter:predict", body), range(120)
            )
        )
    statuses = {status for status, _ in answers}
    assert statuses == {200, 503}
    assert counter.get("/health")[0] == 200


def test_openvino(models):
    with serving(models / "digits", "--runtime", "openvino") as server:
        answer = server.predict({"instances": COLOR.tolist()})
        import openvino

        accurate = {"EXECUTION_MODE_HINT": "ACCURACY"}
        model = openvino.compile_model(str(models / "digits" / "2"), "CPU", accurate)
        expected = model([COLOR.astype("float32")])
        for number, row in enumerate(answer["predictions"]):
            np.testing.assert_array_equal(
                np.float32(row["probabilities"]), expected["probabilities"][number]
            )
            assert row["classes"] == expected["classes"][number]
        files = [b64(encoded(image, "PNG")) for image in COLOR]
        body = {"signature_name": "image_files", "instances": files}
        assert server.predict(body) == answer
        body = {"signature_name": "features", "instances": COLOR.tolist()}
        assert "serving_default" in server.predict(body, status=400)["error"]


@pytest.mark.parametrize("group", [False, True])
def test_sigterm_finishes_what_was_accepted(models, group):
    server = Running(models / "counter")
    family = server.descendants()
    body = json.dumps({"instances": np.ones((1, 4, 4, 1)).tolist()}).encode()
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
    assert len(family) >= 3
    server.process.kill()
    assert all_gone(family)


def test_the_end_of_a_process_ends_the_server(models):
    server = Running(models / "digits")
    family = server.descendants()
    commands = {n: pathlib.Path(f"/proc/{n}/cmdline").read_bytes() for n in family}
    [worker] = [n for n, command in commands.items() if b"spawn_main" in command]
    os.kill(worker, signal.SIGKILL)
    assert server.process.wait(10) == 1
    assert all_gone(family)
    assert "A process of the server ended" in server.process.stderr.read()


@pytest.mark.parametrize("seconds", [0.6, 1.5, 4, 6, 8])
def test_sigterm_during_the_start(models, seconds):
    process = subprocess.Popen([*SERVE, models / "digits", "--port", "18501"])
    time.sleep(seconds)
    family = descendants(process.pid)
    process.terminate()
    assert process.wait(10) in (0, -signal.SIGTERM)
    assert all_gone(family)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--runtime", "torch"], "runtime is 'torch'; expected one of tensorflow, openvino."),
        (["--port", "80"], "port is 80; expected 1024 to 65535."),
        (["--host", "example.org"], "host is 'example.org'; expected one of 127.0.0.1, 0.0.0.0"),
        (["--max-images", "0"], "The limit images is 0; give a positive number."),
        ([], "has no version, 1/saved_model.pb or the like"),
    ],
)
def test_misuse_is_one_line_and_status_2(options, message, tmp_path, capsys):
    assert main(["serve", str(tmp_path), *options]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_a_port_in_use_is_one_line_and_status_1(digits, models, capsys):
    assert main(["serve", str(models / "digits"), "--port", str(digits.port)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f"Cannot listen at 127.0.0.1, port {digits.port}: Address already in use" in error


def test_batches_sleep_until_a_request_comes():
    from keras_multigrid.server.protocol import Work
    from keras_multigrid.server.worker import ImageBatches

    class Options:
        max_batch_size, batch_timeout, request_timeout = 4, 0.2, 60

    def entry(images, since=None):
        return 0, "key", time.monotonic() if since is None else since, Work("x", True, images)

    waiting = queue.Queue()
    for images in ([1], [1], [1, 2], [1]):
        waiting.put(entry(images))
    first, _ = ImageBatches().get_batch_requests(Options, waiting, None)
    assert len(first) == 3  # of four images
    threading.Timer(0.1, lambda: waiting.put(entry([1], since=-100))).start()
    second, late = ImageBatches().get_batch_requests(Options, waiting, None)
    assert (len(second), len(late)) == (1, 1)
