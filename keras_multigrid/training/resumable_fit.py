"""`model.fit` that continues where it was interrupted, with bitwise the same result."""

import contextlib
import dataclasses
import signal
import threading
import time

import keras
import numpy as np

from keras_multigrid.training.callback_state import changed, get_state, pack, set_state, unpack
from keras_multigrid.training.checkpoint import load_checkpoint, save_checkpoint
from keras_multigrid.training.distribution import average_replicas, is_first_process


def resumable_fit(
    model,
    batches,
    epochs,
    steps_per_epoch,
    folder,
    validation_data=None,
    callbacks=(),
    checkpoint_seconds=60.0,
    verbose="auto",
):
    """Trains a compiled model; called again after an interruption, it continues exactly.

    Checkpoints hold the weights, the states of optimizer, random seeds, metrics and callbacks, and
    the position in the data. They are written between two steps, after `checkpoint_seconds` or
    more, at the end of each epoch's training if there is validation, and when the process gets
    SIGTERM, upon which it exits with status 0 (or Ctrl-C). What a `kill -9` loses is computed
    again: with deterministic operations the result is bitwise that of an uninterrupted run. (On
    PyTorch only if each `Dropout` has a seed; else Keras has PyTorch's own generator draw there.)

    Args:
        model: A compiled `keras.Model`.
        batches: A function from a number n to the endless `tf.data.Dataset` of training batches,
            from batch n on, such as `lambda n: kmg.datasets.load(..., first_batch=n)`.
        epochs: Number of epochs.
        steps_per_epoch: Batches per epoch.
        folder: Folder of the checkpoints; those in it are continued from.
        validation_data: As for `keras.Model.fit`.
        callbacks: List of Keras callbacks, the same ones in each call. Of their attributes those
            are restored that are numbers, texts, arrays, and lists or dictionaries of them.
        checkpoint_seconds: Seconds between checkpoints, at least.
        verbose: As for `keras.Model.fit`.

    Returns:
        The `keras.callbacks.History` of all epochs, those before the interruption included.

    Raises:
        FloatingPointError: If the loss or a weight is not finite; the message names the step. The
            last checkpoint is from before.
        OSError: If a checkpoint cannot be written; earlier ones are kept.
        ValueError: If the checkpoint is of another model, optimizer, list of callbacks or number of
            steps, or `steps_per_epoch` no multiple of the model's `steps_per_execution`.

    Example:

    >>> import tempfile
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.SGSEG(width_multiplier=0.05)
    >>> model.compile(kmg.optimizers.SGD(), "binary_crossentropy")
    >>> def batches(first_batch):
    ...     return kmg.datasets.load(
    ...         "mnist_segmentation", "train", 2, "digits", fresh=True, first_batch=first_batch
    ...     )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = kmg.training.resumable_fit(model, batches, 1, 2, folder, verbose=0)
    ...     # Another process would continue; nothing is left to do for this one:
    ...     history = kmg.training.resumable_fit(model, batches, 1, 2, folder, verbose=0)
    >>> history.epoch
    [0]
    """
    if steps_per_epoch % model.steps_per_execution:
        raise ValueError(
            f"steps_per_epoch is {steps_per_epoch}; expected a multiple of "
            f"{model.steps_per_execution}, the model's steps_per_execution."
        )
    history = next((c for c in callbacks if isinstance(c, keras.callbacks.History)), None)
    if history is None:
        history = keras.callbacks.History()
        callbacks = [*callbacks, history]
    survival = _Survival(
        folder, steps_per_epoch, checkpoint_seconds, validation_data is not None, callbacks
    )
    start = survival.start
    with survival.signals():
        # PyTorch's loop draws the batches of steps that are passed over, too.
        passed_over = 0 if keras.backend.backend() == "torch" else start.step
        data = batches(start.epoch * steps_per_epoch + passed_over)
        if start.step or not model.built:
            model.evaluate(data.take(1), verbose=0)  # builds the metrics, too, to be restored
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        model.fit(
            data,
            epochs=start.epoch if start.stopped else epochs,
            initial_epoch=start.epoch,
            steps_per_epoch=steps_per_epoch,
            validation_data=validation_data,
            callbacks=[*callbacks, survival],  # last: it sees what the others did
            shuffle=False,
            verbose=verbose,
        )
        survival.leave_if_asked()
    return history


@dataclasses.dataclass(frozen=True)
class _Start:
    """Where a run begins, with the arrays and the callbacks' states of the last checkpoint."""

    arrays: dict
    epoch: int = 0
    step: int = 0
    stopped: bool = False
    callbacks: list | None = None
    setup: dict | None = None


class _Survival(keras.callbacks.Callback):
    def __init__(self, folder, steps_per_epoch, checkpoint_seconds, validates, others):
        super().__init__()
        self.folder, self.steps_per_epoch = folder, steps_per_epoch
        self.checkpoint_seconds, self.validates = checkpoint_seconds, validates
        self.others = others
        _, arrays, notes = load_checkpoint(folder) or (0, {}, {})
        self.start = _Start(arrays, **notes)
        self.epoch = self.start.epoch
        self.signal = None

    @contextlib.contextmanager
    def signals(self):
        """Turns SIGTERM and SIGINT into leaving after the step; a second SIGINT is itself."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def leave_soon(number, frame):
            self.signal = number
            signal.signal(signal.SIGINT, before[signal.SIGINT])

        for number in before:
            signal.signal(number, leave_soon)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_train_begin(self, logs=None):
        self.saved_at = time.monotonic()
        self.initial_states = [get_state(callback) for callback in self.others]
        if self._continues():
            self._check_setup()
            self._restore()
            if is_first_process() and self.epoch < self.params["epochs"]:
                place = f"epoch {self.epoch + 1}, step {self.start.step} of {self.steps_per_epoch}"
                print(f"Continues at {place}, from {self.folder}", flush=True)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self._continues() and self.start.step:
            self._restore()  # for the others, the epoch has begun once more
            self._pass_over(self.model.get_metrics_result())

    def on_train_batch_end(self, batch, logs=None):
        step = batch + 1
        if self._continues() and step <= self.start.step:
            if step == self.start.step:
                self.model.train_function = self.train_function
                self._restore()  # the others took the steps passed over for real
            return
        if "loss" in logs:
            self._check_finite(logs["loss"], "loss", step)
        if self._model.stop_training:  # `self.model` would slow JAX down
            return  # the epoch ends here
        is_end = step == self.steps_per_epoch
        if is_end:
            average_replicas(self.model)
        if (is_end and self.validates) or self._is_due():
            self._save(self.epoch, step)
        self.leave_if_asked()

    def on_test_batch_end(self, batch, logs=None):
        if not self._model.stop_training:  # else the end of the training steps was not saved
            self.leave_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        is_last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        if is_last or self._is_due():
            self._save(epoch + 1, 0, bool(self.model.stop_training))
        self.leave_if_asked()

    def leave_if_asked(self):
        """Leaves upon a signal; all is saved."""
        if self.signal == signal.SIGTERM:
            print("\nSaved upon SIGTERM; the same command continues.", flush=True)
            raise SystemExit(0)
        if self.signal == signal.SIGINT:
            print("\nSaved upon Ctrl-C; the same command continues.", flush=True)
            raise KeyboardInterrupt

    def _continues(self):
        """Returns whether this is the epoch in which a checkpoint was written."""
        return self.start.callbacks is not None and self.epoch == self.start.epoch

    def _pass_over(self, logs):
        """Makes Keras pass over steps that the epoch has already had."""
        self.train_function = self.model.train_function

        def do_nothing(*arguments):
            return (logs, arguments[0]) if keras.backend.backend() == "jax" else logs

        self.model.train_function = do_nothing

    def _is_due(self):
        seconds = time.monotonic() - self.saved_at
        return self.signal is not None or seconds >= self.checkpoint_seconds

    def _check_finite(self, values, what, step):
        if not np.isfinite(np.asarray(values, "float32")).all():
            raise FloatingPointError(
                f"The {what} is not finite at step {step} of epoch {self.epoch + 1}. The last good "
                f"checkpoint in {self.folder} is kept; a lower learning rate may help."
            )

    def _save(self, epoch, step, stopped=False):
        average_replicas(self.model)
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.saved_at = time.monotonic()
        if not is_first_process():
            return
        arrays = {}
        for group, variables in self._variables().items():
            for index, variable in enumerate(variables):
                arrays[f"{group}/{index}"] = keras.ops.convert_to_numpy(variable)
        for index, variable in enumerate(self.model.variables):
            if keras.backend.is_float_dtype(variable.dtype):
                name = f"weight {variable.path}"
                self._check_finite(arrays[f"model/{index}"], name, step or self.steps_per_epoch)
        callbacks = [
            pack(changed(get_state(callback), initial), arrays, f"callbacks/{index}")
            for index, (callback, initial) in enumerate(zip(self.others, self.initial_states))
        ]
        notes = {
            "epoch": epoch,
            "step": step,
            "stopped": stopped,
            "callbacks": callbacks,
            "setup": self._setup(),
        }
        save_checkpoint(self.folder, epoch * self.steps_per_epoch + step, arrays, notes)
        self.saved_at = time.monotonic()

    def _variables(self):
        return {
            "model": self.model.variables,
            "optimizer": self.model.optimizer.variables,
            "metrics": self.model.metrics_variables,
        }

    def _setup(self):
        """Returns what has to be the same when training continues, but for the variables."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        return {
            "steps_per_epoch": self.steps_per_epoch,
            "optimizer": type(optimizer).__name__,
            "callbacks": [type(callback).__name__ for callback in self.others],
        }

    def _check_setup(self):
        saved, setup = dict(self.start.setup), self._setup()
        if not is_first_process():  # only the first one has those that write, last in the list
            saved["callbacks"] = saved["callbacks"][: len(setup["callbacks"])]
        for name, value in setup.items():
            if value != saved[name]:
                raise ValueError(
                    f"The checkpoint in {self.folder} was written with {name} {saved[name]}, not "
                    f"{value}; continue with what it was written with, or name another folder."
                )

    def _restore(self):
        """Restores the variables and the other callbacks, whatever they did in the meantime."""
        for group, variables in self._variables().items():
            if group != "metrics" or self.start.step:  # an epoch begins with new ones
                self._restore_group(group, variables)
        for callback, state, initial in zip(self.others, self.start.callbacks, self.initial_states):
            set_state(callback, unpack(state, self.start.arrays), initial)

    def _restore_group(self, group, variables):
        saved = [name for name in self.start.arrays if name.startswith(f"{group}/")]
        shapes = [self.start.arrays[f"{group}/{index}"].shape for index in range(len(saved))]
        expected = [tuple(variable.shape) for variable in variables]
        if shapes != expected:
            raise ValueError(
                f"The checkpoint in {self.folder} has {len(shapes)} {group} variables, of other "
                f"shapes than the {len(expected)} here; continue with the model, optimizer and "
                "metrics it was written with, or name another folder."
            )
        for index, variable in enumerate(variables):
            variable.assign(self.start.arrays[f"{group}/{index}"])
