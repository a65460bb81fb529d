"""Training on several devices and in several processes, where Keras 3 can."""

import contextlib
import functools
import json
import os
import sys

import keras
import numpy as np

from keras_multigrid import checks


@contextlib.contextmanager
def data_parallel(devices):
    """Runs what is built inside on several devices of this machine, each with a part of a batch.

    TensorFlow's `MirroredStrategy`, or Keras' `DataParallel` on JAX, over all processes. On a
    machine without accelerators virtual devices are made of the CPU: to try, not to be faster.

    With TensorFlow each device normalizes its part of a batch by its own mean and variance; the
    moving statistics are averaged (`average_replicas`). On JAX they are those of the whole batch.

    Args:
        devices: Number of devices in each process; 1 is what Keras does by itself.

    Raises:
        ValueError: If the backend trains on one device only, or there are fewer devices.

    Example:

    >>> import keras_multigrid as kmg
    >>> with kmg.training.data_parallel(1):  # 2 where there are two
    ...     model = kmg.applications.SGSEG(width_multiplier=0.05)
    """
    checks.positive_integers(devices=devices)
    backend = keras.backend.backend()
    _refuse_workers_of_tensorflow()
    if devices == 1 and processes() == 1:
        yield
    elif backend == "tensorflow":
        with _mirrored_strategy(devices).scope():
            yield
    elif backend == "jax":
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(_data_parallel(devices))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
    else:
        raise ValueError(
            f"devices is {devices}, but the {backend} backend trains on 1. Set KERAS_BACKEND to "
            "tensorflow or jax."
        )


def join_processes(coordinator, processes, process):
    """Joins this process to others, on this machine or another, by JAX's own runtime.

    Call it before anything else of Keras or JAX runs. When one of the processes ends too early, the
    others end as well, with status 1: start all again, and they continue from the last checkpoint.
    A loop of the shell does that by itself:

        until keras-multigrid train ... --process 1; do sleep 5; done

    Args:
        coordinator: `"host:port"` at which process 0 listens.
        processes: Number of processes.
        process: Number of this process, from 0.

    Raises:
        ValueError: If the backend is not JAX, or there is no such process.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.training.join_processes("10.0.0.1:1234", 2, 0)  # doctest: +SKIP
    """
    checks.optional(checks.texts, coordinator=coordinator)
    checks.positive_integers(processes=processes)
    checks.integers(0, processes - 1, process=process)
    if keras.backend.backend() != "jax":
        raise ValueError(_no_processes(keras.backend.backend()))
    if not coordinator or not coordinator.rpartition(":")[2].isdigit():
        raise ValueError(
            f"The coordinator is {coordinator}; expected host:port of process 0, the same in all "
            "processes, such as 10.0.0.1:1234."
        )
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # The first tests the network while the others wait.
    jax.distributed.initialize(coordinator, processes, process, shutdown_timeout_seconds=86400)


@contextlib.contextmanager
def noticing_lost_processes():
    """Turns what JAX raises when another process has ended into a `ConnectionError` of one line."""
    if processes() == 1:
        yield
        return
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise ConnectionError(
            f"Another process has ended ({str(error).splitlines()[0]}); give the commands of all "
            "processes again to continue from the last checkpoint."
        ) from error


def leave_at_once(status):
    """Ends one of several processes; a normal end would wait for the others, which wait for it."""
    if processes() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def processes():
    """Returns the number of processes that train together."""
    return _of_jax("process_count", 1)


def this_process():
    """Returns the number of this process among those that train together."""
    return _of_jax("process_index", 0)


def is_first_process():
    """Returns whether this process is the one that writes files."""
    return this_process() == 0


def average_replicas(model):
    """Gives all replicas the mean of their moving statistics, so that what is saved is of all.

    Moving means and variances are linear in what they have seen: it does not matter when.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for variable in model.non_trainable_variables:
        replicas = getattr(variable.value, "values", ())
        if len(replicas) > 1 and keras.backend.is_float_dtype(variable.dtype):
            variable.assign(np.mean([replica.numpy() for replica in replicas], axis=0))


def _of_jax(question, alone):
    if keras.backend.backend() != "jax":
        return alone
    import jax

    if not jax.distributed.is_initialized():
        return alone  # without starting JAX's devices, whose number may still be set
    return getattr(jax, question)()


def _refuse_workers_of_tensorflow():
    workers = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster")
    if keras.backend.backend() == "tensorflow" and workers:
        raise ValueError(f"TF_CONFIG names a cluster. {_no_processes('tensorflow')}")


def _no_processes(backend):
    return (
        f"Keras 3 does not train in several processes on {backend} (TensorFlow's multi-worker "
        "strategy is broken there); set KERAS_BACKEND=jax, and give --coordinator, --processes "
        "and --process."
    )


@functools.cache  # the collective operations of a second one would meet those of the first
def _mirrored_strategy(devices):
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU":
        cpu = tf.config.list_physical_devices("CPU")[0]
        with contextlib.suppress(RuntimeError):  # TensorFlow runs already
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * devices
            )
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(_first(names, devices))


def _data_parallel(devices):
    import jax

    if devices > 1:
        with contextlib.suppress(RuntimeError):  # JAX runs already
            jax.config.update("jax_num_cpu_devices", devices)
    _first(jax.local_devices(), devices)
    names = keras.distribution.list_devices()  # of all processes
    names = names[:devices] if processes() == 1 else names
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)


def _first(available, devices):
    if len(available) < devices:
        raise ValueError(
            f"devices is {devices}; there are {len(available)}. (Virtual ones of a CPU must be "
            "asked for before anything else runs.)"
        )
    return list(available[:devices])
