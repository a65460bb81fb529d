"""What the recipes for one's own data have in common."""

import dataclasses

import keras

from keras_multigrid.progress import say


def continued(recipe, begun):
    """Returns a recipe with what the run that it continues has settled, but for what is given."""
    names = [field.name for field in dataclasses.fields(recipe)]
    open_names = [name for name in names if getattr(recipe, name) in (None, "auto")]
    return dataclasses.replace(recipe, **{name: getattr(begun, name) for name in open_names})


def with_defaults(recipe, names):
    """Returns a recipe with some of its fields, and those that were planned, as by default."""
    planned = {choice.partition("=")[0] for choice in recipe.plan or ()}
    fields = {field.name: field.default for field in dataclasses.fields(recipe)}
    return dataclasses.replace(recipe, **{name: fields[name] for name in {*planned, *names}})


def stop_on_errors(report):
    """Prints the warnings of a check's `Report`; raises a `ValueError` if it has errors."""
    for problem in report.warnings:
        say(f"warning: {problem.sentence}")
    if report.errors:
        more = len(report.errors) - 1
        also = f" (`keras-multigrid check` names {more} more)" if more else ""
        raise ValueError(f"{report.errors[0].sentence}{also}")


def normalization(recipe):
    """Returns the layer that normalizes images by the statistics of the training images."""
    variance = [deviation**2 for deviation in recipe.deviation]
    return keras.layers.Normalization(
        mean=list(recipe.mean), variance=variance, dtype="float32", name="normalization"
    )


def best_weights(metric, epochs):
    """Returns the callback that ends a training with the weights of the highest metric."""
    return keras.callbacks.EarlyStopping(
        metric, mode="max", patience=epochs, restore_best_weights=True
    )


def named_scores(per_class):
    """Returns scores by one name each, from those of classes, without what is undefined."""
    return {
        f"{score} of {name}": value
        for name, scores in per_class.items()
        for score, value in scores.items()
        if value is not None
    }


def scores_by_class(results, class_names, scores):
    """Returns the scores of classes from `named_scores`; None where undefined."""
    return {
        name: {score: results.get(f"{score} of {name}") for score in scores} for name in class_names
    }
