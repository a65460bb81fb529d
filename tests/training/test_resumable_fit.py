"""What `resumable_fit` does at each kind of end; that nothing is lost by it: test_survival.py."""

import contextlib
import shutil
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.training import load_checkpoint, resumable_fit
from tests.training.small_run import At, Killed, interrupt, kill, terminate
from tests.training.test_checkpoint import no_file_longer_than

EPOCHS, STEPS = 3, 4
SGD = keras.optimizers.SGD


def build(units=1, optimizer=None, layers=(), **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(units, name="dense")])
    return compiled(model, optimizer, **options)


def compiled(model, optimizer=None, **options):
    # Much faster than compiling for so few steps.
    options = {"run_eagerly": True, **options}
    model.compile(optimizer or SGD(0.01, momentum=0.5), "mse", **options)
    return model


def batches(first_batch, bad=None, value=np.nan):
    """Endless batches, in one of them a bad value."""

    def of_number(number):
        target = tf.where(number == (-1 if bad is None else bad), value, 1.0)
        return tf.fill((4, 2), tf.cast(number % 5, tf.float32)), tf.fill((4, 1), target)

    return tf.data.Dataset.range(first_batch, 10**6).map(of_number)


def fit(folder, *callbacks, model=None, data=batches, steps=STEPS, **options):
    options = {"checkpoint_seconds": 60.0, "verbose": 0, "epochs": EPOCHS, **options}
    model = model or build()
    history = resumable_fit(
        model, data, steps_per_epoch=steps, folder=folder, callbacks=callbacks, **options
    )
    return model, history


def saved(folder):
    """Returns the step of the last checkpoint."""
    return (load_checkpoint(folder) or (None,))[0]


def weights(model):
    return [weight.tolist() for weight in model.get_weights()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights and losses of a run without interruptions."""
    model, history = fit(tmp_path_factory.mktemp("whole"), At())
    return weights(model), history.history["loss"]


def assert_continues(folder, whole, *callbacks, **options):
    model, history = fit(folder, *(callbacks or [At()]), **options)
    assert (weights(model), history.history["loss"]) == whole
    assert history.epoch == list(range(EPOCHS))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_what_was_before(value, tmp_path):
    def data(first_batch):
        return batches(first_batch, bad=STEPS + 2, value=value)

    for _ in range(2):  # the same command again ends the same
        with pytest.raises(FloatingPointError, match="The loss is not finite at step 3 of epoch 2"):
            fit(tmp_path, data=data, checkpoint_seconds=0.0)
        assert saved(tmp_path) == STEPS + 2


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path):
    model = build()

    def spoil():
        model.layers[0].kernel.assign([[1.0], [np.nan]])

    with pytest.raises(FloatingPointError, match=r"weight .*kernel is not finite at step 2 of ep"):
        fit(tmp_path, At(("train", 1, 1), spoil), model=model, checkpoint_seconds=0.0)
    assert saved(tmp_path) == STEPS + 1


@pytest.mark.parametrize(
    "action, moment, step",
    [
        (terminate, ("train", 1, 1), STEPS + 2),
        (interrupt, ("train", 1, STEPS - 1), 2 * STEPS),
        (terminate, ("test", 1, 0), 2 * STEPS),
        (interrupt, ("epoch", 1, None), 2 * STEPS),
        (terminate, ("end", None, None), EPOCHS * STEPS),
    ],
)
def test_a_signal_saves_and_leaves(action, moment, step, tmp_path, whole, capsys):
    left = SystemExit if action is terminate else KeyboardInterrupt
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(left) as caught:
        fit(tmp_path, At(moment, action), validation_data=batches(99).take(2))
    assert getattr(caught.value, "code", 0) == 0
    assert saved(tmp_path) == step
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert "Saved upon" in capsys.readouterr().out
    assert_continues(tmp_path, whole, validation_data=batches(99).take(2))


def test_a_signal_before_the_first_step_saves_and_leaves(tmp_path, whole):
    def data(first_batch):
        terminate()
        return batches(first_batch)

    for step in (1, 2):
        with pytest.raises(SystemExit):
            fit(tmp_path, At(), data=data)
        assert saved(tmp_path) == step
    assert_continues(tmp_path, whole)


def test_a_second_interrupt_does_not_wait(tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever other tests have left

    def twice():
        interrupt()
        interrupt()
        raise AssertionError("it waited")

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, At(("train", 0, 1), twice))
    assert saved(tmp_path) is None


def test_a_thread_trains_without_minding_signals(tmp_path, whole):
    thread = threading.Thread(target=fit, args=(tmp_path, At()))
    thread.start()
    thread.join()
    assert saved(tmp_path) == EPOCHS * STEPS
    assert_continues(tmp_path, whole)


def test_a_finished_run_changes_nothing(tmp_path, whole):
    fit(tmp_path, At())
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    assert_continues(tmp_path, whole)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    assert after == before


def test_a_finished_run_is_prolonged(tmp_path, whole):
    fit(tmp_path, At(), epochs=1)
    assert_continues(tmp_path, whole)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The folder of a run that was killed within its second epoch."""
    folder = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(Killed):
        fit(folder, At(("train", 1, 3), kill), checkpoint_seconds=0.0)
    return folder


def other_callbacks(folder):
    fit(folder, At(), keras.callbacks.TerminateOnNaN())


def fewer_callbacks(folder):
    fit(folder)


def another_callback(folder):
    fit(folder, keras.callbacks.TerminateOnNaN())


def another_model(folder):
    fit(folder, At(), model=build(units=2))


def another_optimizer(folder):
    # Its variables are as many and of the same shapes.
    fit(folder, At(), model=build(optimizer=keras.optimizers.RMSprop(0.01)))


def an_optimizer_without_momentum(folder):
    fit(folder, At(), model=build(optimizer=SGD(0.01)))


def other_metrics(folder):
    fit(folder, At(), model=build(metrics=["mae"]))


def other_steps(folder):
    fit(folder, At(), steps=STEPS - 2)


@pytest.mark.parametrize(
    "change, message",
    [
        (other_callbacks, r"with callbacks \['At', 'History'\], not \['At', 'TerminateOnNaN'"),
        (fewer_callbacks, r"with callbacks \['At', 'History'\], not \['History'\]; continue"),
        (another_callback, r"with callbacks \['At', 'History'\], not \['TerminateOnNaN'"),
        (another_model, r"has 2 model variables, of other shapes than the 2 here; continue"),
        (another_optimizer, r"with optimizer SGD, not RMSprop; continue"),
        (an_optimizer_without_momentum, r"has 4 optimizer variables, of other shapes than the 2"),
        (other_metrics, r"has 2 metrics variables, of other shapes than the 4"),
        (other_steps, r"with steps_per_epoch 4, not 2; continue"),
    ],
)
def test_what_does_not_belong_together_is_said(change, message, interrupted):
    with pytest.raises(ValueError, match=message):
        change(interrupted)
    assert saved(interrupted) == STEPS + 3


def test_a_full_disk_is_said_and_training_goes_on_when_it_is_mended(tmp_path, whole):
    with contextlib.ExitStack() as stack:
        is_full = At(("train", 1, 1), lambda: stack.enter_context(no_file_longer_than(100)))
        with pytest.raises(OSError, match=r"File too large. The last good one is kept \(check"):
            fit(tmp_path, is_full, checkpoint_seconds=0.0)
    assert saved(tmp_path) == STEPS + 1
    assert_continues(tmp_path, whole)


def test_a_callback_that_stops_within_an_epoch_stops_for_good(tmp_path):
    class Stopping(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = self.model.optimizer.iterations == STEPS + 2
            if self.model.stop_training:
                terminate()

    with pytest.raises(SystemExit):
        fit(tmp_path, Stopping(), checkpoint_seconds=0.0, validation_data=batches(99).take(2))
    model, history = fit(tmp_path, Stopping(), validation_data=batches(99).take(2))
    assert history.epoch == [0, 1]
    assert len(history.history["val_loss"]) == 2
    assert int(model.optimizer.iterations) == STEPS + 2


def test_a_model_that_is_built_by_its_first_batch_continues(tmp_path):
    def unbuilt():
        keras.utils.set_random_seed(1)
        return compiled(keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)]))

    whole = weights(fit(tmp_path / "whole", At(), model=unbuilt())[0])
    with pytest.raises(Killed):
        moment = At(("train", 1, 2), kill)
        fit(tmp_path / "parts", moment, model=unbuilt(), checkpoint_seconds=0.0)
    model, _ = fit(tmp_path / "parts", At(), model=unbuilt())
    assert weights(model) == whole
    assert int(model.optimizer.iterations) == EPOCHS * STEPS


def test_several_steps_per_execution_continue(tmp_path, whole):
    def several():
        return build(run_eagerly=False, steps_per_execution=2)

    with pytest.raises(SystemExit):
        fit(tmp_path, At(("train", 1, 1), terminate), model=several())
    assert saved(tmp_path) == STEPS + 2
    model, _ = fit(tmp_path, At(), model=several())
    for found, expected in zip(weights(model), whole[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="steps_per_epoch is 3; expected a multiple of 2"):
        fit(tmp_path, At(), model=several(), steps=3)


def test_the_history_given_is_the_one_returned(tmp_path):
    given = keras.callbacks.History()
    _, history = fit(tmp_path, given, epochs=1)
    assert history is given
    assert history.epoch == [0]


def test_the_place_is_said(interrupted, tmp_path, capsys):
    shutil.copytree(interrupted, tmp_path / "copy")
    fit(tmp_path / "copy", At())
    assert capsys.readouterr().out == f"Continues at epoch 2, step 3 of 4, from {tmp_path}/copy\n"
