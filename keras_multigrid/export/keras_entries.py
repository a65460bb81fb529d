"""What is added to a `.keras` file, an archive in which Keras reads its own parts alone."""

import json
import zipfile


def add_entry(path, name, value):
    """Adds what JSON can hold to a `.keras` file, under a name."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, json.dumps(value))


def read_entry(path, name):
    """Returns the bytes of an entry; None if there is no such entry.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is not a `.keras` file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name) if name in archive.namelist() else None
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is not a .keras file, or is damaged; expected a run's."
        ) from error
