"""Options and fixtures of the whole suite."""

import gc
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread per worker: workers that each start one thread per core only disturb each other.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import pytest


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="run the tests marked slow as well")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes long; runs with --runslow only")
    # Keras' own variables do not know NumPy 2's `copy` argument.
    config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
    share_what_jax_compiles(config)


def share_what_jax_compiles(config):
    """Lets all processes of this run share what JAX compiles, which takes most of their time."""
    if "PYTEST_XDIST_WORKER" in os.environ:  # has it from the process that started it
        return
    folder = tempfile.TemporaryDirectory(prefix="jax-")
    config.add_cleanup(folder.cleanup)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def pytest_collection_modifyitems(config, items):
    if config.getoption("--runslow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --runslow"))


def pytest_collection_finish(session):
    # What was imported stays: the garbage collector need not look through it again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    if not session.config.getoption("--runslow"):
        from tests.cheaper import leave_graphs_as_traced

        leave_graphs_as_traced()


@pytest.fixture(scope="module")
def drawn_without_xla():
    """Makes the data of recipes in no time: see `tests.cheaper`."""
    from tests.cheaper import drawing_once

    with drawing_once():
        yield


@pytest.fixture(scope="module")
def eagerly():
    """Runs all models without graphs, where graphs are not what is tested."""
    from tests.cheaper import running_eagerly

    with running_eagerly():
        yield


@pytest.fixture(scope="module")
def unpainted():
    """Writes pictures without painting them, where they are not what is tested."""
    pytest.importorskip("matplotlib")
    from tests.cheaper import painting_nothing

    with painting_nothing():
        yield


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Returns a function that draws, and returns the figure."""
    Figure = pytest.importorskip("matplotlib.figure").Figure
    figures = []
    save = Figure.savefig

    def savefig(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    def draw(function, *arguments, **options):
        function(tmp_path / "figure.png", *arguments, **options)
        return figures[-1]

    monkeypatch.setattr(Figure, "savefig", savefig)
    return draw


@pytest.fixture(autouse=True)
def fresh_keras():
    """Seeds every test, and restores what tests may set for the whole process."""
    policy, data_format = keras.config.dtype_policy(), keras.config.image_data_format()
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format(data_format)
