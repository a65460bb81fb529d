"""The files that a run has passed over, as they cannot be decoded."""

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


def skipped_sentence(names):
    """Returns how many files were skipped, and which."""
    left = len(names) - MOST_NAMED
    named = ", ".join(sorted(names)[:MOST_NAMED])
    return (
        f"Skipped {len(names)} {'file' if len(names) == 1 else 'files'} that cannot be decoded: "
        f"{named}{f' and {left} more' if left > 0 else ''}"
    )
