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
        finite_only: Whether to refuse images with numbers that are not finite in float32, which
            TensorFlow Serving takes.

    Raises:
        ValueError: If one is not a positive integer, or `finite_only` not a bool.

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
    finite_only: bool = False

    def __post_init__(self):
        fields = dataclasses.asdict(self)
        checks.flags(finite_only=fields.pop("finite_only"))
        checks.positive_integers(**fields)
