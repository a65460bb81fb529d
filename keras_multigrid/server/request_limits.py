"""The limits of number and time, which every request has to keep."""

import asyncio

from starlette.responses import JSONResponse


class RequestLimits:
    """ASGI middleware: refuses requests beyond a number, and ends those that take too long.

    Args:
        app: The application behind it.
        limits: The `Limits`.
    """

    def __init__(self, app, limits):
        self._app, self._limits, self._running = app, limits, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        if self._running >= self._limits.concurrency:
            return await error_response(
                503,
                f"The server is at work on {self._running} requests, its limit; try again soon.",
                {"Retry-After": "1"},
            )(scope, receive, send)
        self._running += 1
        try:
            async with asyncio.timeout(self._limits.seconds):
                await self._app(scope, receive, send)
        except TimeoutError:
            await error_response(
                504,
                f"There was no answer within {self._limits.seconds} seconds: the server is busy, "
                "or the images are large; try again, with smaller ones.",
            )(scope, receive, send)
        finally:
            self._running -= 1


def error_response(status, sentence, headers=None):
    """Returns a response in TensorFlow Serving's form of errors."""
    return JSONResponse({"error": sentence}, status, headers)
