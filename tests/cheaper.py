"""Makes trainings cheap that do not test drawings or graphs: both take seconds to trace."""

import contextlib
import functools
import pathlib

import keras
import pytest
import tensorflow as tf

from keras_multigrid.datasets import (
    LocatedDigits,
    Segmentation,
    SpatialTransformer,
    drawn,
    load_digits,
)

SAMPLES = 64  # as many as are drawn


BEFORE = {}


def drawn_before(draw, drawing, *settings):
    """Returns what one drawing of each kind and settings draws, once in a process."""
    kind = (type(drawing), *settings)
    if kind not in BEFORE:
        with tf.init_scope():  # not in the graph of the pipeline that asks first
            BEFORE[kind] = draw(drawing, tf.range(SAMPLES), tf.constant([0, 0], tf.int64))
    return BEFORE[kind]


def pick(samples, indices, key):
    """Returns a batch of some samples, another one for each key."""
    numbers = tf.random.stateless_uniform(indices.shape, key, 0, SAMPLES, tf.int32)
    return tuple(tf.gather(each, numbers) for each in samples)


@contextlib.contextmanager
def drawing_once():
    """Within it, batches pick among samples drawn before, of the split that asked first."""
    segmentation, spatial_transformer = Segmentation.__call__, SpatialTransformer.__call__

    def segment(self, indices, key):
        return pick(drawn_before(segmentation, self, self._canvas), indices, key)

    def distort(self, indices, key):
        settings = self._canvas, self._distortion
        return pick(drawn_before(spatial_transformer, self, *settings), indices, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segmentation, "__call__", segment)
        patch.setattr(SpatialTransformer, "__call__", distort)
        never = property(lambda drawing: False, lambda drawing, value: None)
        for drawing in (LocatedDigits, Segmentation, SpatialTransformer):
            patch.setattr(drawing, "jit_compile", never, raising=False)
        patch.setattr(drawn, "load_digits", functools.cache(load_digits))
        yield


def leave_graphs_as_traced():
    """Lets TensorFlow run graphs without rewriting them, which takes a quarter of the time."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def write_no_picture(figure, path, **options):
    pathlib.Path(path).write_bytes(b"\x89PNG")


@contextlib.contextmanager
def painting_nothing():
    """Within it, pictures are drawn and written, but not painted."""
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", write_no_picture)
        yield


@contextlib.contextmanager
def running_eagerly():
    """Within it, all models train, evaluate and predict without graphs."""
    with pytest.MonkeyPatch.context() as patch:
        always = property(lambda model: True, lambda model, value: None)
        patch.setattr(keras.Model, "run_eagerly", always)
        yield
