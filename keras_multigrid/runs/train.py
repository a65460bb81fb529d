"""Trains the network of a recipe in a run's folder, from its last checkpoint on."""

from importlib.util import find_spec

import keras

from keras_multigrid.complexity import profile
from keras_multigrid.progress import verbosity
from keras_multigrid.recipes.photographs import without_end_warnings
from keras_multigrid.runs.expected_duration import ExpectedDuration
from keras_multigrid.runs.fine_tuning import freeze, start_from_weights
from keras_multigrid.runs.process import without_gradient_warnings
from keras_multigrid.runs.run_folder import CHECKPOINTS, LOG, check_settings
from keras_multigrid.training import JsonLines, resumable_fit
from keras_multigrid.training.distribution import (
    is_first_process,
    noticing_lost_processes,
    processes,
    this_process,
)


def train(recipe, output, epochs=None, splits=None, callbacks=(), verbose=None):
    """Trains the network of a recipe, from the last checkpoint on; returns it.

    Args:
        recipe: A `Recipe`.
        output: Path of the run's folder.
        epochs: Where to stop; None is the recipe's. The learning rate follows the recipe's.
        splits: Names of the training and the validation data; None are the recipe's own.
        callbacks: List of more Keras callbacks.
        verbose: As for `keras.Model.fit`; None shows progress as `verbosity` says.
    """
    with noticing_lost_processes():
        model = recipe.network()
        frozen = freeze(model, recipe.freeze)
        recipe.compile(model)
        start_from_weights(recipe, model, output / CHECKPOINTS)
        first = is_first_process()
        counts = profile(
            model, recipe.counted_shape()
        )  # in each process: making variables is done together
        if not first:
            check_settings(output, recipe)
        elif verbose != 0:
            sizes = f"{counts.trainable_params:,} parameters, {counts.macs:,} multiply-adds"
            print(f"{model.name}: {sizes}")
        training, validation = splits or ("train", recipe.VALIDATION_SPLIT)
        share = (this_process(), processes())

        def batches(first_batch):
            return recipe.load(training, recipe.batch_size, first_batch=first_batch, share=share)

        shown = verbosity() if verbose is None else verbose
        with without_gradient_warnings(), without_end_warnings():
            resumable_fit(
                model,
                batches,
                epochs or recipe.epochs,
                recipe.steps_per_epoch,
                output / CHECKPOINTS,
                _validation_data(recipe, validation) if recipe.validation else None,
                [*run_callbacks(recipe, output), *recipe.callbacks(output), *callbacks],
                recipe.checkpoint_seconds,
                shown if first else 0,
            )
        if frozen:  # the network is as any other again, and the optimizer does not fit it
            for layer in frozen:
                layer.trainable = True
            recipe.compile(model)
        return model


def run_callbacks(recipe, output):
    """Returns the callbacks of a run in its folder, in this process."""
    callbacks = [keras.callbacks.History()]
    if recipe.ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())
    if not is_first_process():
        return callbacks
    callbacks.append(ExpectedDuration(recipe.epochs * recipe.steps_per_epoch))
    callbacks.append(JsonLines(output / LOG))
    missing = [name for name in ("tensorflow", "tensorboard") if not find_spec(name)]
    if missing:
        print(f"There are no TensorBoard logs: {missing[0]} is not installed.")
    else:
        callbacks.append(keras.callbacks.TensorBoard(output / "tensorboard", write_graph=False))
    return callbacks


def _validation_data(recipe, split):
    if keras.distribution.distribution() is None:
        return recipe.load_evaluation(split)
    # Every device of every process needs an equal part of every batch: leave the last batch out.
    data = recipe.load(split, recipe.batch_size)
    batches = int(data.cardinality())
    if batches < 0:  # not known before all files were read, as some may be skipped
        batches = int(data.reduce(0, lambda count, _: count + 1))
    batches = max(batches - 1, 1)
    if recipe.evaluation_batches:
        batches = min(batches, recipe.evaluation_batches)
    share = (this_process(), processes())
    options = {"first_batch": 0, "share": share, "shuffle": False}
    return recipe.load(split, recipe.batch_size, **options).take(batches)
