"""Wrong requests leave nothing in memory, and what is parsed is bounded."""

import gc
import json
import logging
import pathlib
import weakref

import numpy as np
import pytest

from keras_multigrid.server import computing
from keras_multigrid.server.answering import work_or_refusal
from keras_multigrid.server.computing import Networks
from keras_multigrid.server.interface import Interface
from keras_multigrid.server.limits import Limits
from keras_multigrid.server.protocol import read_request
from keras_multigrid.server.refusal import Refusal

INTERFACE = Interface(
    name="any", version=1, folder=None, shape=(None, None, 3), dtype="float32",
    signatures=("serving_default", "image_files"), metadata={},
)  # fmt: skip


@pytest.fixture
def without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


WRONG = {
    "objects": b'{"instances": [' + b",".join([b"{}"] * 50_000) + b"]}",
    "ragged": b'{"instances": [' + b",".join([b"[[1]]", b"[[1,2]]"] * 20_000) + b"]}",
    "texts": json.dumps({"instances": [[[["a"] * 3] * 100] * 100]}).encode(),
    "booleans": json.dumps({"instances": [[[[True] * 3] * 100] * 100]}).encode(),
    "numbers": b'{"instances": [' + b",".join([b"[1]"] * 50_000) + b"]}",
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_leaves_nothing_in_memory(case, without_collector):
    def ask():
        refusal = work_or_refusal(WRONG[case], INTERFACE, Limits(images=10**6))
        assert isinstance(refusal, Refusal) and refusal.status == 400
        gc.disable()  # reading enables it

    ask()
    before = len(gc.get_objects())
    ask()
    assert len(gc.get_objects()) - before < 2000  # of 40,000 lists and more


@pytest.mark.parametrize("mark", ["{", "[", '"'])
def test_what_would_grow_while_it_is_parsed_is_refused_before(mark, monkeypatch):
    monkeypatch.setattr("keras_multigrid.server.protocol.from_json", None)  # not even called
    body = b'{"instances": ' + mark.encode() * 400
    with pytest.raises(ValueError, match=r"more than \d+ times, and may have 2 images of 100"):
        read_request(body, INTERFACE, Limits(images=2, pixels=100))


@pytest.mark.parametrize("height, width", [(1, 100), (100, 1), (10, 10)])
def test_as_many_images_and_pixels_as_may_be_are_read(height, width):
    images = np.zeros((4, height, width, 3), int).tolist()
    limits = Limits(images=4, pixels=400)
    for document in (
        {"instances": [{"images": image} for image in images]},
        {"inputs": {"images": images}, "signature_name": "serving_default"},
    ):
        work = read_request(json.dumps(document).encode(), INTERFACE, limits)
        assert len(work.images) == 4


@pytest.mark.parametrize(
    "kind, status, part", [(ValueError, 400, "not so"), (OSError, 500, "server's log")]
)
def test_a_batch_that_fails_keeps_no_images(kind, status, part, without_collector, monkeypatch):
    monkeypatch.setattr(logging.getLogger(computing.__name__), "disabled", True)  # pytest keeps it

    class Runtime:
        def __init__(self, interface):
            pass

        def run(self, signature, images):
            if len(images) > 1:
                raise kind("not so")

    def fail():
        networks = Networks(Runtime)
        assert networks.place("key", INTERFACE) is None
        images = np.zeros((2, 4, 4, 3))
        return networks.compute("key", "serving_default", [images]), weakref.ref(images)

    answer, images = fail()
    assert isinstance(answer, Refusal) and answer.status == status and part in answer.sentence
    assert images() is None


@pytest.mark.slow
def test_eight_large_wrong_requests_leave_the_server_as_it_was(models):
    from tests.server.running import serving

    def resident(process):
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    with serving(models / "counter") as server:
        body = b'{"instances": [' + b",".join([b"{}"] * 10_000_000) + b"]}"
        numbers = b'{"instances": [' + b",".join([b"[[1]]"] * 700_000) + b"]}"
        before = sum(map(resident, server.descendants()))
        for wrong in [body, numbers] * 8:
            status, _ = server.request("POST", "/v1/models/counter:predict", wrong)
            assert status == 400
        assert sum(map(resident, server.descendants())) - before < 500
