"""Gathers the images of several requests into batches, of one network, signature and shape."""

import asyncio
import contextlib
import dataclasses
import time

import numpy as np

from keras_multigrid.server.refusal import Refusal


@dataclasses.dataclass(eq=False)
class _Part:
    """Images of one request that are computed together.

    Attributes:
        kind: Network, signature, and shape of an image; those of a batch are equal.
        images: Array (images, height, width, channels).
        answer: Future of a dictionary from the outputs' names to arrays, or of a `Refusal`; it is
            done early if nobody waits any longer.
        since: When it came, in seconds.
    """

    kind: tuple
    images: np.ndarray
    answer: asyncio.Future
    since: float


class Batcher:
    """Computes one batch at a time; what comes meanwhile is gathered for the next.

    Args:
        compute: Coroutine function as `Worker.compute`.
        size: Largest number of images in a batch.
        pixels: Largest number of pixels in a batch, unless one image has more.
        seconds: How long the first images of a batch wait for others.
        note: Function called with the number of images of each batch.
    """

    def __init__(self, compute, size, pixels, seconds, note=lambda images: None):
        self._compute, self._note = compute, note
        self._size, self._pixels, self._seconds = size, pixels, seconds
        self._waiting, self._arrived = [], asyncio.Event()

    async def submit(self, key, signature, images):
        """Computes images of one shape.

        Args:
            key: Key of the network.
            signature: Name of the signature.
            images: Array (images, height, width, channels).

        Returns:
            A dictionary from the outputs' names to arrays, or a `Refusal`.
        """
        kind, size = (key, signature, images.shape[1:]), self._most(images.shape[1:])
        loop, now = asyncio.get_running_loop(), time.monotonic()
        parts = [
            _Part(kind, images[start : start + size], loop.create_future(), now)
            for start in range(0, len(images), size)
        ]
        self._waiting += parts
        self._arrived.set()
        outputs = await asyncio.gather(*[part.answer for part in parts])
        refusals = [output for output in outputs if isinstance(output, Refusal)]
        if refusals or len(outputs) == 1:
            return (refusals or outputs)[0]
        return {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}

    async def run(self):
        """Computes batches until it is cancelled."""
        while True:
            batch = await self._gathered()
            self._note(sum(len(part.images) for part in batch))
            arrays = [part.images for part in batch]
            results = await self._compute(*batch[0].kind[:2], arrays)
            if isinstance(results, Refusal):
                results = [results] * len(batch)
            for part, result in zip(batch, results):
                if not part.answer.done():
                    part.answer.set_result(result)
            del batch, arrays, results  # nothing is kept while the next one is gathered

    async def _gathered(self):
        """Returns the next batch: as soon as it is full, or its first part has waited enough."""
        while True:
            self._arrived.clear()
            batch = self._batch()
            left = batch[0].since + self._seconds - time.monotonic() if batch else None
            images = sum(len(part.images) for part in batch)
            if batch and (left <= 0 or images >= self._most(batch[0].kind[2])):
                self._waiting = [part for part in self._waiting if part not in batch]
                return batch
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._arrived.wait()

    def _batch(self):
        """Returns the parts, of the first one's kind, that make the next batch."""
        self._waiting = [part for part in self._waiting if not part.answer.done()]
        batch, images = [], 0
        for part in self._waiting:
            if part.kind == self._waiting[0].kind:
                images += len(part.images)
                if batch and images > self._most(part.kind[2]):
                    break
                batch.append(part)
        return batch

    def _most(self, shape):
        return max(1, min(self._size, self._pixels // (shape[0] * shape[1])))
