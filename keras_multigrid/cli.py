"""The command line, `keras-multigrid`."""

import argparse
import difflib
import pathlib
import sys

RECIPES = (
    "quickstart",
    "cifar100",
    "cifar10",
    "mnist_segmentation",
    "mnist_spatial_transformer",
    "imagenet",
    "located_mnist",
    "imagenet_top_down",
)


def main(arguments=None):
    """Runs a command; returns the exit status: 0, 1 for a failure, 2 for misuse."""
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
    except SystemExit as left:  # upon SIGTERM
        _leave_others(options, left.code)
        raise
    if status:
        _leave_others(options, status)
    return status


def _leave_others(options, status):
    if getattr(options, "processes", 1) > 1:
        from keras_multigrid.training.distribution import leave_at_once

        leave_at_once(status)


def _run(options):
    try:
        return options.command(options)
    except ValueError as error:
        return _complain(error, status=2)
    except (ImportError, OSError, FloatingPointError) as error:
        return _complain(error, status=1)
    except KeyboardInterrupt:
        return _complain("interrupted", status=130)


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-multigrid",
        description="Multigrid neural networks: list them, train them.",
        epilog="Example: keras-multigrid train quickstart",
    )
    commands = parser.add_subparsers(title="commands", required=True)

    models = commands.add_parser(
        "models",
        help="list all networks with their parameters and multiply-adds, ours and the paper's",
        epilog="Example: keras-multigrid models 'R-*'",
    )
    models.add_argument("pattern", nargs="?", default="*", help="shell-style pattern of names")
    models.set_defaults(command=_models)

    data = commands.add_parser(
        "data",
        help="prepare a data set, say what is in it, and draw samples of it",
        epilog="Example: keras-multigrid data mnist_segmentation --source digits "
        "--preview samples.png",
    )
    data.add_argument("name", help="such as mnist_spatial_transformer/rotation or cifar10")
    data.add_argument("--split", default="train", help="train (default), validation or test")
    data.add_argument(
        "--source",
        default="mnist",
        help="of handwritten digits: mnist (default), or digits, which needs no download",
    )
    data.add_argument("--data-dir", help="of TensorFlow Datasets, or the folder of images")
    data.add_argument("--seed", type=int, default=0, help="of order and drawing (default: 0)")
    data.add_argument(
        "--preview", type=pathlib.Path, metavar="PNG", help="draw samples into a file"
    )
    data.add_argument("--samples", type=int, default=32, help="in the picture (default: 32)")
    data.set_defaults(command=_data)

    train = commands.add_parser(
        "train",
        help="run a recipe; given again, the same command continues where it was interrupted",
        epilog="Example: keras-multigrid train mnist_segmentation --set model=R-PMG-20 "
        "--set source=digits --output runs/first",
    )
    train.add_argument("recipe", help=f"what to train: {', '.join(RECIPES)}")
    _add_recipe_options(train)
    train.add_argument(
        "--output", type=pathlib.Path, help="the run's folder (default: one for each settings)"
    )
    several = train.add_argument_group(
        "several processes (KERAS_BACKEND=jax)",
        "The same command on each machine, with its own --process; the folder is shared. When one "
        "ends, all end, with status 1; given again to all, the commands continue.",
    )
    several.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 listens")
    several.add_argument("--processes", type=int, default=1, help="their number (default: 1)")
    several.add_argument("--process", type=int, default=0, help="number of this one, from 0")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="test the network of a finished run",
        epilog="Example: keras-multigrid evaluate runs/first --split validation",
    )
    evaluate.add_argument("run", type=pathlib.Path, help="the run's folder")
    evaluate.add_argument("--split", help="of the run's data (default: what the paper tests on)")
    evaluate.add_argument("--data-dir", help="where the data are now, if elsewhere")
    evaluate.set_defaults(command=_evaluate)

    export = commands.add_parser(
        "export",
        help="export the network of a finished run for serving",
        epilog="Example: keras-multigrid export runs/first --format savedmodel",
    )
    export.add_argument("run", type=pathlib.Path, help="the run's folder")
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
    export.add_argument("--data-dir", help="where the data are now, if elsewhere")
    export.add_argument("--licence", default="not stated", help="of the weights, for the card")
    export.set_defaults(command=_export)

    serve = commands.add_parser(
        "serve",
        help="serve an exported network over HTTP, in TensorFlow Serving's REST form",
        epilog="Example: keras-multigrid serve runs/first/savedmodel/PMG-11",
    )
    serve.add_argument("model", type=pathlib.Path, help="folder of numbered versions")
    serve.add_argument("--host", default="127.0.0.1", help="127.0.0.1 (default), 0.0.0.0 or ::")
    serve.add_argument("--port", type=int, default=8501, help="from 1024 (default: 8501)")
    serve.add_argument("--runtime", default="tensorflow", help="tensorflow (default) or openvino")
    serve.add_argument("--batch-size", type=int, default=32, help="images at once (default: 32)")
    serve.add_argument(
        "--batch-timeout-ms", type=float, default=5, help="to wait for others (default: 5)"
    )
    limits = serve.add_argument_group("limits")
    for option, default, what in (
        ("body-mib", 32, "size of a request"),
        ("images", 128, "images in a request"),
        ("pixels", 2**25, "pixels of a request's images together"),
        ("concurrency", 64, "requests at a time; others get status 503"),
        ("seconds", 60, "time of a request"),
    ):
        limits.add_argument(
            f"--max-{option}", type=int, default=default, help=f"{what} (default: %(default)s)"
        )
    serve.set_defaults(command=_serve)

    reproduce = commands.add_parser(
        "reproduce",
        help="train the networks of a paper's table or figure, and print what they reach",
        epilog="Example: keras-multigrid reproduce table2 --rows PMG-11,SG-11 --scale quick",
    )
    reproduce.add_argument(
        "table", help="table1, table2, table3 or table4; of the second paper figure4 or figure6"
    )
    reproduce.add_argument(
        "--rows",
        help="networks, with commas between, such as M3-MNIST/plain in figure4 (default: all)",
    )
    _add_recipe_options(reproduce)
    reproduce.add_argument(
        "--output", type=pathlib.Path, help="folder of the runs and the table (default: runs/TABLE)"
    )
    reproduce.set_defaults(command=_reproduce)
    return parser


def _add_recipe_options(parser):
    parser.add_argument("--scale", default="quick", help="smoke, quick (default) or paper")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a field of the recipe; may be given again",
    )


def _models(options):
    import keras

    from keras_multigrid.applications import PAPER_MODELS, list_models
    from keras_multigrid.complexity import profile

    names = list_models(options.pattern)
    if not names:
        raise ValueError(f"No network's name matches {options.pattern!r}; try 'PMG*'.")
    print(f"{'':<16} {'':<8} {'parameters':>12} {'paper':>9} {'multiply-adds':>15} {'paper':>11}")
    for model in PAPER_MODELS:
        if model.name not in names:
            continue
        with keras.StatelessScope(initialize_variables=False):  # shapes alone: no weights in memory
            counts = profile(model.constructor())
        print(
            f"{model.name:<16} {model.table and 'T. ' + model.table:<8} "
            f"{counts.trainable_params:>12,} {_millions(model.params):>9} "
            f"{counts.macs:>15,} {_millions(model.macs):>11}",
            flush=True,
        )
    return 0


def _millions(count):
    return "" if count is None else f"{count:.2f} M"


def _data(options):
    import tensorflow as tf

    from keras_multigrid.datasets import load

    dataset = load(
        options.name,
        options.split,
        options.samples,
        source=options.source,
        seed=options.seed,
        data_dir=options.data_dir,
    )
    try:
        _describe(dataset, options)
    except tf.errors.InvalidArgumentError as error:
        # What Python raised inside a pipeline is one line of TensorFlow's message.
        raised = [line for line in str(error).splitlines() if line.startswith("ValueError: ")]
        raise ValueError(raised[0].partition(": ")[2] if raised else error) from error
    return 0


def _describe(dataset, options):
    from keras_multigrid.datasets import draw_contact_sheet

    title = f"{options.name}, {options.split}"
    print(f"{title}: {len(dataset)} batches of up to {options.samples} samples")
    for kind, values in zip(("images", "targets"), next(dataset.as_numpy_iterator())):
        print(
            f"  {kind:<8} {values.dtype} {values.shape}, from {values.min():.3g} to "
            f"{values.max():.3g}, mean {values.mean():.3g}"
        )
    if options.preview:
        draw_contact_sheet(options.preview, dataset, options.samples, title)
        print(f"Written: {options.preview}")


def _train(options):
    # Before anything else of Keras or JAX runs.
    if options.coordinator or options.processes > 1:
        from keras_multigrid.training import join_processes

        join_processes(options.coordinator, options.processes, options.process)
    from keras_multigrid.recipes import RECIPES as CLASSES
    from keras_multigrid.recipes import run, train_quickstart
    from keras_multigrid.recipes.overrides import resolve
    from keras_multigrid.recipes.run_folder import default_folder

    if options.recipe not in RECIPES:
        nearest = difflib.get_close_matches(options.recipe, RECIPES, n=1, cutoff=0)[0]
        raise ValueError(
            f"There is no recipe {options.recipe!r}; did you mean {nearest!r}? "
            f"All: {', '.join(RECIPES)}."
        )
    recipe = resolve(CLASSES[options.recipe], options.scale, options.settings)
    train = train_quickstart if options.recipe == "quickstart" else run
    train(recipe, options.output or default_folder(recipe))
    return 0


def _evaluate(options):
    import keras

    from keras_multigrid.recipes import RECIPES as CLASSES
    from keras_multigrid.recipes.run import verbosity
    from keras_multigrid.recipes.run_folder import MODEL, read_recipe

    recipe = read_recipe(options.run, CLASSES, options.data_dir)
    if not (options.run / MODEL).exists():
        raise ValueError(f"{options.run} is not finished; `keras-multigrid train` continues it.")
    model = keras.models.load_model(options.run / MODEL)
    results = recipe.evaluate(model, options.split or recipe.TEST_SPLIT, verbosity())
    for name, value in {**results, **recipe.scores(results)}.items():
        print(f"{name:<24} {value:.4f}")
    return 0


def _export(options):
    from keras_multigrid.recipes import export_run

    export_run(
        options.run,
        options.output,
        options.format,
        _parse_size(options.size),
        options.dtype,
        options.rewrite,
        options.int8,
        options.data_dir,
        options.licence,
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
    from keras_multigrid.server import Limits, serve

    limits = Limits(
        options.max_body_mib,
        options.max_images,
        options.max_pixels,
        options.max_concurrency,
        options.max_seconds,
    )
    serve(
        options.model,
        host=options.host,
        port=options.port,
        runtime=options.runtime,
        batch_size=options.batch_size,
        batch_seconds=options.batch_timeout_ms / 1000,
        limits=limits,
    )
    return 0


def _reproduce(options):
    from keras_multigrid.recipes import reproduce

    rows = options.rows.split(",") if options.rows else None
    print()
    print(reproduce(options.table, rows, options.scale, options.settings, options.output))
    return 0


def _complain(error, status):
    print(f"keras-multigrid: {' '.join(str(error).split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
