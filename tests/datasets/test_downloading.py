"""Data that are not there, on machines without a network: said at once, and how to do without."""

import contextlib
import hashlib
import http.server
import shutil
import socket
import threading

import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo

import keras_multigrid as kmg
from keras_multigrid.datasets import downloading
from keras_multigrid.datasets.downloading import Unreachable, load_downloadable
from keras_multigrid.datasets.loading import LOADERS
from tests.processes import free_port

tfds.disable_progress_bar()
CONTENT = b"some words"


class WordsOverHttp(tfds.core.GeneratorBasedBuilder):
    """A data set of one file that is downloaded."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = None  # from address to checksum; of the server of a test

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"word": tfds.features.Text()}),
            supervised_keys=("word", "word"),
        )

    def _split_generators(self, dl_manager):
        (url,) = self.url_infos
        return {"train": self._generate_examples(dl_manager.download(url))}

    def _generate_examples(self, path):
        yield from ((word, {"word": word}) for word in path.read_text().split())


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Ends the patience of TensorFlow Datasets, which tries eleven times, for 205 seconds."""

    def refuse(*arguments):
        raise AssertionError("It waits to try again.")

    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", refuse)


@pytest.fixture
def no_network(monkeypatch):
    """Sends every request to where nobody listens."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def server(monkeypatch, status=200):
    """Serves the file of `WordsOverHttp`; yields the number of requests so far, in a list."""
    requests = [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests[0] += 1
            self.send_response(status)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            with contextlib.suppress(OSError):  # who only asks whether there is one has left
                self.wfile.write(CONTENT)

        def log_message(self, *arguments):
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
    point_to(serving.server_port, monkeypatch)
    try:
        yield requests
    finally:
        serving.shutdown()
        serving.server_close()


def point_to(port, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    info = UrlInfo(tfds.core.utils.Size(len(CONTENT)), hashlib.sha256(CONTENT).hexdigest(), "words")
    monkeypatch.setattr(WordsOverHttp, "url_infos", {f"http://127.0.0.1:{port}/words": info})


def words(data_dir):
    examples = load_downloadable("words_over_http", data_dir, split="train")
    return {word.decode() for word, _ in examples.as_numpy_iterator()}


@pytest.mark.parametrize("name", LOADERS)
def test_without_a_network_every_data_set_says_so_at_once(name, no_network, tmp_path):
    with pytest.raises((OSError, ValueError)) as raised:
        kmg.datasets.load(name, "train", 4, data_dir=str(tmp_path))
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)
    assert "AssertionError" not in str(raised.value)


@pytest.mark.parametrize("name", ["mnist_segmentation", "located_mnist", "cifar10", "cifar100"])
def test_the_sentence_names_server_and_ways_without_one(name, no_network, tmp_path, capsys):
    with pytest.raises(OSError, match=r"\((storage\S+|www\S+) cannot be reached: ") as raised:
        kmg.datasets.load(name, "train", 4, data_dir=str(tmp_path))
    assert "--data-dir DIR` prepared where there is a network" in str(raised.value)
    assert ("source='digits'" in str(raised.value)) == ("mnist" in name)
    assert not list(tmp_path.iterdir())  # nothing half there is left behind
    assert capsys.readouterr().out == ""


def test_the_whitening_of_cifar_says_so_too(no_network, tmp_path):
    with pytest.raises(OSError, match=r"www\.cs\.toronto\.edu cannot be reached"):
        kmg.datasets.fit_whitening("cifar100", data_dir=str(tmp_path))


def test_a_server_that_keeps_silent(monkeypatch, tmp_path):
    monkeypatch.setattr(downloading, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        point_to(port, monkeypatch)
        with pytest.raises(Unreachable, match=rf"^127.0.0.1:{port} does not answer within 0.2 s$"):
            words(tmp_path)


def test_a_name_server_that_keeps_silent(monkeypatch, tmp_path):
    monkeypatch.setattr(downloading, "SECONDS", 0.2)
    answer = threading.Event()
    with server(monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **options: answer.wait() and [])
        with pytest.raises(Unreachable, match=r"does not answer within 0\.2 s$"):
            words(tmp_path)
    answer.set()


def test_a_server_that_refuses(monkeypatch, tmp_path):
    with (
        server(monkeypatch, status=503),
        pytest.raises(Unreachable, match="answers with status 503"),
    ):
        words(tmp_path)


def test_what_was_downloaded_or_put_there_by_hand_needs_no_server(monkeypatch, tmp_path):
    with server(monkeypatch) as requests:
        assert words(tmp_path) == {"some", "words"}
        assert requests[0] == 2  # is there one, and the file
        assert words(tmp_path) == {"some", "words"}
        assert requests[0] == 2  # it is prepared
    shutil.rmtree(tmp_path / "words_over_http")
    assert words(tmp_path) == {"some", "words"}  # out of the downloads
    shutil.rmtree(tmp_path / "words_over_http")
    shutil.rmtree(tmp_path / "downloads")
    with pytest.raises(Unreachable, match="cannot be reached"):
        words(tmp_path)
    (tmp_path / "downloads/manual").mkdir(parents=True)
    (tmp_path / "downloads/manual/words").write_bytes(CONTENT)
    assert words(tmp_path) == {"some", "words"}
