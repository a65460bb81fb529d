"""The commands `attention` and `figures`: what networks heed, and what they look like."""

import argparse
import pathlib


def add_commands(commands):
    """Adds the parsers."""
    attention = commands.add_parser(
        "attention",
        help="show which parts of an image each pixel of a trained network's output heeds",
        epilog="Example: keras-multigrid attention runs/first --probe 24,32 --probe 40,32",
    )
    attention.add_argument("run", type=pathlib.Path, help="the run's folder")
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
    attention.add_argument("--data-dir", help="where the data are now, if elsewhere")
    attention.set_defaults(command=_attention)

    figures = commands.add_parser(
        "figures",
        help="draw the paper's figures from finished runs (`reproduce figures` trains them, too)",
        epilog="Example: keras-multigrid figures runs/table2 runs/table3 --output runs/figures",
    )
    figures.add_argument(
        "folders", nargs="*", type=pathlib.Path, help="with finished runs in them, at any depth"
    )
    figures.add_argument(
        "--only", help="figures, with commas between, such as figure4,figure5 (default: all)"
    )
    figures.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("runs/figures"),
        help="folder of the pictures (default: runs/figures)",
    )
    figures.add_argument("--data-dir", help="where the data are now, if elsewhere")
    figures.set_defaults(command=_figures)


def _parse_probe(text):
    try:
        row, column = map(int, text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}; expected Y,X, such as 24,32") from error
    return row, column


def _attention(options):
    from keras_multigrid.recipes import attend_run

    written = attend_run(
        options.run,
        options.images,
        options.probes,
        options.samples,
        options.occluder_size,
        options.stride,
        options.channel,
        options.output,
        options.data_dir,
    )
    print(f"Written: {', '.join(map(str, written))}")
    return 0


def _figures(options):
    from keras_multigrid.recipes import draw_paper_figures

    names = options.only.split(",") if options.only else None
    draw_paper_figures(options.folders, options.output, names, options.data_dir)
    return 0
