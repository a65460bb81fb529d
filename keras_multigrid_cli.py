"""The command `keras-multigrid`: tells what commands there are before anything slow is imported.

It is not a part of the package, for that imports Keras, which takes seconds.
"""

import argparse
import functools
import importlib
import os
import re
import sys
import tempfile

COMMANDS = {  # in the order of a project
    "models": "list all networks with their parameters and multiply-adds, ours and the paper's, "
    "and the trained weights that `weights=` takes by name",
    "data": "prepare a data set, say what is in it, and draw samples of it",
    "check": "say what is in a folder of images with masks, or of class folders, and what is wrong",
    "train": "run a recipe; given again, the same command continues where it was interrupted",
    "evaluate": "test the network of a finished run",
    "predict": "predict the masks of images of any size, or their classes; given again, the same "
    "command continues where it was interrupted",
    "compare": "train networks for one's own images and masks side by side at one budget, and "
    "write a table and a picture; given again, the same command continues where it was interrupted",
    "reproduce": "train the networks of a paper's table or figures, and print or draw what they "
    "reach",
    "figures": "draw the figures of the multigrid paper from finished runs (`reproduce` trains "
    "what they show, too)",
    "tune": "search channel ratios, and what goes with them, under a budget; given again, the same "
    "command continues where it was interrupted",
    "attention": "show which parts of an image influence each pixel of a trained network's output",
    "routing": "measure how much each grid of a finished run's network reads from its neighbours",
    "export": "export the network of a finished run for serving",
    "serve": "serve an exported network over HTTP, in TensorFlow Serving's REST form",
}
# What TensorFlow writes while it is imported, before it heeds any level of logging.
CHATTER = re.compile(r"WARNING: All log messages before absl|[IW]\d{4} \d|To enable the following")


def make_parser():
    """Returns the parser of the command line, and what commands are to be added to."""
    parser = argparse.ArgumentParser(
        prog="keras-multigrid",
        description="Multigrid neural networks: train, predict, tune, explain, export, serve.",
        epilog="Example: keras-multigrid train quickstart",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show what TensorFlow says of itself, too"
    )
    # Examples stay on one line: folded, they could not be copied.
    formatted = functools.partial(
        argparse.ArgumentParser, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", required=True, parser_class=formatted)
    return parser, commands


def main():
    """Runs the command line; returns the exit status."""
    arguments = sys.argv[1:]
    if not set(arguments) & set(COMMANDS):  # help, or misuse
        parser, commands = make_parser()
        for name, about in COMMANDS.items():
            commands.add_parser(name, help=about)
        parser.parse_args(arguments)
    if arguments[0] != "--verbose":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        without_chatter(functools.partial(importlib.import_module, "keras_multigrid.cli"))
    from keras_multigrid.cli import main

    return main(arguments)


def without_chatter(load):
    """Calls a function; what libraries write to the standard error on the way is sifted."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            load()
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            for line in written.read().decode(errors="replace").splitlines(keepends=True):
                if not CHATTER.match(line):
                    sys.stderr.write(line)


if __name__ == "__main__":
    sys.exit(main())
