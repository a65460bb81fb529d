"""The commands `attention` and `routing`: what a trained network looks at, and across scales."""

import argparse
import pathlib

from keras_multigrid.commands.training import add_run_options
from keras_multigrid.figures import draw_ablation, draw_routing
from keras_multigrid.figures.style import draw_both
from keras_multigrid.progress import verbosity
from keras_multigrid.recipes.recipe import EVALUATION_BATCH
from keras_multigrid.routing import ablate, exchanges, measure
from keras_multigrid.runs import attend_run
from keras_multigrid.runs.run_folder import load_run
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parsers."""
    attention = commands.add_parser(
        "attention",
        help=COMMANDS["attention"],
        epilog="Example: keras-multigrid attention runs/first --probe 24,32 --probe 40,32",
    )
    add_run_options(attention)
    attention.add_argument(
        "--images",
        nargs="+",
        type=pathlib.Path,
        default=(),
        metavar="FILE",
        help="image files of one size (default: test images of the run)",
    )
    attention.add_argument(
        "--probe",
        action="append",
        type=_parse_probe,
        metavar="Y,X",
        dest="probes",
        help="row and column in the output; may be given again (default: 7 points on the bounding "
        "box of what the output shows)",
    )
    attention.add_argument(
        "--samples", type=int, default=4, help="number of test images (default: 4)"
    )
    attention.add_argument(
        "--occluder-size", type=int, default=8, help="side of the square of noise (default: 8)"
    )
    attention.add_argument(
        "--stride", type=int, default=1, help="pixels from one position to the next (default: 1)"
    )
    attention.add_argument(
        "--channel",
        type=int,
        help="of the output, from 0 (default: at each place the one that changes most)",
    )
    attention.add_argument(
        "--output", type=pathlib.Path, help="folder of what is written (default: the run's)"
    )
    attention.set_defaults(command=_attention)

    of_routing = commands.add_parser(
        "routing",
        help=COMMANDS["routing"],
        epilog="Example: keras-multigrid routing runs/first --ablation",
    )
    add_run_options(of_routing)
    of_routing.add_argument(
        "--samples", type=int, default=64, help="test images to measure on (default: 64)"
    )
    of_routing.add_argument(
        "--ablation",
        action="store_true",
        help="evaluate the network without each exchange between grids, too",
    )
    of_routing.add_argument(
        "--output", type=pathlib.Path, help="folder of the pictures (default: the run's)"
    )
    of_routing.set_defaults(command=_routing)


def _parse_probe(text):
    try:
        row, column = map(int, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}; expected Y,X, such as 24,32") from error
    return row, column


def _attention(options):
    written = attend_run(
        options.run,
        options.images,
        options.probes,
        samples=options.samples,
        occluder_size=options.occluder_size,
        stride=options.stride,
        channel=options.channel,
        output=options.output,
        data_dir=options.data_dir,
    )
    print(f"Written: {', '.join(map(str, written))}")
    return 0


def _routing(options):
    if options.samples < 1:
        raise ValueError(f"--samples is {options.samples}; expected 1 or more.")
    recipe, model = load_run(options.run, options.data_dir)
    exchanges(model)  # before data are read
    output = options.output or options.run
    output.mkdir(parents=True, exist_ok=True)
    data = recipe.load_evaluation(recipe.TEST_SPLIT).unbatch().take(options.samples)
    images, targets = next(data.batch(options.samples).as_numpy_iterator())
    batch_size = min(recipe.batch_size, EVALUATION_BATCH)

    measured = measure(model, images, batch_size, verbosity())
    print(measured)
    written = draw_both(output / "routing", draw_routing, measured)
    if options.ablation:
        model.compile(loss=recipe.loss(), metrics=recipe.metrics())

        def evaluate(model):
            results = model.evaluate(images, targets, batch_size, verbose=0, return_dict=True)
            return results[recipe.OBJECTIVE]

        ablation = ablate(model, evaluate)
        print(f"\nThe metric is {recipe.OBJECTIVE}, on {len(images)} test images.")
        print(ablation)
        written += draw_both(output / "ablation", draw_ablation, ablation, recipe.OBJECTIVE)
    print(f"Written: {', '.join(map(str, written))}")
    return 0
