"""The command line, `keras-multigrid`."""

import io
import re
import sys

from keras_multigrid.commands import (
    comparing,
    explaining,
    own_data,
    papers,
    predicting,
    serving,
    training,
    tuning,
    zoo,
)
from keras_multigrid.training.distribution import leave_at_once
from keras_multigrid_cli import make_parser

PARTS = (
    *(zoo, own_data, training, predicting, comparing),
    *(papers, tuning, explaining, serving),
)
FILE_ERROR = r"^(?:ValueError: (.*)|(.*; (?:No such file or directory|Permission denied)))"


def main(arguments=None):
    """Runs a command; returns the exit status: 0, 1 for a failure, 2 for misuse."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    options = full_parser().parse_args(arguments)
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
    except Exception as error:
        sentence = _of_pipeline(error)
        if sentence is None:
            raise
        return _complain(sentence, status=1)


def _of_pipeline(error):
    """Returns what was wrong with a file that a `tf.data` pipeline read; None of other errors.

    What Python raises inside a pipeline is one line of TensorFlow's message, and so are errors of
    files.
    """
    if not type(error).__module__.startswith("tensorflow."):
        return None
    found = re.search(FILE_ERROR, str(error), re.MULTILINE)
    return found and (found[1] or found[2])


def full_parser():
    """Returns the parser of the whole command line."""
    parser, commands = make_parser()
    for part in PARTS:
        part.add_commands(commands)
    return parser


def _complain(error, status):
    print(f"keras-multigrid: {' '.join(str(error).split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
