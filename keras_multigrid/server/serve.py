"""The server: LitServe with TensorFlow Serving's addresses, limits, and a clean end."""

import gc
import http
import importlib.util
import socket
from functools import partial

from keras_multigrid import checks
from keras_multigrid.datasets.class_folders import printable
from keras_multigrid.server.interface import read_interface
from keras_multigrid.server.limits import Limits
from keras_multigrid.server.processes import supervised
from keras_multigrid.server.runtimes import RUNTIMES

HOSTS = ("127.0.0.1", "0.0.0.0", "::")  # those that LitServe takes


def serve(
    model,
    *,
    host="127.0.0.1",
    port=8501,
    runtime="openvino",
    batch_size=32,
    batch_seconds=0.005,
    limits=None,
):
    """Serves an exported network until SIGTERM or Ctrl-C, then answers what it has accepted.

    The processes: this one supervises; one does HTTP, JSON and image files, so that wrong requests
    end there; one computes; and one, LitServe's, keeps the queues between them.

    Args:
        model: The model's folder, `name/` with `name/1/`, ...; the highest version is served.
        host: "127.0.0.1", "0.0.0.0" or "::".
        port: From 1024.
        runtime: "openvino", the faster one, or "tensorflow".
        batch_size: The largest number of images at once, of several requests.
        batch_seconds: How long the first request of a batch waits for others.
        limits: The `Limits`.

    Raises:
        ValueError: If the folder or an option is not right.
        ImportError: If LitServe, or OpenVINO for its runtime, is missing.
        OSError: If one of the server's processes ended.

    Example:

    >>> from keras_multigrid.server import serve
    >>> serve("runs/first/savedmodel/R-PMG-20", port=8501)  # doctest: +SKIP
    """
    checks.paths(model=model)
    checks.integers(port=port)
    checks.positive_integers(batch_size=batch_size)
    checks.numbers(batch_seconds=batch_seconds)
    checks.optional(partial(checks.instances, Limits), limits=limits)
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime is {runtime!r}; expected one of {', '.join(RUNTIMES)}.")
    for package in ("litserve", runtime):
        if importlib.util.find_spec(package) is None:
            raise ImportError(f"There is no {package}: pip install 'keras_multigrid[serve]'.")
    from starlette.middleware.gzip import GZipMiddleware

    from keras_multigrid.server.gate import Gate
    from keras_multigrid.server.listening import Server
    from keras_multigrid.server.worker import ServedModel

    limits = limits or Limits()
    if not 0 <= batch_seconds < limits.seconds:
        raise ValueError(
            f"The batch timeout is {batch_seconds} s; expected less than a request's time, "
            f"{limits.seconds} s."
        )
    _check_address(host, port)
    interface = read_interface(model)
    server = Server(
        ServedModel(interface, runtime, batch_size, batch_seconds, limits.pixels),
        accelerator="cpu",
        timeout=limits.seconds,
        max_payload_size=limits.body_mib * 2**20,
        middlewares=[(Gate, {"limits": limits})],
        disable_openapi_url=True,
    )
    server.uvicorn_graceful_timeout = limits.seconds
    app = server.app
    # LitServe's compression, at level 9, takes longer than a computation
    app.user_middleware = [item for item in app.user_middleware if item.cls is not GZipMiddleware]
    app.state.interface, app.state.limits = interface, limits
    _add_routes(app)
    print(
        f"Serving {interface.name}, version {interface.version}, with {runtime}, at "
        f"http://{host}:{port}/v1/models/{interface.name}; GET /health says when it is ready.",
        flush=True,
    )
    gc.freeze()
    gc.set_threshold(10**6)  # JSON arrays are many lists: collections took half of the time
    with supervised() as server.ending:
        server.run(
            host=host,
            port=port,
            num_api_servers=1,
            generate_client_file=False,
            log_level="warning",
            access_log=False,
            loop="asyncio",  # uvloop would not call our close of the socket
        )


def _check_address(host, port):
    """Raises an error before anything starts; LitServe's would come late, and be long."""
    if host not in HOSTS:
        raise ValueError(f"host is {host!r}; expected one of {', '.join(HOSTS)}.")
    if not 1024 <= port < 2**16:
        raise ValueError(f"port is {port}; expected 1024 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise OSError(f"Cannot listen at {host}, port {port}: {error.strerror}.") from error


def _add_routes(app):
    from starlette.exceptions import HTTPException

    from keras_multigrid.server.gate import error_response

    interface = app.state.interface
    path = f"/v1/models/{interface.name}"
    versioned = f"{path}/versions/{interface.version}"

    async def status():
        fine = {"error_code": "OK", "error_message": ""}
        version = {"version": str(interface.version), "state": "AVAILABLE", "status": fine}
        return {"model_version_status": [version]}

    async def metadata():
        spec = {
            "name": interface.name,
            "signature_name": "",
            "version": str(interface.version),
        }
        described = {"signature_def": {"signature_def": interface.metadata}}
        if interface.class_names:
            described["class_names"] = [*map(printable, interface.class_names)]
        return {"model_spec": spec, "metadata": described}

    async def complain(request, error):
        sentence = error.detail
        if sentence == http.HTTPStatus(error.status_code).phrase:  # Starlette's own
            sentence = (
                f"{sentence}: {request.method} {request.url.path}; this server has POST "
                f"{path}:predict, GET {path}, GET {path}/metadata and GET /health."
            )
        if error.status_code == 413:
            sentence = (
                f"The body has more than {app.state.limits.body_mib} MiB; send fewer images, or "
                "image files."
            )
        return error_response(error.status_code, sentence, error.headers)

    for prefix in (path, versioned):
        app.add_api_route(prefix, status)
        app.add_api_route(f"{prefix}/metadata", metadata)
    app.add_exception_handler(HTTPException, complain)
