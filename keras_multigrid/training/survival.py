"""The callback by which a training survives: it saves, restores, and leaves upon signals."""

import contextlib
import signal
import threading
import time

import keras
import numpy as np

from keras_multigrid.progress import say
from keras_multigrid.training.callback_state import changed, get_state, pack, set_state, unpack
from keras_multigrid.training.checkpoint import save_checkpoint
from keras_multigrid.training.distribution import average_replicas, is_first_process
from keras_multigrid.training.start import read_start


class StepsToCome(keras.callbacks.CallbackList):
    """Callbacks that do not hear of the steps that are passed over, which they have had.

    Args:
        survival: The `Survival` among them.
        callbacks: List of all.
        **params: What Keras tells them of the training, and the model.
    """

    def __init__(self, survival, callbacks, **params):
        super().__init__(callbacks, **params)
        self.survival = survival

    def on_train_batch_begin(self, batch, logs=None):
        if not self.survival.passes_over(batch):
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if not self.survival.passes_over(batch):
            super().on_train_batch_end(batch, logs)
        elif not self.survival.passes_over(batch + 1):
            self.survival.end_passing_over()


class Survival(keras.callbacks.Callback):
    """Writes checkpoints, and restores the last one when training begins.

    Args:
        folder, steps_per_epoch, checkpoint_seconds: As for `resumable_fit`.
        validates: Whether there are validation data.
        others: List of the other callbacks.
    """

    def __init__(self, folder, steps_per_epoch, checkpoint_seconds, validates, others):
        super().__init__()
        self.folder, self.steps_per_epoch = folder, steps_per_epoch
        self.checkpoint_seconds, self.validates = checkpoint_seconds, validates
        self.others = others
        self.start = read_start(folder)
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
                say(f"Continues at {place}, from {self.folder}")

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self._continues() and self.start.step:
            self._restore()  # for the others, the epoch has begun once more
            self._pass_over(self.model.get_metrics_result())

    def on_train_batch_end(self, batch, logs=None):
        step = batch + 1
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
            say("\nSaved upon SIGTERM; the same command continues.")
            raise SystemExit(0)
        if self.signal == signal.SIGINT:
            say("\nSaved upon Ctrl-C; the same command continues.")
            raise KeyboardInterrupt

    def _continues(self):
        """Returns whether this is the epoch in which a checkpoint was written."""
        return self.start.callbacks is not None and self.epoch == self.start.epoch

    def passes_over(self, batch):
        """Returns whether the epoch has already had a step."""
        return self._continues() and batch < self.start.step

    def end_passing_over(self):
        """Has Keras take the steps to come."""
        self.model.train_function = self.train_function

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
