"""The command `compare`."""

import pathlib

from keras_multigrid.comparison import compare
from keras_multigrid.comparison.networks import standard_networks
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parser."""
    parser = commands.add_parser(
        "compare",
        help=COMMANDS["compare"],
        epilog="Example: keras-multigrid compare --data-dir photos --set ignore_index=255 "
        "--budget 300M --seeds 3 --output runs/compared",
    )
    parser.add_argument("--data-dir", help="the folder of images and masks")
    parser.add_argument(
        "--budget", help="multiply-adds of a training crop, that widths fill (default: 300M)"
    )
    parser.add_argument(
        "--networks",
        metavar="LABELS",
        help="with commas between, none for '' (default: all): "
        + ", ".join(standard_networks(stem_strides=1)),
    )
    parser.add_argument(
        "--add",
        action="append",
        nargs="+",
        default=[],
        metavar=("LABEL", "KEY=VALUE"),
        help="one more network, by fields of the recipe, such as `--add deep model=R-PMG-20 "
        "repeats=5`; may be given again",
    )
    parser.add_argument("--seeds", type=int, help="trainings of each (default: 3)")
    parser.add_argument("--steps", type=int, help="training steps (default: planned)")
    parser.add_argument(
        "--scale",
        default="quick",
        help="quick (default), or smoke: a few steps, on drawn data if none are given",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a field of the recipe `segmentation` for all; may be given again",
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("runs", "compare"),
        help="the comparison's folder (default: runs/compare)",
    )
    parser.set_defaults(command=_compare)


def _compare(options):
    names = options.networks
    compare(
        options.data_dir,
        options.output,
        networks=None if names is None else [name for name in names.split(",") if name],
        added={label: settings for label, *settings in options.add},
        budget=options.budget,
        seeds=options.seeds,
        steps=options.steps,
        scale=options.scale,
        settings=options.settings,
    )
    return 0
