"""The server: two processes, and their end."""

import asyncio
import contextlib
import importlib.util
import signal
import socket
from functools import partial

from keras_multigrid import checks
from keras_multigrid.progress import say
from keras_multigrid.server.config import read_configs
from keras_multigrid.server.interface import newest_version, read_version
from keras_multigrid.server.limits import Limits
from keras_multigrid.server.runtimes import RUNTIMES

HOSTS = ("127.0.0.1", "0.0.0.0", "::")


def serve(
    model,
    *,
    host="127.0.0.1",
    port=8501,
    runtime="openvino",
    batch_size=32,
    batch_seconds=0.005,
    poll_seconds=1,
    limits=None,
):
    """Serves exported networks until SIGTERM or Ctrl-C, then answers what it has accepted.

    This process reads requests and image files, and writes answers; another one computes. A newer
    version is loaded beside the one that it replaces; one that cannot be loaded replaces nothing.

    Args:
        model: The model's folder, `name/` with `name/1/`, ..., of which the highest version is
            served; or a folder of such folders; or a file of TensorFlow Serving's, with a
            `model_config_list`.
        host: "127.0.0.1", "0.0.0.0" or "::".
        port: From 1024.
        runtime: "openvino", the faster one, or "tensorflow".
        batch_size: Largest number of images in a batch, of several requests.
        batch_seconds: How long the first request of a batch waits for others.
        poll_seconds: How often the folders are looked at for other versions.
        limits: The `Limits`.

    Raises:
        ValueError: If the folder is not a model's, or an argument is invalid.
        ImportError: If Starlette or uvicorn, or OpenVINO for its runtime, is missing.
        OSError: If the port is in use, or the computing process ended and cannot go on.

    Example:

    >>> from keras_multigrid.server import serve
    >>> serve("runs/first/savedmodel/R-PMG-20", port=8501)  # doctest: +SKIP
    """
    checks.paths(model=model)
    checks.integers(1024, 2**16 - 1, port=port)
    checks.positive_integers(batch_size=batch_size)
    checks.numbers(batch_seconds=batch_seconds, poll_seconds=poll_seconds)
    checks.optional(partial(checks.instances, Limits), limits=limits)
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime is {runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    for package in ("starlette", "uvicorn", "prometheus_client", runtime):
        if importlib.util.find_spec(package) is None:
            raise ImportError(f"There is no {package}: pip install 'keras_multigrid[serve]'.")
    limits = limits or Limits()
    if not 0 <= batch_seconds < limits.seconds:
        raise ValueError(
            f"The batch timeout is {batch_seconds} s; expected less than a request's time, "
            f"{limits.seconds} s."
        )
    if not poll_seconds > 0:
        raise ValueError(f"poll_seconds is {poll_seconds}; expected more than 0.")
    if host not in HOSTS:
        raise ValueError(f"host is {host!r}; expected one of {', '.join(HOSTS)}.")
    configs = read_configs(model)
    for config in configs:
        _check(config)
    with _listening(host, port) as listening:
        settings = (batch_size, batch_seconds, poll_seconds, limits)
        asyncio.run(_serve(configs, listening, runtime, *settings))


def _check(config):
    """Raises an error about what cannot be served before anything starts."""
    newest_version(config.folder)
    if not config.folders():
        numbers = ", ".join(map(str, config.versions))
        raise ValueError(f"{config.folder} has none of the versions {numbers}; name others.")
    for folder in config.folders().values():
        read_version(folder, config.name)


def _listening(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only where the protocol is named does asyncio send the parts of an answer without a delay.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OSError(f"Cannot listen at {host}, port {port}: {error.strerror}.") from error
    return listening


async def _serve(configs, listening, runtime, batch_size, batch_seconds, poll_seconds, limits):
    import uvicorn

    from keras_multigrid.server.app import Service
    from keras_multigrid.server.batcher import Batcher
    from keras_multigrid.server.memory import keep_small
    from keras_multigrid.server.metrics import Metrics
    from keras_multigrid.server.models import Models
    from keras_multigrid.server.worker import Worker

    worker = Worker(runtime)
    models = Models(configs, worker)
    metrics = Metrics()
    batcher = Batcher(worker.compute, batch_size, limits.pixels, batch_seconds, metrics.batch)
    config = uvicorn.Config(
        Service(models, batcher, worker, limits, metrics).app(),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=limits.seconds,
    )
    server, asked = uvicorn.Server(config), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(*_):
        server.should_exit = True
        loop.call_soon_threadsafe(asked.set)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, end)  # while it starts; uvicorn has its own, and then calls these
    host, port = listening.getsockname()[:2]
    names = ", ".join(models.names)
    say(
        f"Serving {names} with {runtime} at http://{host}:{port}/v1/models/{models.names[0]}; "
        "GET /health says when it is ready."
    )
    worker.start()
    try:
        await _first(models.load(), asked.wait())
        if not asked.is_set():
            say("Ready.")
            await _first(
                server.serve(sockets=[listening]),
                batcher.run(),
                worker.watch(),
                models.poll(poll_seconds),
                keep_small(),
            )
    finally:
        worker.end()
        for number, handler in before.items():
            signal.signal(number, handler)


async def _first(*coroutines):
    """Waits until one of several coroutines ends, ends the others, and raises what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
