"""The versions that a result depends on."""

import importlib.metadata
import platform

import keras

import keras_multigrid


def versions():
    """Returns the versions of Python and of the packages that a result depends on."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras_multigrid": keras_multigrid.__version__,
        "backend": backend,
        **{name: importlib.metadata.version(name) for name in ("keras", "numpy", backend)},
    }
