"""Exports the network of a finished run, with the preprocessing of its data."""

import inspect
import pathlib

import keras

from keras_multigrid import checks
from keras_multigrid.complexity import without_weights
from keras_multigrid.export import Facts, export_model
from keras_multigrid.export.exporting import check_format
from keras_multigrid.recipes.overrides import as_command
from keras_multigrid.runs.run_folder import MAY_CHANGE, RESULTS, read_recipe
from keras_multigrid.runs.trained import read_network, read_results

CALIBRATION_IMAGES = 200


def export_run(
    run,
    output=None,
    format="savedmodel",
    *,
    size=None,
    dtype="float32",
    rewrite=True,
    int8=False,
    data_dir=None,
    licence=Facts.licence,
):
    """Exports the trained network of a run for serving.

    Args:
        run: The run's folder.
        output: The exported model's folder; None is one named for the network in the run's own, in
            a folder named for the format.
        format, size, dtype, rewrite: As for `kmg.export.export_model`.
        int8: Whether to quantize convolutions to int8, for LiteRT, by 200 training images.
        data_dir: Where the data are now, if elsewhere.
        licence: Under which licence the weights may be used, for the model card.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If the run is not finished, or an argument is invalid.
        ImportError: If a converter is missing.
        OSError: If data to calibrate on are missing, or something cannot be written.

    Example:

    >>> from keras_multigrid.runs import export_run
    >>> version = export_run("runs/first", format="onnx")
    """
    checks.optional(checks.lists, size=size)
    checks.paths(run=run)
    checks.optional(checks.paths, output=output, data_dir=data_dir)
    checks.texts(format=format, dtype=dtype, licence=licence)
    checks.flags(rewrite=rewrite, int8=int8)
    check_format(format, int8)
    run = pathlib.Path(run)
    recipe = read_recipe(run, data_dir)
    if not (run / RESULTS).exists():
        raise ValueError(f"{run} is not finished; `keras-multigrid train` continues it.")
    results = read_results(run / RESULTS)
    trained = read_network(run, recipe.network_name())
    model = recipe.served_network(trained)
    notes, calibration, task = [], None, recipe.task()
    if task is not None and task.averaged_flips:
        notes.append("The metrics are of means over mirror images; one answer is less exact.")
    if model is not trained:
        notes.append("Candidates above one half are attended; the metrics are of random ones.")
    if int8:
        notes.append(
            "Convolutions are int8, calibrated on training images; matrix products, inputs and "
            "outputs are not, nor pools where LiteRT cannot. The metrics are of the network before "
            "that."
        )
        calibration, _ = recipe.sent_images("train", CALIBRATION_IMAGES)
        if size is not None:
            calibration = keras.ops.convert_to_numpy(keras.ops.image.resize(calibration, size))
    version = export_model(
        model,
        output or run / format / recipe.network_name(),
        format,
        preprocessing=recipe.preprocessing(run),
        features=_pyramid(recipe, model),
        size=size,
        dtype=dtype,
        rewrite=rewrite,
        calibration=calibration,
        facts=_facts(recipe, results, results["trainable_params"], licence, notes),
    )
    print(f"Written: {version}; its README.md shows how to call it.")
    return version


def _pyramid(recipe, model):
    """Returns the tensors of the model's last pyramid; none if the network has no pyramids."""
    constructor = recipe.constructor()
    if "pyramid_outputs" not in inspect.signature(constructor).parameters:
        return []
    reference = without_weights(lambda: recipe.build_network(pyramid_outputs=True))
    places = {
        id(tensor): (layer.name, index)
        for layer in reference.layers
        for index, tensor in enumerate(keras.tree.flatten(layer.output))
    }
    return [
        keras.tree.flatten(model.get_layer(name).output)[index]
        for name, index in (places[id(tensor)] for tensor in reference.outputs)
    ]


def _facts(recipe, written, parameters, licence, notes):
    scores = recipe.scores(written["results"])
    versions = ", ".join(f"{name} {number}" for name, number in written["versions"].items())
    return Facts(
        description=f"{recipe.network_name()} ({parameters:,} parameters), trained by the recipe "
        f"`{recipe.NAME}` of keras_multigrid.",
        metrics={f"{name}, % ({recipe.TEST_SPLIT} data)": value for name, value in scores.items()},
        recipe=as_command(recipe.asked(), MAY_CHANGE),
        licence=licence,
        notes=(f"Trained with: {versions}.", *notes),
        class_names=recipe.label_names(),
        task=recipe.task(),
    )
