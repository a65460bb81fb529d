"""What runs in LitServe's worker: batches of requests through a runtime."""

import multiprocessing
import os
import sys
import time
from queue import Empty
from typing import Annotated

import anyio
import litserve
import numpy as np
from fastapi import Depends, HTTPException, Request, Response
from litserve.loops import BatchedLoop
from starlette.requests import ClientDisconnect

from keras_multigrid.child_processes import end_with_parent
from keras_multigrid.export.serving import EXAMPLE_SIDE
from keras_multigrid.progress import say
from keras_multigrid.server.gate import error_response
from keras_multigrid.server.interface import DEFAULT, REMEDY
from keras_multigrid.server.protocol import Work, read_request, write_answer
from keras_multigrid.server.runtimes import RUNTIMES, Refusal, compute
from keras_multigrid.stored import DamagedFile

_readers = anyio.CapacityLimiter(os.cpu_count())  # JSON grows tenfold while it is read


async def read_work(request: Request):
    """Reads a request in the HTTP process: a bad one never gets to the others of a batch."""
    interface, limits = request.app.state.interface, request.app.state.limits
    named = (interface.name, f"{interface.name}/versions/{interface.version}")
    if request.path_params["model"] not in named:
        raise HTTPException(
            404,
            f"There is no model {request.path_params['model']!r} here; send to "
            f"/v1/models/{named[0]}:predict or /v1/models/{named[1]}:predict.",
        )
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise HTTPException(415, "The body is compressed; send it as it is.")
    try:
        work = await anyio.to_thread.run_sync(
            _work_or_sentence, await request.body(), interface, limits, limiter=_readers
        )
    except ClientDisconnect as error:
        raise HTTPException(400, "The connection ended before the body did.") from error
    if isinstance(work, str):
        raise HTTPException(400, work)
    return work


def _work_or_sentence(body, interface, limits):
    """Returns the `Work` of a body, or a sentence about what is wrong with it.

    An error that left its thread would be in a cycle with its frames, and keep all that was parsed.
    """
    try:
        return read_request(body, interface, limits)
    except ValueError as error:
        return str(error)


class ServedModel(litserve.LitAPI):
    """A network behind `:predict`.

    LitServe calls `decode_request`'s dependency in the HTTP process and all else in the worker.

    Args:
        interface: The network's `Interface`.
        runtime: "tensorflow" or "openvino".
        batch_size: The largest number of images at once.
        batch_seconds: How long the first request of a batch waits for others.
        batch_pixels: The largest number of pixels at once.
    """

    def __init__(self, interface, runtime, batch_size, batch_seconds, batch_pixels):
        super().__init__(
            max_batch_size=batch_size,
            batch_timeout=batch_seconds,
            api_path="/v1/models/{model:path}:predict",
            loop=ImageBatches(),
        )
        self._interface, self._runtime_name = interface, runtime
        self._batch_pixels = batch_pixels

    def setup(self, device):
        os.setsid()  # a signal to the group, such as Ctrl-C, must not end running requests
        end_with_parent(multiprocessing.parent_process().pid)
        shape = [side or EXAMPLE_SIDE for side in self._interface.shape]
        try:
            self._runtime = RUNTIMES[self._runtime_name](self._interface)
            self._runtime.run(DEFAULT, np.zeros((1, *shape)))  # the first call takes seconds
        except Exception as error:  # the runtimes raise nearly anything
            reason = f"{self._runtime_name} cannot compute it ({type(error).__name__})"
            print(DamagedFile(self._interface.folder, reason, REMEDY), file=sys.stderr, flush=True)
            sys.exit(1)
        say("Ready.")

    def decode_request(self, request: Annotated[Work, Depends(read_work)]):
        return request

    def predict(self, works):
        answers = compute(self._runtime, works, self.max_batch_size, self._batch_pixels)
        return list(zip(works, answers))

    def encode_response(self, output):
        work, answer = output
        if isinstance(answer, Refusal):
            return error_response(answer.status, answer.sentence)
        return Response(write_answer(work, answer), media_type="application/json")


class ImageBatches(BatchedLoop):
    """Sleeps until a request comes, then gathers others; LitServe's own polls each millisecond."""

    def get_batch_requests(self, lit_api, request_queue, transport):
        entries = [request_queue.get()]
        images, end = len(entries[0][3].images), time.monotonic() + lit_api.batch_timeout
        while images < lit_api.max_batch_size:
            try:
                entries.append(request_queue.get(timeout=max(0, end - time.monotonic())))
            except Empty:
                break
            images += len(entries[-1][3].images)
        oldest = time.monotonic() - lit_api.request_timeout  # nobody waits for older ones
        timely = [(queue, key, work) for queue, key, since, work in entries if since >= oldest]
        late = [(queue, key) for queue, key, since, _ in entries if since < oldest]
        return timely, late
