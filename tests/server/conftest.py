"""Exported networks, what they compute here, and servers of them."""

import pytest

from tests.server.models import make_models
from tests.server.running import serving


@pytest.fixture(scope="package", autouse=True)
def without_a_backend():
    """Servers compute by runtimes: TensorFlow, which takes seconds to import, is one of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "numpy")
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_models(folder)
    return folder


@pytest.fixture(scope="session")
def offline(models):
    import tensorflow as tf

    loaded = {name: tf.saved_model.load(models / name) for name in ("digits/2", "dense/1")}

    def compute(model, signature="serving_default", **inputs):
        outputs = loaded[model].signatures[signature](**inputs)
        return {name: output.numpy() for name, output in outputs.items()}

    return compute


@pytest.fixture(scope="session")
def digits(models):
    options = ["--runtime", "openvino", "--max-body-mib", "2", "--max-images", "8"]
    with serving(models / "digits", *options) as server:
        yield server


@pytest.fixture(scope="session")
def dense(models):
    with serving(models / "dense", "--max-pixels", "100000") as server:
        yield server


@pytest.fixture(scope="session")
def counter(models):
    with serving(models / "counter", "--max-concurrency", "20") as server:
        yield server
