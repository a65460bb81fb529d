"""One of the processes of a search on one machine; FOLDER is the search's."""

import os
import pathlib
import signal
import sys

from keras_multigrid.child_processes import end_with_parent
from keras_multigrid.runs.process import leaving_upon_sigterm
from keras_multigrid.tuning.search import Search
from keras_multigrid.tuning.tuner import lead, work
from keras_multigrid.tuning.workers import CHIEF, ROLE


def main(folder):
    """Works in the role that the environment says."""
    end_with_parent(os.getppid())
    try:
        with leaving_upon_sigterm():
            (lead if os.environ[ROLE] == CHIEF else work)(Search.read(folder), folder)
    except (ValueError, OSError) as error:
        print(f"{os.environ[ROLE]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit:  # all is saved; end by the signal, not as if the search were over
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
