"""The commands `reproduce` and `figures`: the papers' tables and figures, made of runs."""

import pathlib

from keras_multigrid.commands.training import add_recipe_options
from keras_multigrid.papers import draw_paper_figures, reproduce
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parsers."""
    reproducing = commands.add_parser(
        "reproduce",
        help=COMMANDS["reproduce"],
        epilog="Example: keras-multigrid reproduce table2 --rows PMG-11,SG-11 --scale quick",
    )
    reproducing.add_argument(
        "name",
        help="table1 to table4; multigrid-figure4 to multigrid-figure7, or multigrid-figures for "
        "all; top-down-figure4 or top-down-figure6",
    )
    reproducing.add_argument(
        "--rows",
        help="networks, with commas between, in top-down-figure4 with their data, such as "
        "M3-MNIST/plain (default: all)",
    )
    add_recipe_options(reproducing)
    reproducing.add_argument(
        "--output", type=pathlib.Path, help="folder of the runs and the table (default: runs/NAME)"
    )
    reproducing.set_defaults(command=_reproduce, scale="quick")

    figures = commands.add_parser(
        "figures",
        help=COMMANDS["figures"],
        epilog="Example: keras-multigrid figures runs/table2 runs/table3 --output runs/figures",
    )
    figures.add_argument(
        "folders", nargs="*", type=pathlib.Path, help="with finished runs in them, at any depth"
    )
    figures.add_argument(
        "--only",
        help="figures, with commas between, such as multigrid-figure4,multigrid-figure5 (default: "
        "all)",
    )
    figures.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("runs/figures"),
        help="folder of the pictures (default: runs/figures)",
    )
    figures.add_argument("--data-dir", help="where the data are now, if elsewhere")
    figures.set_defaults(command=_figures)


def _reproduce(options):
    rows = options.rows.split(",") if options.rows else None
    print()
    print(reproduce(options.name, rows, options.scale, options.settings, options.output))
    return 0


def _figures(options):
    names = options.only.split(",") if options.only else None
    draw_paper_figures(options.folders, options.output, names, options.data_dir)
    return 0
