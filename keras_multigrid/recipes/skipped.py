"""The files that a run has passed over, for they cannot be decoded."""

import contextlib
import warnings

from keras_multigrid.whole_files import write_text

SKIPPED = "skipped.txt"
MOST_NAMED = 10


def write_skipped(folder, names):
    """Adds names to those in a run's folder, which has no such file without; returns them all."""
    path = folder / SKIPPED
    before = path.read_text().split("\n")[:-1] if path.exists() else []
    names = sorted({*before, *names})
    if names:
        write_text(path, "\n".join([*names, ""]))
    return names


@contextlib.contextmanager
def without_end_warnings():
    """Hides Keras' warning at the end of data whose length, as files are skipped, is not known."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


def skipped_sentence(names):
    """Returns how many files were skipped, and which."""
    left = len(names) - MOST_NAMED
    named = ", ".join(sorted(names)[:MOST_NAMED])
    return (
        f"Skipped {len(names)} {'file' if len(names) == 1 else 'files'} that cannot be decoded: "
        f"{named}{f' and {left} more' if left > 0 else ''}"
    )
