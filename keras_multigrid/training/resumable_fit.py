"""`model.fit` that continues where it was interrupted, with bitwise the same result."""

import keras

from keras_multigrid import checks
from keras_multigrid.training.survival import StepsToCome, Survival


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
            are restored that are numbers, texts, arrays, and lists or dictionaries of them, and
            what is in files that they hold open for writing, such as that of `CSVLogger`. One whose
            attribute `checkpointed` is False has no state, and may be new.
        checkpoint_seconds: Seconds between checkpoints, at least.
        verbose: As for `keras.Model.fit`.

    Returns:
        The `keras.callbacks.History` of all epochs, those before the interruption included.

    Raises:
        FloatingPointError: If the loss or a weight is not finite; the message names the step. The
            last checkpoint is from before.
        OSError: If a checkpoint cannot be written; earlier ones are kept.
        ValueError: If the checkpoint is of another model, optimizer, list of callbacks or number of
            steps, or of another program, `steps_per_epoch` is not a multiple of the model's
            `steps_per_execution`, or a callback is a `BackupAndRestore`.

    Example:

    >>> import tempfile
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.SGSEG(width_multiplier=0.05)
    >>> model.compile(kmg.optimizers.SGD(), "binary_crossentropy")
    >>> def batches(first_batch):
    ...     return kmg.datasets.load(
    ...         "mnist_segmentation",
    ...         "train",
    ...         2,
    ...         source="digits",
    ...         fresh=True,
    ...         first_batch=first_batch,
    ...     )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = kmg.training.resumable_fit(model, batches, 1, 2, folder, verbose=0)
    ...     # Another process would continue; nothing is left to do for this one:
    ...     history = kmg.training.resumable_fit(model, batches, 1, 2, folder, verbose=0)
    >>> history.epoch
    [0]
    """
    checks.models(model=model)
    checks.functions(batches=batches)
    checks.positive_integers(epochs=epochs, steps_per_epoch=steps_per_epoch)
    checks.paths(folder=folder)
    checks.optional(checks.data, validation_data=validation_data)
    checks.lists(callbacks=callbacks)
    checks.numbers(checkpoint_seconds=checkpoint_seconds)
    checks.verbosity(verbose=verbose)
    if steps_per_epoch % model.steps_per_execution:
        raise ValueError(
            f"steps_per_epoch is {steps_per_epoch}; expected a multiple of "
            f"{model.steps_per_execution}, the model's steps_per_execution."
        )
    history = next((c for c in callbacks if isinstance(c, keras.callbacks.History)), None)
    if history is None:
        history = keras.callbacks.History()
        callbacks = [*callbacks, history]
    if any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks):
        raise ValueError(
            "BackupAndRestore is among the callbacks, and would restore another epoch than the "
            "checkpoint's; leave it out."
        )
    kept = [callback for callback in callbacks if getattr(callback, "checkpointed", True)]
    survival = Survival(
        folder, steps_per_epoch, checkpoint_seconds, validation_data is not None, kept
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
            callbacks=StepsToCome(
                survival,
                [*callbacks, survival],  # last: it sees what the others did
                add_history=True,
                add_progbar=verbose != 0,
                model=model,
                verbose=verbose,
                epochs=start.epoch if start.stopped else epochs,
                steps=steps_per_epoch,
            ),
            shuffle=False,
            verbose=verbose,
        )
        survival.leave_if_asked()
    return history
