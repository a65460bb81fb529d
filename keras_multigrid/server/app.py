"""The addresses of the server, in TensorFlow Serving's form."""

import asyncio
import re
import time
import urllib.parse

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from keras_multigrid.server.answering import answer
from keras_multigrid.server.bodies import read_body
from keras_multigrid.server.page import POLICY, page
from keras_multigrid.server.refusal import Refusal

WHICH = r"(?:/versions/(?P<number>\d+)|/labels/(?P<label>[^/:]+))?"
POST = re.compile(rf"/v1/models/(?P<name>[^/:]+){WHICH}:(?P<verb>classify|regress|predict)", re.I)
GET = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{WHICH}(?P<metadata>/metadata)?", re.I)


class Service:
    """What answers requests.

    Args:
        models: The `Models`.
        batcher: The `Batcher`.
        worker: The `Worker`.
        limits: The `Limits`.
        metrics: The `Metrics`.
    """

    def __init__(self, models, batcher, worker, limits, metrics):
        self._models, self._batcher, self._worker = models, batcher, worker
        self._limits, self._metrics, self._running = limits, metrics, 0

    def app(self):
        """Returns the application."""
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/health", self._health),
                Route("/monitoring/prometheus/metrics", self._metrics_page),
                Route("/{path:path}", self),  # an object, unlike a function, for all methods
            ],
            exception_handlers={500: lambda *_: _response(Refusal(500, "See the server's log."))},
        )

    async def __call__(self, scope, receive, send):
        response = await self._response(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _page(self, request):
        found = [self._models.find(name) for name in self._models.names]
        interfaces = [each.interface for each in found if not isinstance(each, Refusal)]
        text = page(interfaces, self._limits)
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    async def _health(self, request):
        ready = self._worker.ready
        return PlainTextResponse("ok" if ready else "not ready", 200 if ready else 503)

    async def _metrics_page(self, request):
        return Response(self._metrics.page(), media_type=CONTENT_TYPE_LATEST)

    async def _response(self, request):
        path = request.scope.get("raw_path", b"").decode() or request.url.path
        if not path.lower().startswith("/v1/"):
            return _response(self._with_hint(Refusal(404, f"Not Found: {request.method} {path}")))
        pattern = {"POST": POST, "GET": GET}.get(request.method)
        found = pattern and pattern.fullmatch(path)
        if not found:
            malformed = Refusal(400, f"Malformed request: {request.method} {path}")
            return _response(self._with_hint(malformed))
        if not found["name"]:
            return _response(self._with_hint(Refusal(400, "Missing model name in request")))
        which = {key: urllib.parse.unquote(found[key] or "") for key in ("name", "number", "label")}
        if request.method == "POST":
            start = time.monotonic()
            response = await self._limited(request, found["verb"].lower(), which)
            if which["name"] in self._models.names:  # others would be labels without end
                seconds = time.monotonic() - start
                self._metrics.request(which["name"], response.status_code, seconds)
            return response
        describe = self._models.metadata if found["metadata"] else self._models.status
        return _response(self._with_hint(describe(**which)))

    async def _limited(self, request, verb, which):
        """Refuses requests beyond a number, and ends those that take too long."""
        limits = self._limits
        if self._running >= limits.concurrency:
            sentence = (
                f"The server is at work on {self._running} requests, its limit; try again soon."
            )
            return _response(Refusal(503, sentence), {"Retry-After": "1"})
        self._running += 1
        try:
            async with asyncio.timeout(limits.seconds):
                return _response(await self._post(request, verb, which))
        except TimeoutError:
            sentence = (
                f"There was no answer within {limits.seconds} seconds: the server is busy, or the "
                "images are large; try again, with smaller ones."
            )
            return _response(Refusal(504, sentence))
        finally:
            self._running -= 1

    async def _post(self, request, verb, which):
        body = await read_body(request, self._limits.body_mib * 2**20)
        if isinstance(body, Refusal):
            return body
        version = self._with_hint(self._models.find(**which))
        if isinstance(version, Refusal):
            return version
        if verb != "predict":
            sentence = f"Expected a {verb} signature, and {which['name']} has those of predict"
            return self._with_hint(Refusal(400, sentence))
        with version.in_use():
            answering = answer(body, version.key, version.interface, self._limits, self._batcher)
            return await _unless_disconnected(request, answering)

    def _with_hint(self, answered):
        """Adds to a `Refusal` what may be asked for."""
        if not isinstance(answered, Refusal):
            return answered
        path = f"/v1/models/{self._models.names[0]}"
        has = f"this server has POST {path}:predict, GET {path}, GET {path}/metadata, GET /health"
        return Refusal(answered.status, f"{answered.sentence}; {has}.")


async def _unless_disconnected(request, answering):
    """Returns what a coroutine returns, or ends it when nobody waits for it any longer."""
    task = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(request.receive())  # after the body: that the connection ended
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else Refusal(400, "The connection ended.")
    finally:
        task.cancel()
        gone.cancel()


def _response(answered, headers=None):
    """Returns the response of an answer's bytes, a document, or a `Refusal`."""
    if isinstance(answered, Refusal):
        return JSONResponse({"error": answered.sentence}, answered.status, headers)
    if isinstance(answered, bytes):
        return Response(answered, media_type="application/json")
    return JSONResponse(answered)
