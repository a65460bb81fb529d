"""Networks are counted once for all tests: hypermodels forget what they have counted."""

import contextlib

import keras
import pytest

from keras_multigrid import complexity


@contextlib.contextmanager
def counted_once():
    counts = {}

    def count(constructor, **arguments):
        shown = sorted((name, repr(value)) for name, value in arguments.items())
        key = (constructor, keras.config.image_data_format(), *shown)
        if key not in counts or "input_tensor" in arguments:
            counts[key] = complexity.count(constructor, **arguments)
        return counts[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_multigrid.tuning.hypermodel.count", count)
        yield
