"""Batches: what waits, and what goes together."""

import asyncio
import time

import numpy as np
import pytest

from keras_multigrid.server.batcher import Batcher
from keras_multigrid.server.refusal import Refusal


class Network:
    """Answers with the sum of each image; keeps the sizes of the batches."""

    def __init__(self, seconds=0.0):
        self.batches, self._seconds = [], seconds

    async def __call__(self, key, signature, arrays):
        self.batches.append((key, signature, [len(array) for array in arrays]))
        await asyncio.sleep(self._seconds)
        return [{"sums": array.sum((1, 2, 3))} for array in arrays]


def run(network, ask, size=4, pixels=10**6, seconds=0.05):
    """Runs a coroutine function of a batcher."""

    async def main():
        batcher = Batcher(network, size, pixels, seconds)
        running = asyncio.ensure_future(batcher.run())
        try:
            return await ask(batcher)
        finally:
            running.cancel()

    return asyncio.run(main())


def images(count, value=1, side=2):
    return np.full((count, side, side, 1), value)


def test_a_full_batch_does_not_wait():
    network = Network()

    async def ask(batcher):
        return await asyncio.gather(*[batcher.submit("a", "s", images(1, n)) for n in range(4)])

    start = time.monotonic()
    answers = run(network, ask, seconds=30)
    assert time.monotonic() - start < 10
    assert [answer["sums"].tolist() for answer in answers] == [[0], [4], [8], [12]]
    assert network.batches == [("a", "s", [1, 1, 1, 1])]


def test_the_first_waits_for_others_but_not_for_ever():
    network = Network()

    async def ask(batcher):
        first = asyncio.ensure_future(batcher.submit("a", "s", images(1)))
        await asyncio.sleep(0.01)
        await asyncio.gather(first, batcher.submit("a", "s", images(1)))

    run(network, ask, seconds=0.2)
    assert network.batches == [("a", "s", [1, 1])]


def test_what_comes_while_a_batch_is_computed_goes_together():
    network = Network(seconds=0.1)

    async def ask(batcher):
        first = asyncio.ensure_future(batcher.submit("a", "s", images(1)))
        await asyncio.sleep(0.05)
        others = [batcher.submit("a", "s", images(1)) for _ in range(3)]
        await asyncio.gather(first, *others)

    run(network, ask, seconds=0)
    assert [sizes for _, _, sizes in network.batches] == [[1], [1, 1, 1]]


@pytest.mark.parametrize(
    "other",
    [("b", "s", images(1)), ("a", "features", images(1)), ("a", "s", images(1, side=3))],
    ids=["network", "signature", "shape"],
)
def test_only_equal_kinds_go_together(other):
    network = Network()

    async def ask(batcher):
        same = ("a", "s", images(1))
        await asyncio.gather(*[batcher.submit(*each) for each in (same, other, same)])

    run(network, ask)
    assert [sizes for _, _, sizes in network.batches] == [[1, 1], [1]]


@pytest.mark.parametrize("size, pixels, expected", [(4, 10**6, [4, 4, 2]), (9, 8, [2] * 5)])
def test_large_requests_are_split_by_images_and_pixels(size, pixels, expected):
    network = Network()

    async def ask(batcher):
        return await batcher.submit("a", "s", np.arange(10).repeat(4).reshape(10, 2, 2, 1))

    answer = run(network, ask, size=size, pixels=pixels)
    assert [sum(sizes) for _, _, sizes in network.batches] == expected
    assert answer["sums"].tolist() == [4 * n for n in range(10)]


def test_what_nobody_waits_for_is_not_computed():
    network = Network()

    async def ask(batcher):
        gone = asyncio.ensure_future(batcher.submit("a", "s", images(3, 7)))
        await asyncio.sleep(0)
        gone.cancel()
        return await batcher.submit("a", "s", images(1))

    assert run(network, ask)["sums"].tolist() == [4]
    assert network.batches == [("a", "s", [1])]


def test_a_refusal_reaches_all_of_its_batch_and_no_other():
    class Refusing(Network):
        async def __call__(self, key, signature, arrays):
            answers = await super().__call__(key, signature, arrays)
            return Refusal(400, "not so") if signature == "wrong" else answers

    async def ask(batcher):
        signatures = ("wrong", "s", "wrong")
        return await asyncio.gather(
            *[batcher.submit("a", signature, images(1)) for signature in signatures]
        )

    first, second, third = run(Refusing(), ask)
    assert first == third == Refusal(400, "not so")
    assert second["sums"].tolist() == [4]
