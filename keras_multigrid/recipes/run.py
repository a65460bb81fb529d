"""Runs a recipe: trains, survives interruptions, evaluates, reports."""

import contextlib
import dataclasses
import logging
import pathlib
import signal
import sys
import threading
import warnings
from importlib.util import find_spec

import keras

from keras_multigrid import checks
from keras_multigrid.complexity import profile
from keras_multigrid.export.class_names import add_class_names
from keras_multigrid.recipes.fine_tuning import freeze, start_from_weights
from keras_multigrid.recipes.precision import slow_precision
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.report import versions, write_report
from keras_multigrid.recipes.run_folder import (
    CHECKPOINTS,
    MODEL,
    RESULTS,
    check_settings,
    claim,
    default_folder,
    how_to_go_on,
    locked,
)
from keras_multigrid.recipes.skipped import (
    skipped_sentence,
    without_end_warnings,
    write_skipped,
)
from keras_multigrid.recipes.trained import read_model, read_results
from keras_multigrid.stored import DamagedFile
from keras_multigrid.training import JsonLines, data_parallel, resumable_fit
from keras_multigrid.training.distribution import (
    is_first_process,
    noticing_lost_processes,
    processes,
    this_process,
)
from keras_multigrid.training.json_lines import LOG_REMEDY, read_json_lines
from keras_multigrid.whole_files import whole, write_json

LOG = "metrics.jsonl"


def run(recipe, output=None):
    """Trains and tests the network of a recipe; called again after an interruption, it continues.

    Args:
        recipe: A `Recipe`.
        output: The run's folder; None is a folder of its own in `runs` for each choice of settings.
            It gets `recipe.json` (settings and versions), `metrics.jsonl` (each epoch),
            `tensorboard`, `checkpoints`, and at the end `model.keras`, `metrics.json`, `report.md`
            and `curves.png`, and `predictions.png` for images.

    Returns:
        What `metrics.json` holds; None in all but the first of several processes.

    Raises:
        ValueError: If the folder is of other settings.
        OSError: If another process works in it, or something cannot be written.
        FloatingPointError: If the loss is not finite.

    Example:

    >>> from keras_multigrid.recipes import MnistSegmentation, run
    >>> recipe = MnistSegmentation(**MnistSegmentation.SCALES["smoke"])
    >>> results = run(recipe, "runs/smallest")
    """
    checks.instances(Recipe, recipe=recipe)
    checks.optional(checks.paths, output=output)
    output = pathlib.Path(output or default_folder(recipe))
    hide_retracing()
    with contextlib.ExitStack() as stack:
        stack.enter_context(leaving_upon_sigterm())
        if is_first_process():
            stack.enter_context(locked(output))
        recipe = recipe.settled(output)
        if is_first_process():
            claim(output, recipe)
        if (output / RESULTS).exists():
            print(f"{output} is finished; name another folder with --output to run it again.")
            return read_results(output / RESULTS)
        if not (output / MODEL).exists():
            with set_up(recipe), _telling_how_to_go_on(recipe, output):
                model = train(recipe, output)
            # Not within `set_up`: saving makes variables, which all processes would have to do.
            if is_first_process():
                write_skipped(output, recipe.skipped)
                _save(recipe, model, output)
        if is_first_process():
            return _finish(recipe, output)


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
                print(notice, flush=True)
            yield
    finally:
        keras.config.set_dtype_policy(before)


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


def verbosity():
    """Returns how `fit` shows progress: a moving bar on a terminal, a line per epoch in a file."""
    return "auto" if sys.stdout.isatty() else 2


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
        counts = profile(model)  # in each process: making variables is done together
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
                [*run_callbacks(recipe, output), *callbacks],
                recipe.checkpoint_seconds,
                shown if first else 0,
            )
        if frozen:  # the network is as any other again, and the optimizer does not fit it
            for layer in frozen:
                layer.trainable = True
            recipe.compile(model)
        return model


@contextlib.contextmanager
def _telling_how_to_go_on(recipe, output):
    """Adds to the error of a loss that is not finite how to train on at a lower rate."""
    try:
        yield
    except FloatingPointError as error:
        rate = f"learning_rate={recipe.learning_rate / 10:g}"
        raise FloatingPointError(f"{error} {how_to_go_on(recipe, output, [rate])}") from error


def _save(recipe, model, output):
    with whole(output / MODEL) as unfinished:
        model.save(unfinished)
        if recipe.label_names():
            add_class_names(unfinished, recipe.label_names())


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


def run_callbacks(recipe, output):
    callbacks = [keras.callbacks.History()]
    if recipe.ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())
    if not is_first_process():
        return callbacks
    callbacks.append(JsonLines(output / LOG))
    missing = [name for name in ("tensorflow", "tensorboard") if not find_spec(name)]
    if missing:
        print(f"There are no TensorBoard logs, for {missing[0]} is not installed.")
    else:
        callbacks.append(keras.callbacks.TensorBoard(output / "tensorboard", write_graph=False))
    return callbacks


def _finish(recipe, output):
    """Tests the saved network, without the devices it was trained on, and reports."""
    model = read_model(output / MODEL, recipe.model)
    counts = profile(model)
    results = recipe.evaluate(model, recipe.TEST_SPLIT, verbosity())
    log = read_json_lines(output / LOG)
    if len(log) != recipe.epochs:
        what = f"it ends at epoch {len(log)} of {recipe.epochs}"
        raise DamagedFile(output / LOG, what, LOG_REMEDY)
    metrics = {
        "recipe": recipe.NAME,
        "fields": dataclasses.asdict(recipe),
        "versions": versions(),
        "trainable_params": counts.trainable_params,
        "macs": counts.macs,
        "epochs": len(log),
        "training_seconds": log[-1]["seconds"],
        "results": results,
        "scores": recipe.scores(results),
    }
    skipped = write_skipped(output, recipe.skipped)
    if skipped:
        metrics["skipped"] = skipped
    recipe.keep(output)
    write_report(output, recipe, model, metrics, log)
    write_json(output / RESULTS, metrics)
    scores = ", ".join(f"{name} {value:.2f} %" for name, value in metrics["scores"].items())
    print(f"\n{recipe.model} on {recipe.NAME}, {recipe.TEST_SPLIT} data: {scores}")
    if skipped:
        print(skipped_sentence(skipped))
    print(f"Written to {output}: {', '.join(sorted(path.name for path in output.glob('[!.]*')))}")
    return metrics


@contextlib.contextmanager
def leaving_upon_sigterm():
    """Exits with status 0 upon SIGTERM while no training is under way, which saves by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, frame):
        print("Left upon SIGTERM; the same command continues.", flush=True)
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
