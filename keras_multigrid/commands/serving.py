"""The commands `export` and `serve`: trained networks in use."""

import pathlib

from keras_multigrid.commands.training import add_run_options
from keras_multigrid.runs import export_run
from keras_multigrid.server import Limits, serve
from keras_multigrid_cli import COMMANDS

LIMITS = {
    "body_mib": "MiB of a request",
    "images": "images in a request",
    "pixels": "pixels of a request's images together, and of a batch",
    "side": "pixels of an image's height or width",
    "concurrency": "requests at a time; others get status 503",
    "seconds": "time of a request",
}


def add_commands(commands):
    """Adds the parsers."""
    export = commands.add_parser(
        "export",
        help=COMMANDS["export"],
        epilog="Example: keras-multigrid export runs/first --format savedmodel",
    )
    add_run_options(export)
    export.add_argument(
        "--format", default="savedmodel", help="savedmodel (default), onnx, litert or keras"
    )
    export.add_argument(
        "--output",
        type=pathlib.Path,
        help="folder of numbered versions, named as the model is on a server (default: "
        "RUN/FORMAT/NETWORK)",
    )
    export.add_argument(
        "--size",
        metavar="HEIGHTxWIDTH",
        help="of the images that are sent (default: any; for litert the network's own)",
    )
    export.add_argument(
        "--dtype", default="float32", help="of the images: float32 (default) or uint8"
    )
    export.add_argument(
        "--no-rewrite",
        dest="rewrite",
        action="store_false",
        help="leave batch normalizations and unused grids where they are",
    )
    export.add_argument(
        "--int8", action="store_true", help="quantize by the run's training images (litert)"
    )
    export.add_argument("--licence", default="not stated", help="of the weights, for the card")
    export.set_defaults(command=_export)

    serve = commands.add_parser(
        "serve",
        help=COMMANDS["serve"],
        epilog="Example: keras-multigrid serve runs/first/savedmodel/R-PMG-20",
    )
    serve.add_argument(
        "model",
        type=pathlib.Path,
        nargs="?",
        help="folder of numbered versions, or of such folders",
    )
    serve.add_argument(
        "--models-config",
        type=pathlib.Path,
        metavar="FILE",
        help="instead: TensorFlow Serving's model_config_list { config { ... } }",
    )
    serve.add_argument("--host", default="127.0.0.1", help="127.0.0.1 (default), 0.0.0.0 or ::")
    serve.add_argument("--port", type=int, default=8501, help="from 1024 (default: 8501)")
    serve.add_argument("--runtime", default="openvino", help="openvino (default) or tensorflow")
    serve.add_argument("--batch-size", type=int, default=32, help="images at once (default: 32)")
    serve.add_argument(
        "--batch-timeout-ms", type=float, default=5, help="to wait for others (default: 5)"
    )
    serve.add_argument(
        "--poll-seconds", type=float, default=1, help="between looks for versions (default: 1)"
    )
    limits = serve.add_argument_group("limits")
    defaults = Limits()
    for name, meaning in LIMITS.items():
        default = getattr(defaults, name)
        what = f"{meaning} (default: {default})"
        option = f"--max-{name.replace('_', '-')}"
        limits.add_argument(option, type=int, default=default, help=what)
    limits.add_argument(
        "--finite-only", action="store_true", help="refuse NaN, Infinity and beyond float32"
    )
    serve.set_defaults(command=_serve)


def _export(options):
    export_run(
        options.run,
        options.output,
        options.format,
        size=_parse_size(options.size),
        dtype=options.dtype,
        rewrite=options.rewrite,
        int8=options.int8,
        data_dir=options.data_dir,
        licence=options.licence,
    )
    return 0


def _parse_size(text):
    if text is None:
        return None
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"--size is {text!r}; expected HEIGHTxWIDTH, for example 64x64.")
    return tuple(map(int, sides))


def _serve(options):
    if (options.model is None) == (options.models_config is None):
        raise ValueError("Name either a model's folder or --models-config FILE.")
    if options.models_config is not None and not options.models_config.is_file():
        raise ValueError(f"--models-config {options.models_config} is not a file.")
    largest = {name: getattr(options, f"max_{name}") for name in LIMITS}
    limits = Limits(**largest, finite_only=options.finite_only)
    serve(
        options.model or options.models_config,
        host=options.host,
        port=options.port,
        runtime=options.runtime,
        batch_size=options.batch_size,
        batch_seconds=options.batch_timeout_ms / 1000,
        poll_seconds=options.poll_seconds,
        limits=limits,
    )
    return 0
