"""Memory: what large or dropped requests took does not stay with the process."""

import asyncio
import ctypes
import gc

SECONDS = 2


async def keep_small():
    """Gives back, for ever, what is free; what is here now is never looked at again."""
    gc.freeze()
    gc.collect()  # so that collections come as often as new objects ask for
    trim = _trim()
    while True:
        await asyncio.sleep(SECONDS)
        gc.collect()  # connections that end early leave cycles, with the bodies that they sent
        trim(0)


def _trim():
    """Returns what gives free memory to the system where the C library would keep it: glibc's."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return lambda left: None
