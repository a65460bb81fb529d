"""Answers are those of TensorFlow Serving, where its guide, source or tests define them.

Names of files are those of its repository: `g3doc/api_rest.md` is the guide, `json_tensor.cc` and
`http_rest_api_handler_test.cc` are what says most of the rest.
"""

import gzip
import http.client
import json
import struct

import numpy as np
import pytest

from keras_multigrid.server.limits import Limits
from keras_multigrid.server.number_text import array_text
from keras_multigrid.server.protocol import decode_base64, read_request
from tests.server.running import COLOR, b64, encoded, serving
from tests.server.test_memory import INTERFACE


def constant(text):
    """Returns a request for an image whose numbers are all one text."""
    row = f"[{','.join([f'[{text}]'] * 4)}]"
    return f'{{"instances": [[{",".join([row] * 4)}]]}}'.encode()


@pytest.mark.parametrize(
    "text, mean",
    [
        ("NaN", np.nan),  # guide, "JSON conformance"
        ("Infinity", np.inf),
        ("-Infinity", -np.inf),
        ("1e39", np.inf),  # json_tensor_test.cc, FloatTensorThatExceedsMaxReturnsInf
        ("-1e300", -np.inf),
        ("9" * 300, np.inf),
        ("1e-300", 0),  # FloatTensorThatExceedsMinReturnsZero
        ("1435774380", 1435774336),  # FloatTensorWithPrecisionLoss
        ("1435774380.0", 1435774336),
        ("2.5e0", 2.5),
    ],
)
def test_floats_of_requests(counter, text, mean):
    (row,) = counter.predict(constant(text))["predictions"]
    np.testing.assert_equal(np.float32(row["means"]), np.float32(mean))


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e39"])
def test_finite_only_refuses_other_floats(text):
    body = constant(text).replace(f"[{text}]".encode(), f"[{text},0,0]".encode())
    assert len(read_request(body, INTERFACE, Limits()).images) == 1
    with pytest.raises(ValueError, match="not finite in float32"):
        read_request(body, INTERFACE, Limits(finite_only=True))


def as_its_source(value):
    """`WriteDecimal` of json_tensor.cc, for a finite float32."""
    text = f"{value:.6g}"
    if struct.pack("f", float(text)) != struct.pack("f", value):
        text = f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


def test_text_of_floats():
    # json_tensor_test.cc, FromJsonSingleFloatTensorSixDigitPrecision and ...NonFinite
    six = np.float32([[9000000, 999999, 0.5], [0.0003, 0.00003, 555557.5]])
    assert array_text(six) == "[[9e+06,999999.0,0.5],[0.0003,3e-05,555557.5]]"
    other = np.float32([[np.nan, np.inf], [3, -np.inf]])
    assert array_text(other) == "[[NaN,Infinity],[3.0,-Infinity]]"
    assert array_text(np.array([[1, -2]])) == "[[1,-2]]"
    assert array_text(np.zeros((2, 0), "float32")) == "[[],[]]"
    assert array_text(np.float64([0.1, 1 / 3, 7])) == "[0.1,0.33333333333333331,7.0]"


def test_text_of_all_kinds_of_floats():
    rng = np.random.default_rng(0)
    powers = np.float32(10.0 ** np.arange(-44, 39))
    values = [
        powers,
        -np.nextafter(powers, np.float32(0)),
        rng.integers(0, 2**32, 20_000, dtype=np.uint32).view("float32"),
        rng.random(5000).astype("float32"),
        rng.random(5000).round(5).astype("float32"),
        rng.uniform(0, 2e6, 5000).round().astype("float32"),
        np.float32([0, -0.0, 1e9, 123456789, 2.29792e10, 2**24 + 2]),
    ]
    values = np.concatenate(values)
    values = values[np.isfinite(values)]
    assert json.loads(array_text(values)) == pytest.approx(values.tolist(), rel=1e-7)
    assert array_text(values)[1:-1].split(",") == [as_its_source(each) for each in values.tolist()]


@pytest.mark.parametrize("name", [5, 100, False, None, ["serving_default"], {}])
def test_names_of_signatures_are_strings(counter, name):
    # http_rest_api_handler_test.cc, PredictRequestErrors; json_tensor_test.cc
    error = counter.predict({"signature_name": name, "instances": [[[[1]]]]}, status=400)["error"]
    assert "'signature_name' key must be a string value" in error


def test_an_empty_name_is_the_default(counter):  # http_rest_api_handler.cc, GetInfoMap
    body = {"signature_name": "", "inputs": np.ones((2, 4, 4, 1)).tolist()}
    assert counter.predict(body)["outputs"] == {"sizes": [2, 2], "means": [1.0, 1.0]}


@pytest.mark.parametrize("order, message", [
    (1, "Expecting object but got value/list at item 1"),  # json_tensor_test.cc,
    (-1, "Expecting value/list but got object at item 1"),  # MultipleNamedTensorErrors
])  # fmt: skip
def test_rows_of_objects_and_lists_are_not_mixed(counter, order, message):
    image = np.ones((4, 4, 1)).tolist()
    instances = [{"images": image}, image][::order]
    assert message in counter.predict({"instances": instances}, status=400)["error"]


@pytest.mark.parametrize("other", [[[[1, 2, 3]]], [[[[1], [2]]]], [[[1]], [[2]]]])
def test_rows_have_one_size(counter, other):  # json_tensor_test.cc, SingleUnnamedTensorErrors
    image = [[[1], [2]]]
    assert "ragged" in counter.predict({"instances": [image, other]}, status=400)["error"]


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error: "),
        (b'{"instances": [1], "inputs": [1]}', "not formatted correctly"),
        (b'{"instances": [[[["x"]]]]}', "not of expected type"),
        (b'{"signature_name": "x", "instances": [1]}', 'signature name: "x" not found in sig'),
    ],
)
def test_kinds_of_errors(counter, body, message):  # http_rest_api_handler_test.cc, json_tensor.cc
    assert message in counter.predict(body, status=400)["error"]


@pytest.mark.parametrize("text, data", [
    ("aGVsbG8=", b"hello"),
    ("aGVsbG8", b"hello"),
    ("aGVsbG8.", b"hello"),
    ("aG Vs\nbG8 = ", b"hello"),
    ("aGVsbA==", b"hell"),
    ("aGVsbA", b"hell"),
    ("+/+/", b"\xfb\xff\xbf"),
    ("", b""),
])  # fmt: skip
def test_base64(text, data):  # absl/strings/escaping.cc, Base64UnescapeInternal
    assert decode_base64(text) == data


@pytest.mark.parametrize("text", ["-_-_", "a?b=", "aGVsbA=", "aGVsb", "aGVs=", "aGVsbA=A", "ä==="])
def test_wrong_base64(text):
    with pytest.raises(ValueError):
        decode_base64(text)


def test_files_without_padding(digits):
    file = b64(encoded(COLOR[0], "PNG"))
    bare = {"b64": file["b64"].rstrip("=")}
    body = {"signature_name": "image_files", "instances": [file, bare]}
    first, second = digits.predict(body)["predictions"]
    assert first == second


def gzipped(server, data):
    headers = {"Content-Encoding": "gzip"}
    status, answer = server.request("POST", "/v1/models/digits:predict", data, headers)
    return status, json.loads(answer)


def test_compressed_bodies(digits):  # evhttp_request.cc, ReadRequestGzipBytes
    body = json.dumps({"instances": COLOR.tolist()}).encode()
    assert gzipped(digits, gzip.compress(body)) == (200, digits.predict(body))
    for damaged in (body, gzip.compress(body)[:-9], gzip.compress(body) + b"x", b""):
        status, answer = gzipped(digits, damaged)
        assert (status, "gzip" in answer["error"]) == (400, True)


def test_the_limit_is_on_what_a_body_becomes(digits):
    large = gzip.compress(b" " * (2 * 2**20 + 1))
    assert len(large) < 10_000
    status, answer = gzipped(digits, large)
    assert (status, "more than 2 MiB" in answer["error"]) == (413, True)


@pytest.mark.parametrize("method, path, message", [
    ("GET", "/v1/foo", "Malformed request: GET /v1/foo"),
    ("POST", "/v1/foo", "Malformed request: POST /v1/foo"),
    ("GET", "/v1/models", "Missing model name in request"),
    ("GET", "/v1/models/debug/model_name", "Malformed request"),
    ("POST", "/v1/models", "Malformed request"),
    ("GET", "/v1/models/digits:predict", "Malformed request"),
    ("PUT", "/v1/models/digits:predict", "Malformed request: PUT"),
    ("GET", "/v1/models/digits/version/50:predict", "Malformed request"),
    ("POST", "/v1/models/digits/version/50:regress", "Malformed request"),
    ("POST", "/v1/models/digits/versions/HELLO:regress", "Malformed request"),
    ("POST", f"/v1/models/digits/versions/{2**64 - 1}:regress", "Failed to convert version"),
    ("POST", "/v1/models/digits", "Malformed request"),
    ("POST", "/v1/models/digits/metadata", "Malformed request"),
    ("POST", "/v1/models/digits/label/some_label:regress", "Malformed request"),
    ("POST", "/v1/models/digits/versions/50/labels/some_label:regress", "Malformed request"),
    ("POST", "/v1/models/digits/labels/missing:predict", "Unrecognized servable version label"),
    ("POST", "/v1/models/digits:classify", "Expected a classify signature"),
])  # fmt: skip
def test_malformed_addresses(digits, method, path, message):
    # http_rest_api_handler_test.cc, UnsupportedApiCalls and PredictRequestErrors
    status, answer = digits.request(method, path, b"{}" if method != "GET" else None)
    assert status == 400
    assert json.loads(answer)["error"].startswith(message)


@pytest.mark.parametrize("path, message", [
    ("foo:predict", "Servable not found for request: Latest(foo)"),
    ("foo/versions/50:predict", "Servable not found for request: Specific(foo, 50)"),
    ("digits/versions/99:predict", "Servable not found for request: Specific(digits, 99)"),
    ("foo", "Could not find any versions of model foo"),
    ("digits/versions/99", "Could not find version 99 of model digits"),
])  # fmt: skip
def test_what_is_not_there(digits, path, message):
    # http_rest_api_handler_test.cc, PredictModelNameVersionErrors; get_model_status_impl.cc
    method, body = ("POST", b'{"instances": [1]}') if "predict" in path else ("GET", None)
    status, answer = digits.request(method, f"/v1/models/{path}", body)
    assert status == 404
    assert json.loads(answer)["error"].startswith(message)


def test_addresses_have_no_case_and_may_be_escaped(counter):  # http_rest_api_util.cc
    assert counter.get("/V1/Models/counter")[0] == 200
    assert counter.get("/v1/models/%63ounter/Metadata")[0] == 200


def test_metadata(counter):
    # guide, "Model Metadata API"; saved_model_half_plus_two_2_versions_metadata.json
    def tensor(dtype, *sizes):
        dims = [{"size": size, "name": ""} for size in sizes]
        return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}}

    found = json.loads(counter.get("/v1/models/counter/metadata")[1])
    assert set(found) == {"model_spec", "metadata"}
    assert found["model_spec"] == {"name": "counter", "signature_name": "", "version": "1"}
    assert set(found["metadata"]) == {"signature_def"}
    (signature,) = found["metadata"]["signature_def"]["signature_def"].values()
    named = signature["inputs"]["images"].pop("name")
    assert named == "serving_default_images:0"
    outputs = {name: output.pop("name") for name, output in signature["outputs"].items()}
    assert all(name.endswith((":0", ":1")) for name in outputs.values())
    assert signature == {
        "inputs": {"images": tensor("DT_FLOAT", "-1", "4", "4", "1")},
        "outputs": {"means": tensor("DT_FLOAT", "-1"), "sizes": tensor("DT_INT32", "-1")},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }


def test_status(counter):  # guide, "Model status API"; http_rest_api_handler_test.cc, GetStatus
    fine = {"error_code": "OK", "error_message": ""}
    expected = {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": fine}]}
    for path in ("", "/versions/1"):
        assert json.loads(counter.get(f"/v1/models/counter{path}")[1]) == expected


def test_metrics(models):  # g3doc/serving_config.md, "Monitoring Configuration"
    with serving(models / "counter") as server:
        image = np.ones((4, 4, 1)).tolist()
        server.predict({"instances": [image] * 5})
        server.predict({"instances": []}, status=400)
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/monitoring/prometheus/metrics")
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/plain")
        lines = response.read().decode().splitlines()
        connection.close()
    start, of_model = ":tensorflow:serving:", 'model_name="counter"'
    for line in (
        f'request_count_total{{{of_model},status="200"}} 1.0',
        f'request_count_total{{{of_model},status="400"}} 1.0',
        f"request_errors_total{{{of_model}}} 1.0",
        f"request_latency_seconds_count{{{of_model}}} 1.0",
        'batch_size_bucket{le="4.0"} 0.0',
        'batch_size_bucket{le="8.0"} 1.0',
    ):
        assert start + line in lines
