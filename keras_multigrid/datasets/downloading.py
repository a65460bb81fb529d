"""Data that TensorFlow Datasets downloads; without a network it would try for minutes."""

import pathlib
import queue
import threading
from urllib.parse import urlsplit

SECONDS = 10  # until a server must have begun to answer


class Unreachable(OSError):
    """A server from which data would be downloaded does not answer as it should."""


def load_downloadable(name, data_dir, **options):
    """Returns what `tfds.load` gives, or says within seconds that a download is not possible.

    Args:
        name: Name of a data set without configurations.
        data_dir: Where TensorFlow Datasets keeps its data; None is its own default.
        **options: More arguments of `tfds.load`; samples are pairs, in the order of the files.

    Raises:
        Unreachable: If a server of data that are neither prepared nor downloaded cannot be reached.
    """
    import tensorflow_datasets as tfds

    options.update(data_dir=data_dir, as_supervised=True, shuffle_files=False)
    try:
        return tfds.load(name, download=False, **options)
    except AssertionError:  # nothing is prepared
        builder = tfds.builder(name, data_dir=data_dir)
    hosts = {}
    for url in _missing(builder):
        hosts.setdefault(urlsplit(url).netloc, url)
    for host, url in hosts.items():
        _check_reachable(host, url)
    return tfds.load(name, **options)


def described(error):
    """Returns an error of a download in a few words: ours in full, of others the kind."""
    return str(error) if isinstance(error, Unreachable) else type(error).__name__


def _missing(builder):
    """Returns the addresses of the files that are not among TensorFlow Datasets' downloads."""
    downloads = pathlib.Path(builder.data_path).parents[1] / "downloads"
    put_by_hand = {path.name for path in downloads.glob("manual/*")}
    notes = [*downloads.glob("*.INFO"), *downloads.glob("*/*.INFO")]
    noted = "".join(path.read_text(errors="replace") for path in notes)
    return [
        url
        for url, file in (builder.url_infos or {}).items()
        if f'"{url}"' not in noted and file.filename not in put_by_hand
    ]


def _check_reachable(host, url):
    """Raises an error if a request, as TensorFlow Datasets would send it, fails."""
    import requests  # what TensorFlow Datasets downloads with: the same proxies and certificates

    outcome = queue.SimpleQueue()

    def ask():
        try:
            with requests.get(url, stream=True, timeout=SECONDS) as response:
                response.raise_for_status()
                outcome.put(None)
        except requests.HTTPError as error:
            outcome.put(f"answers with status {error.response.status_code}")
        except requests.Timeout:
            outcome.put(f"does not answer within {SECONDS} s")
        except requests.RequestException as error:
            outcome.put(f"cannot be reached: {type(error).__name__}")

    # A thread, because the time that a name server takes to answer has no limit of its own.
    threading.Thread(target=ask, daemon=True).start()
    try:
        fault = outcome.get(timeout=SECONDS)
    except queue.Empty:
        fault = f"does not answer within {SECONDS} s"
    if fault:
        raise Unreachable(f"{host} {fault}")
