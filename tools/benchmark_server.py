"""Loads `keras-multigrid serve` from this process, with and without batching, by both runtimes.

Sixteen clients, one image a request, as image files or as JSON arrays. Each answer is compared with
what the exported model gives here, one image at a time. Servers take turns; quoted are medians over
them. Server and clients share the machine's cores.

    python tools/benchmark_server.py runs/first/savedmodel/PMG-11 --requests 2000
    python tools/benchmark_server.py exported/R-MG-34 --requests 300 --size 256x320 --files
    python tools/benchmark_server.py runs/first/savedmodel/PMG-11 --beside ../before

With `--beside` the server of another checkout takes turns with this one, both with OpenVINO.
"""

import argparse
import base64
import concurrent.futures
import http.client
import io
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

import numpy as np
from PIL import Image

from keras_multigrid.export.versions import version_folders

CLIENTS = 16
IMAGES = 32
HERE = pathlib.Path(__file__).resolve().parents[1]
SETTINGS = {
    (runtime, batching): (HERE, ["--runtime", runtime, *options])
    for runtime in ("tensorflow", "openvino")
    for batching, options in (
        ("batched", []),
        ("one by one", ["--batch-size", "1", "--batch-timeout-ms", "0"]),
    )
}


def bodies_of(images, files):
    """Returns the bodies of requests with one image each."""
    if not files:
        return [json.dumps({"instances": [image.astype(int).tolist()]}) for image in images]
    bodies = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.astype("uint8").squeeze()).save(file, "JPEG", quality=90)
        encoded = base64.b64encode(file.getvalue()).decode()
        instances = [{"b64": encoded}]
        bodies.append(json.dumps({"signature_name": "image_files", "instances": instances}))
    return bodies


def offline_answers(folder, images, files):
    """Returns what the exported model gives, by TensorFlow, image by image."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(version_folders(folder)[-1]))
    if files:
        bodies = [json.loads(body)["instances"][0]["b64"] for body in bodies_of(images, True)]
        call = loaded.signatures["image_files"]
        outputs = [call(image_files=tf.constant([base64.b64decode(body)])) for body in bodies]
    else:
        call = loaded.signatures["serving_default"]
        dtype = call.structured_input_signature[1]["images"].dtype
        outputs = [call(images=tf.cast(image[None], dtype)) for image in images]
    return [{name: value.numpy()[0] for name, value in output.items()} for output in outputs]


def load(port, name, bodies, expected, requests):
    """Sends requests; returns seconds of each, and of all; raises if an answer is wrong."""
    numbers, local = itertools.count(), threading.local()

    def ask(_):
        index = next(numbers) % len(bodies)
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        start = time.perf_counter()
        local.connection.request("POST", f"/v1/models/{name}:predict", bodies[index])
        response = local.connection.getresponse()
        answer = response.read()
        return time.perf_counter() - start, index, response.status, answer

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(4 * CLIENTS)))  # warm
        start = time.perf_counter()
        answers = list(pool.map(ask, range(requests)))
        total = time.perf_counter() - start
    for _, index, status, answer in answers:
        assert status == 200, answer
        (row,) = json.loads(answer)["predictions"]
        if not isinstance(row, dict):
            row = {next(iter(expected[index])): row}
        for output, values in expected[index].items():
            # Whitening enlarges what batches of other sizes round differently.
            np.testing.assert_allclose(row[output], values, atol=1e-4)
    return [seconds for seconds, *_ in answers], total


def serve_and_load(checkout, folder, options, port, bodies, expected, requests):
    """Starts a checkout's server, loads it, and ends it."""
    command = [sys.executable, "-m", "keras_multigrid.cli", "serve", folder, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, cwd=checkout, env=environment
    ) as server:
        try:
            wait_until_ready(server, port)
            return load(port, folder.name, bodies, expected, requests)
        finally:
            server.terminate()


def wait_until_ready(server, port):
    while True:
        assert server.poll() is None, "the server ended"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path, help="folder of versions")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--size", default="64x64", help="of the images (default: 64x64)")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--files", action="store_true", help="send JPEG files, not arrays")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--port", type=int, default=18600)
    parser.add_argument("--beside", type=pathlib.Path, help="another checkout")
    options = parser.parse_args()
    options.model, settings = options.model.resolve(), SETTINGS
    if options.beside:
        settings = {("this", ""): (HERE, []), ("beside", ""): (options.beside.resolve(), [])}
    height, width = map(int, options.size.split("x"))
    rng = np.random.default_rng(0)
    coarse = rng.random((IMAGES, height // 8, width // 8, options.channels))
    images = np.round(255 * coarse.repeat(8, axis=1).repeat(8, axis=2))
    bodies = bodies_of(images, options.files)
    expected = offline_answers(options.model, images, options.files)
    measured = {key: [] for key in settings}
    for turn in range(options.turns):
        for key, (checkout, arguments) in settings.items():
            print(f"turn {turn + 1}: {', '.join(key)}", flush=True)
            load_of = (options.port, bodies, expected, options.requests)
            seconds, total = serve_and_load(checkout, options.model, arguments, *load_of)
            p50, p99 = np.percentile(seconds, [50, 99])
            measured[key].append((1e3 * p50, 1e3 * p99, options.requests / total))
    print(
        f"{options.model.name}, {options.requests} requests of one {options.size} image, "
        f"{CLIENTS} at a time, {len(bodies[0]):,} bytes each; all answers equal"
    )
    for (runtime, batching), turns in measured.items():
        p50, p99, rate = (statistics.median(values) for values in zip(*turns))
        print(f"{runtime:<11} {batching:<11} p50 {p50:7.1f} ms  p99 {p99:7.1f} ms  {rate:7.1f}/s")


if __name__ == "__main__":
    main()
