"""What a run sets in its process: threads, seeds, devices, signals, and what is printed."""

import contextlib
import logging
import signal
import threading
import warnings

import keras

from keras_multigrid.progress import say
from keras_multigrid.runs.precision import slow_precision
from keras_multigrid.training import data_parallel
from keras_multigrid.training.distribution import is_first_process


@contextlib.contextmanager
def set_up(recipe):
    """Sets threads, seeds, determinism, devices and precision as a recipe says.

    It prints a line if the precision makes the training slow on this machine.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if recipe.threads:
            with contextlib.suppress(RuntimeError):  # TensorFlow has started, and keeps its own
                tf.config.threading.set_intra_op_parallelism_threads(recipe.threads)
        if recipe.deterministic:
            tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(recipe.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        with data_parallel(recipe.devices):
            notice = slow_precision(recipe.precision)
            if notice and is_first_process():
                say(notice)
            yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def leaving_upon_sigterm():
    """Exits with status 0 upon SIGTERM while no training is under way, which saves by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        say("Left upon SIGTERM; the same command continues.")
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def without_gradient_warnings():
    """Hides that some weights get no gradient: grids of the paper's nets are dropped unused."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gradients do not exist for variables")
        yield


def hide_retracing():
    """Hides TensorFlow's warning of the fifth function that a process traces: each run has some."""
    logging.getLogger("tensorflow").addFilter(_is_not_of_retracing)


def _is_not_of_retracing(record):
    return "retracing" not in record.getMessage()
