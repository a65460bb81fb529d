"""From the body of a request to the body of its answer."""

import asyncio
import gc

import anyio
import numpy as np

from keras_multigrid.server.protocol import read_request, write_answer
from keras_multigrid.server.refusal import Refusal

MANY = 2**13  # numbers of an answer, from which a thread writes it
_one_at_a_time = anyio.CapacityLimiter(1)  # an answer's text is many times its arrays


async def answer(body, key, interface, limits, batcher):
    """Returns the body of the answer, or a `Refusal`.

    Args:
        body: The request's.
        key: Of the network, for the batcher.
        interface: The network's `Interface`.
        limits: The `Limits`.
        batcher: The `Batcher`.
    """
    work = work_or_refusal(body, interface, limits)
    if isinstance(work, Refusal):
        return work
    rows = await _rows(work, key, batcher)
    if isinstance(rows, Refusal):
        return rows
    if sum(array.size for row in rows for array in row.values()) < MANY:
        return write_answer(work, rows)
    return await anyio.to_thread.run_sync(write_answer, work, rows, limiter=_one_at_a_time)


def work_or_refusal(body, interface, limits):
    """Returns the `Work` of a body, or what is wrong with it.

    It is not done in a thread: the parser holds Python's lock anyway, and what others allocate
    among the millions of lists that it makes would keep their memory from being given back.
    """
    gc.disable()  # JSON arrays are many lists: looking for cycles among them took half of the time
    try:
        return read_request(body, interface, limits)
    except ValueError as error:
        return Refusal(400, str(error))
    finally:
        gc.enable()


async def _rows(work, key, batcher):
    """Returns a dictionary from the outputs' names to arrays for each image, or a `Refusal`."""
    places = {}
    for place, image in enumerate(work.images):
        places.setdefault(image.shape, []).append(place)
    answers = await asyncio.gather(
        *[
            batcher.submit(key, work.signature, np.stack([work.images[place] for place in alike]))
            for alike in places.values()
        ]
    )
    rows = [None] * len(work.images)
    for outputs, alike in zip(answers, places.values()):
        if isinstance(outputs, Refusal):
            return outputs
        for row, place in enumerate(alike):
            rows[place] = {name: array[row] for name, array in outputs.items()}
    return rows
