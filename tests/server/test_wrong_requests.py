"""Whatever is wrong with a request: one clear sentence, and the server stays up."""

import json

import numpy as np
import pytest

from tests.server.running import COLOR, b64, encoded


def wrong_requests():
    image = [[[1, 2, 3], [4, 5, 6]]]
    files = {"signature_name": "image_files"}
    jpeg, png = encoded(COLOR[0], "JPEG"), encoded(COLOR[0], "PNG")
    tiff = encoded(COLOR[0], "TIFF")
    return {
        "no JSON": (b"{", "not JSON"),
        "nothing": (b"", "not JSON"),
        "not UTF-8": (b"\xff\xfe", "not JSON"),
        "deep": (b"[" * 100_000, "not JSON"),
        "large": (b'{"instances": [[[[1e400, 1, 2]]]]}', "too big"),
        "large integer": (b'{"instances": [[[[' + b"9" * 400 + b", 1, 2]]]]}", "too big"),
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
        "mixed": ({"instances": [image, {"images": image}]}, "at item 1"),
        "object": ({"instances": [{"x": 1}]}, "numbers"),
        "other input": ({"inputs": {"x": [image]}}, "'images'"),
        "files for images": ({"instances": [b64(png)]}, "numbers"),
        "arrays for files": ({**files, "instances": [image]}, "b64"),
        "text for files": ({**files, "instances": ["abc"]}, "b64"),
        "base64": ({**files, "instances": [{"b64": "a?b"}]}, "base64"),
        "base64 in Unicode": ({**files, "instances": [{"b64": "ä"}]}, "base64"),
        "no image": ({**files, "instances": [b64(b"hello")]}, "not a JPEG, PNG, GIF, BMP or WebP"),
        "no bytes": ({**files, "instances": [b64(b"")]}, "not a JPEG, PNG, GIF, BMP or WebP"),
        "TIFF": ({**files, "instances": [b64(tiff)]}, "not a JPEG, PNG, GIF, BMP or WebP"),
        "truncated JPEG": ({**files, "instances": [b64(jpeg[: len(jpeg) // 2])]}, "truncated"),
        "truncated PNG": ({**files, "instances": [b64(png[: len(png) // 2])]}, "truncated"),
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
    huge = encoded(np.zeros((14000, 14000), np.uint8), "PNG")  # which Pillow itself refuses
    body = {"signature_name": "image_files", "instances": [b64(huge)]}
    assert "has far more than 89478485 pixels" in dense.predict(body, status=400)["error"]
    thin = np.zeros((1, 9000, 1), np.uint8)
    body = {"signature_name": "image_files", "instances": [b64(encoded(thin, "PNG"))]}
    assert "a side may have 8192" in dense.predict(body, status=400)["error"]
    assert (
        "a side may have 8192"
        in dense.predict({"instances": thin[None].tolist()}, status=400)["error"]
    )
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
