"""The limits of what the server accepts."""

import dataclasses

from keras_multigrid import checks


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of what the server accepts; `body_mib` times `concurrency` bounds its memory.

    Attributes:
        body_mib: Size of a request's body, in MiB.
        images: Number of images in a request.
        pixels: Number of pixels of a request's images together, and of a batch.
        side: Height or width of an image.
        concurrency: Number of requests at a time.
        seconds: Time of a request, from its first byte.

    Raises:
        ValueError: If one is not a positive integer.

    Example:

    >>> from keras_multigrid.server import Limits
    >>> Limits(body_mib=4).images
    128
    """

    body_mib: int = 32
    images: int = 128
    pixels: int = 2**21
    side: int = 2**13
    concurrency: int = 64
    seconds: int = 60

    def __post_init__(self):
        checks.positive_integers(**dataclasses.asdict(self))
