"""Memory: what large requests took does not stay with the process."""

import ctypes
import functools

LARGE = 2**20  # bytes of a body, from which giving back is worth its time
SOON = 0.5  # seconds after the answer, when all that it took is free


def give_back():
    """Returns free memory to the system, where the C library can: glibc keeps it otherwise."""
    if trim := _trim():
        trim(0)


@functools.cache
def _trim():
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None
