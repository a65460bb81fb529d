"""The command `predict`: trained networks on one's own images."""

import pathlib

from keras_multigrid.prediction.classifications import ClassPrediction
from keras_multigrid.prediction.job import run_job
from keras_multigrid.prediction.masks import MaskPrediction
from keras_multigrid.prediction.trained import read_trained
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parser."""
    predict = commands.add_parser(
        "predict",
        help=COMMANDS["predict"],
        epilog="Example: keras-multigrid predict runs/photos photos/images --output predicted "
        "--overlay",
    )
    predict.add_argument("run", type=pathlib.Path, help="folder of a finished run, or .keras file")
    predict.add_argument(
        "images", nargs="+", help="image files, folders, which are searched, or quoted patterns"
    )
    predict.add_argument(
        "--output", type=pathlib.Path, required=True, metavar="DIR", help="folder to write into"
    )
    predict.add_argument(
        "--ensemble",
        action="append",
        default=[],
        type=pathlib.Path,
        metavar="RUN",
        help="another network, to take the mean with; may be given again",
    )
    predict.add_argument(
        "--flips",
        nargs="?",
        const="horizontal",
        choices=("none", "horizontal", "both"),
        help="take the mean with the mirrored image; `both`: with those upside down, too; `none` "
        "is the fastest (default: what the run was scored with)",
    )
    predict.add_argument(
        "--overwrite", action="store_true", help="replace predictions that are there already"
    )
    predict.add_argument(
        "--on-error",
        choices=("skip", "raise"),
        default="skip",
        help="what to do with an image that cannot be read (default: skip, with a line)",
    )
    masks = predict.add_argument_group("of masks")
    masks.add_argument(
        "--overlay", action="store_true", help="write the images under the classes' colours, too"
    )
    masks.add_argument(
        "--probabilities", action="store_true", help="write them, too, as .npy files of float16"
    )
    masks.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help="largest side of the parts that are computed at a time (default: about 1.5 GiB)",
    )
    predict.set_defaults(command=_predict)


def _predict(options):
    if options.tile is not None and options.tile < 1:
        raise ValueError(f"--tile is {options.tile}; expected a number of pixels, such as 1024.")
    trained = [read_trained(run) for run in (options.run, *options.ensemble)]
    task = trained[0].task
    flips = None if options.flips == "none" else options.flips
    if options.flips is None and task is not None:
        flips = task.averaged_flips
    if task is None:
        prediction = _classes(trained, options, flips)
    else:
        prediction = MaskPrediction(
            trained,
            options.output,
            tile=options.tile,
            flips=flips,
            overlays=options.overlay,
            probabilities=options.probabilities,
        )
    made_by = {"networks": [each.digest for each in trained], "flips": flips}
    outcome = run_job(
        prediction,
        options.images,
        options.output,
        made_by,
        overwrite=options.overwrite,
        on_error=options.on_error,
    )
    there = f"; {outcome.done} were there already" if outcome.done else ""
    print(
        f"Predicted {outcome.predicted} images{there}. Written: {options.output}, with "
        f"{prediction.TABLE}"
    )
    if outcome.failed:
        print(f"{outcome.failed} images were left out, as said above.")
    return 1 if outcome.failed else 0


def _classes(trained, options, flips):
    for option in ("overlay", "probabilities", "tile"):
        if getattr(options, option):
            raise ValueError(f"--{option} is of masks, and {options.run} tells classes; leave it.")
    return ClassPrediction(trained, flips)
