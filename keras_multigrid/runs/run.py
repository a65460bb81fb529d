"""Runs a recipe in a folder: trains, survives interruptions, evaluates, reports."""

import contextlib
import dataclasses
import pathlib

from keras_multigrid import checks
from keras_multigrid.complexity import profile
from keras_multigrid.export.class_names import add_class_names
from keras_multigrid.export.segmentation_task import add_task
from keras_multigrid.progress import say, verbosity
from keras_multigrid.recipes import Recipe
from keras_multigrid.runs.folds import write_folds
from keras_multigrid.runs.process import hide_retracing, leaving_upon_sigterm, set_up
from keras_multigrid.runs.report import write_report
from keras_multigrid.runs.run_folder import (
    LOG,
    MODEL,
    RESULTS,
    begun_recipe,
    claim,
    default_folder,
    how_to_go_on,
    locked,
    versions,
)
from keras_multigrid.runs.skipped import skipped_sentence, write_skipped
from keras_multigrid.runs.train import train
from keras_multigrid.runs.trained import read_network, read_results
from keras_multigrid.stored import DamagedFile
from keras_multigrid.training.distribution import is_first_process
from keras_multigrid.training.json_lines import LOG_REMEDY, read_json_lines
from keras_multigrid.whole_files import whole, write_json


def run(recipe, output=None):
    """Trains and tests the network of a recipe; called again after an interruption, it continues.

    Args:
        recipe: A `Recipe`.
        output: The run's folder; None is a folder of its own in `runs` for each choice of settings.
            It gets `recipe.json` (settings and versions), `metrics.jsonl` (each epoch),
            `tensorboard`, `checkpoints`, and at the end `model.keras`, `metrics.json`, `report.md`
            and `curves.png`, and `predictions.png` for images. The baselines of a recipe that has
            some are run in folders within, by their names.

    Returns:
        What `metrics.json` holds; None in all but the first of several processes.

    Raises:
        ValueError: If the folder is of other settings.
        OSError: If another process works in it, or something cannot be written.
        FloatingPointError: If the loss is not finite.

    Example:

    >>> from keras_multigrid.recipes import MnistSegmentation
    >>> from keras_multigrid.runs import run
    >>> recipe = MnistSegmentation(**MnistSegmentation.SCALES["smoke"])
    >>> results = run(recipe, "runs/smallest")
    """
    checks.instances(Recipe, recipe=recipe)
    checks.optional(checks.paths, output=output)
    output = pathlib.Path(output or default_folder(recipe))
    folds = recipe.fold_recipes()
    if folds:
        results = [run(fold, output / f"fold-{number}") for number, fold in enumerate(folds)]
        return write_folds(output, recipe, results)
    hide_retracing()
    with contextlib.ExitStack() as stack:
        stack.enter_context(leaving_upon_sigterm())
        if is_first_process():
            stack.enter_context(locked(output))
        begun = begun_recipe(output, recipe)
        recipe = recipe.settled(begun)
        is_finished = (output / RESULTS).exists()
        if not is_finished:
            recipe.check_data()
        if is_first_process():
            claim(output, recipe)
            if begun is None:
                recipe.begin(output)
                for choice in getattr(recipe, "plan", None) or ():
                    say(choice)
        if is_finished:
            print(f"{output} is finished; name another folder with --output to run it again.")
            return read_results(output / RESULTS)
        if not (output / MODEL).exists():
            with set_up(recipe), _telling_how_to_go_on(recipe, output):
                model = train(recipe, output)
            # Not within `set_up`: saving makes variables, which all processes would have to do.
            if is_first_process():
                write_skipped(output, recipe.skipped)
                _save(recipe, model, output)
        for baseline in recipe.baselines():
            run(baseline, output / baseline.model)
        if is_first_process():
            return _finish(recipe, output)


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
        if recipe.task():
            add_task(unfinished, recipe.task())


def _finish(recipe, output):
    """Tests the saved network, without the devices it was trained on, and reports."""
    model = read_network(output, recipe.network_name())
    counts = profile(model, recipe.counted_shape())
    results = recipe.evaluate(model, recipe.TEST_SPLIT, verbosity())
    models = {recipe.network_name(): model}
    for baseline in recipe.baselines():
        folder, name = output / baseline.model, baseline.model
        models[name] = read_network(folder, name)
        of_baseline = read_results(folder / RESULTS)["results"]
        results |= {f"{metric}_{name}": value for metric, value in of_baseline.items()}
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
        **recipe.summary(results),
    }
    skipped = write_skipped(output, recipe.skipped)
    if skipped:
        metrics["skipped"] = skipped
    recipe.keep(output, model)
    if not recipe.write_page(output, model, metrics, log):
        write_report(output, recipe, models, metrics, log)
    write_json(output / RESULTS, metrics)
    print(f"\n{recipe.network_name()} on {recipe.NAME}, {recipe.TEST_SPLIT} data:")
    for name, value in metrics["scores"].items():
        print(f"  {name:<31} {value:6.2f} %")
    if skipped:
        print(skipped_sentence(skipped))
    print(f"Written to {output}: {', '.join(sorted(path.name for path in output.glob('[!.]*')))}")
    return metrics
