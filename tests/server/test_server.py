"""The server, as clients see it: TensorFlow Serving's REST form, and batches."""

import concurrent.futures
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_multigrid.cli import main
from keras_multigrid.server.interface import read_interface
from tests.decoding.samples import KNOWN, by_pillow
from tests.processes import free_port
from tests.server import load
from tests.server.running import COLOR, RANDOM, SERVE, at_once, b64, encoded

slow = pytest.mark.slow
NAMES = ("probabilities", "classes")
OPENVINO = 1e-6  # how far its outputs may be from TensorFlow's


def check_named(rows, expected, atol=0):
    for number, row in enumerate(rows):
        assert set(row) == set(expected)
        for name, array in expected.items():
            value = np.asarray(row[name], array.dtype)
            np.testing.assert_allclose(value, array[number], rtol=0, atol=atol)


@pytest.mark.parametrize("path", [":predict", "/versions/2:predict"])
@pytest.mark.parametrize("wrap", [lambda image: image, lambda image: {"images": image}])
def test_rows_of_several_outputs(digits, offline, path, wrap):
    answer = digits.predict({"instances": [wrap(image) for image in COLOR.tolist()]}, path)
    expected = offline("digits/2", images=COLOR.astype("float32"))
    check_named(answer["predictions"], expected, OPENVINO)


@pytest.mark.parametrize("wrap", [lambda images: images, lambda images: {"images": images}])
def test_columns_of_several_outputs(digits, offline, wrap):
    answer = digits.predict({"inputs": wrap(COLOR.tolist()), "signature_name": "serving_default"})
    expected = offline("digits/2", images=COLOR.astype("float32"))
    assert set(answer["outputs"]) == set(expected)
    for name, array in expected.items():
        value = np.asarray(answer["outputs"][name], array.dtype)
        np.testing.assert_allclose(value, array, rtol=0, atol=OPENVINO)


def test_fractions(digits, offline):
    images = RANDOM.uniform(0, 255, (1, 40, 40, 3)).astype("float32")
    answer = digits.predict({"instances": images.astype("float64").tolist()})
    check_named(answer["predictions"], offline("digits/2", images=images), OPENVINO)


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


def test_files_of_all_kinds(digits):
    files = [b64(data) for data in KNOWN.values()]
    arrays = [by_pillow(data, 3).tolist() for data in KNOWN.values()]
    for start in range(0, len(files), 8):
        part = slice(start, start + 8)
        answer = digits.predict({"signature_name": "image_files", "instances": files[part]})
        expected = digits.predict({"instances": arrays[part]})
        for row, wanted in zip(answer["predictions"], expected["predictions"], strict=True):
            np.testing.assert_allclose(row["probabilities"], wanted["probabilities"], atol=0.01)


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v1/models/digits/versions/1:predict", 404),
        ("POST", "/v1/models/digits:classify", 400),
        ("GET", "/v1/models/other", 404),
        ("GET", "/", 200),
        ("GET", "/other", 404),
    ],
)
def test_addresses(digits, method, path, status):
    got, answer = digits.request(method, path, b"{}" if method != "GET" else None)
    assert got == status
    if status != 200:
        assert "digits:predict" in json.loads(answer)["error"]


def test_bodies_compressed_otherwise_than_by_gzip_are_refused(digits):
    path, headers = "/v1/models/digits:predict", {"Content-Encoding": "br"}
    assert digits.request("POST", path, b"abc", headers)[0] == 415


def test_status_and_metadata(digits):
    for path in ("/v1/models/digits", "/v1/models/digits/versions/2"):
        [version] = json.loads(digits.get(path)[1])["model_version_status"]
        assert (version["version"], version["state"]) == ("2", "AVAILABLE")
    metadata = json.loads(digits.get("/v1/models/digits/metadata")[1])
    assert metadata["model_spec"]["version"] == "2"
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "image_files", "features"}
    assert metadata["metadata"]["class_names"] == [*"0123456789"]


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


def test_openvino_computes_as_it_does_alone(digits, models):
    openvino = pytest.importorskip("openvino")
    accurate = {"EXECUTION_MODE_HINT": "ACCURACY"}
    model = openvino.compile_model(str(models / "digits" / "2"), "CPU", accurate)
    expected = model([COLOR.astype("float32")])
    answer = digits.predict({"instances": COLOR.tolist()})
    check_named(answer["predictions"], {name: expected[name] for name in NAMES})


@pytest.mark.parametrize(
    "options, message",
    [
        (["--runtime", "torch"], "runtime is 'torch'; expected one of tensorflow, openvino."),
        (["--port", "80"], "port is 80; expected an integer from 1024 to 65535."),
        (["--host", "example.org"], "host is 'example.org'; expected one of 127.0.0.1, 0.0.0.0"),
        (["--max-images", "0"], "images is 0; expected a positive integer."),
        (["--batch-size", "0"], "batch_size is 0; expected a positive integer."),
        (["--batch-timeout-ms", "1e6"], "timeout is 1000.0 s; expected less than a request's time"),
        ([], "has no version, such as"),
    ],
)
def test_misuse_is_one_line_and_status_2(options, message, tmp_path, capsys):
    assert main(["serve", str(tmp_path), *options]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


@pytest.mark.parametrize(
    "file, message",
    [
        ("saved_model.pb", "is a version; name the folder above it"),
        ("1/model.onnx", "has no saved_"),
    ],
)
def test_other_folders(file, message, tmp_path, capsys):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    assert main(["serve", str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert message in error


def test_damaged_graphs_are_one_line_and_status_2(models, tmp_path, capsys):
    shutil.copytree(models / "dense", tmp_path / "dense")
    path = tmp_path / "dense" / "1" / "saved_model.pb"
    good = path.read_bytes()
    for damaged in (b"", b"{}", good[: len(good) // 2], good[:-1], b"\xff" * 99, b"PK\x03\x04" * 9):
        path.write_bytes(damaged)
        assert main(["serve", str(tmp_path / "dense")]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert f"{path} is damaged: it is empty, cut, or not a SavedModel" in error


@pytest.mark.parametrize("runtime", ["openvino", pytest.param("tensorflow", marks=slow)])
def test_damaged_variables_are_one_line_and_status_1(runtime, models, tmp_path):
    folder = tmp_path / "dense"
    shutil.copytree(models / "dense" / "1", folder / "1")
    for path in (folder / "1" / "variables").glob("*.data-*"):
        path.write_bytes(path.read_bytes()[:100])
    options = ["--port", str(free_port()), "--runtime", runtime]
    ended = subprocess.run([*SERVE, folder, *options], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert f"{folder / '1'} is damaged: {runtime} cannot compute it (" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_name_is_the_links_own(models, tmp_path):
    (tmp_path / "latest").symlink_to(models / "digits")
    assert read_interface(tmp_path / "latest").name == "latest"
    (tmp_path / "a{b}").symlink_to(models / "digits")
    with pytest.raises(ValueError, match="does not fit into an address; rename it"):
        read_interface(tmp_path / "a{b}")


def test_a_port_in_use_is_one_line_and_status_1(digits, models, capsys):
    assert main(["serve", str(models / "digits"), "--port", str(digits.port)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f"Cannot listen at 127.0.0.1, port {digits.port}: Address already in use" in error


@pytest.mark.parametrize("requests", [200, pytest.param(2000, marks=slow)])
def test_many_requests_from_another_process(requests, digits, offline, tmp_path):
    images = RANDOM.integers(0, 256, (32, 40, 48, 3), dtype=np.uint8)
    expected = offline("digits/2", images=images.astype("float32"))
    np.savez(tmp_path / "load.npz", images=images, **expected)
    arguments = [str(digits.port), tmp_path / "load.npz", str(requests)]
    command = [sys.executable, load.__file__, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert process.stdout == f"{requests} answers, 16 at a time\n", process.stderr
