"""The figures of the multigrid paper, drawn from finished runs."""

import dataclasses
import functools
import pathlib

from keras_multigrid import checks
from keras_multigrid.applications import PAPER_MODELS, create_model
from keras_multigrid.attention_maps import bounding_box_probes, sweep
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS
from keras_multigrid.figures import (
    Panel,
    Result,
    draw_attention_generation,
    draw_attention_maps,
    draw_error_cost,
    draw_network,
    draw_panels,
    draw_segmentation,
    draw_training_curves,
)
from keras_multigrid.figures.style import draw_both, stretched
from keras_multigrid.figures.training_curves import MOST_CURVES
from keras_multigrid.papers.finished_runs import FinishedRuns
from keras_multigrid.papers.tables import check_rows
from keras_multigrid.progress import say
from keras_multigrid.recipes import Cifar100, MnistSegmentation, MnistSpatialTransformer
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import default_folder

DIAGRAMS = ("VGG-16", "MG-16", "PMG-16", "RES-12", "R-MG-12", "R-PMG-16", "U-NET-11", "PMG-11")
SEGMENTATION = ("U-NET-11", "SG-11", "PMG-11", "R-SG-20", "R-PMG-20")
TRANSFORMATION = ("U-NET-11", "SG-11", "R-SG-20", "PMG-11", "R-PMG-20")
SINGLE_DISTORTION = ("U-NET-11", "PMG-11")
ATTENTION = ("U-NET-11", "PMG-11", "R-PMG-20")
SINGLE = [variant for variant in DISTORTIONS if variant != "all"]
SEGMENTED_IMAGES, TRANSFORMED_IMAGES, ATTENDED_IMAGES = 2, 6, 4
ALL_FIGURES = "multigrid-figures"
TRAINED_FIGURES = {
    "multigrid-figure4": (MnistSegmentation, SEGMENTATION),
    "multigrid-figure5": (MnistSpatialTransformer, TRANSFORMATION),
    "multigrid-figure6": (MnistSpatialTransformer, ATTENTION),
    "multigrid-figure7": (MnistSpatialTransformer, ATTENTION),
}


def draw_paper_figures(folders, output, names=None, data_dir=None):
    """Draws the figures of the multigrid paper from finished runs, each as PNG and as PDF.

    `multigrid-figure3` are diagrams of networks, the paper's and those that were trained,
    `multigrid-figure4` is segmentation, `multigrid-figure5` spatial transformation,
    `multigrid-figure6` and `multigrid-figure7` are attention, `multigrid-table1` is error against
    multiply-adds, the paper's beside ours, and `curves` are trainings. A figure shows the networks
    of which there are runs.

    Args:
        folders: Folders with finished runs in them, at any depth.
        output: Folder of the pictures.
        names: List of figures; None is all.
        data_dir: Where the data are now, if elsewhere.

    Returns:
        List of the paths that were written.

    Raises:
        ValueError: If there is no such figure or folder.
        OSError: If the test data of a run are missing.

    Example:

    >>> from keras_multigrid.papers import draw_paper_figures
    >>> draw_paper_figures(["runs/table2"], "runs/figures", names=["multigrid-figure4"])
    """
    checks.lists(folders=folders)
    checks.paths(output=output)
    checks.optional(checks.lists, names=names)
    checks.optional(checks.paths, data_dir=data_dir)
    for name in names or ():
        if name not in FIGURES:
            raise ValueError(
                f"There is no figure {name!r} of runs; expected one of {', '.join(FIGURES)}."
            )
    folders, output = [pathlib.Path(folder) for folder in folders], pathlib.Path(output)
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; expected one with finished runs.")
    output.mkdir(parents=True, exist_ok=True)
    runs, written = FinishedRuns(folders, data_dir), []
    for name in names or FIGURES:
        say(f"{name} ...")
        drawn = [
            path
            for suffix, draw in FIGURES[name](runs)
            for path in draw_both(output / f"{name}{suffix}", draw)
        ]
        print(f"  {', '.join(map(str, drawn)) or 'there are no finished runs that it shows'}")
        written += drawn
    return written


def reproduce_multigrid_figures(name, rows, scale, settings, output):
    """Trains what figures show and is not trained yet, and draws them; see `reproduce`."""
    names = [*FIGURES] if name == ALL_FIGURES else [name]
    needed = [recipe for each in names for recipe in _trainings(each, scale, settings)]
    networks = list(dict.fromkeys(recipe.model for recipe in needed))
    check_rows(name, rows, networks)
    needed = list(dict.fromkeys(each for each in needed if each.model in (rows or networks)))
    for number, recipe in enumerate(needed, 1):
        say(f"\n{name}, network {number} of {len(needed)}: {recipe.model}")
        run(recipe, output / default_folder(recipe).name)
    written = draw_paper_figures([output], output, names, needed[0].data_dir)
    return f"Written: {', '.join(map(str, written))}"


# Each figure is a function from the finished runs to pairs: what the name of a picture has behind
# the figure's, and what draws it.


def _diagrams(runs):
    for network in DIAGRAMS:
        yield f"_{network}", functools.partial(draw_network, model=create_model(network))
    trained = {each.recipe.model: each.recipe for each in runs.runs}
    for network, recipe in trained.items():
        model = recipe.build_network()
        if hasattr(model, "operations"):  # top-down networks are not functional
            yield f"_trained_{network}", functools.partial(draw_network, model=model)


def _segmentation(runs):
    found = runs.of(MnistSegmentation, SEGMENTATION)
    if found:
        images, masks = _test_images(found, SEGMENTED_IMAGES)
        outputs = _outputs(found, images)
        yield "", lambda path: draw_segmentation(path, images, masks, outputs)


def _transformation(runs):
    whole = _transformed(runs, "all", TRANSFORMATION)
    single = [_transformed(runs, variant, SINGLE_DISTORTION) for variant in SINGLE]
    single = [panel for panel in single if panel]
    columns = [column for column in ([whole] if whole else [], single[::2], single[1::2]) if column]
    if columns:
        yield "", lambda path: draw_panels(path, columns)


def _transformed(runs, variant, networks):
    """Returns the panel of a distortion, or None if nothing was trained on it."""
    found = runs.of(MnistSpatialTransformer, networks, variant=variant)
    if not found:
        return None
    images, masks = _test_images(found, TRANSFORMED_IMAGES)
    rows = {"input": stretched(images), "truth": masks}
    rows |= _outputs(found, images)
    return Panel(rows, "all distortions" if variant == "all" else f"{variant} alone")


def _attention(runs):
    found = _attending(runs)
    if found:
        images, masks = _test_images(found, ATTENDED_IMAGES)
        probes = bounding_box_probes(masks)[:, [0, 3]]  # upper left and lower right
        attention = {}
        for network, each in found.items():
            swept = sweep(each.model(), images, probes)
            attention[network] = (swept.outputs, swept.probes, swept.maps())
        yield "", lambda path: draw_attention_maps(path, images, attention)


def _attention_generation(runs):
    found = _attending(runs)
    if found:
        images, _ = _test_images(found, 1)
        model = list(found.values())[-1].model()
        swept = sweep(model, images)
        yield "", lambda path: draw_attention_generation(path, images[0], model, swept)


def _attending(runs):
    """Returns the runs whose attention is shown: on all distortions, or else on translation."""
    return runs.of(MnistSpatialTransformer, ATTENTION, variant="all") or runs.of(
        MnistSpatialTransformer, ATTENTION, variant="translation"
    )


def _errors(runs):
    listed = {row.name: row for row in PAPER_MODELS if "1" in row.scores}
    results = [_result(row, 1e6 * row.macs, row.scores["1"]["error"]) for row in listed.values()]
    results += [
        _result(listed[name], each.metrics["macs"], each.metrics["scores"]["error"], is_ours=True)
        for name, each in runs.of(Cifar100).items()
        if name in listed
    ]
    yield "", lambda path: draw_error_cost(path, results)


def _result(row, macs, error, is_ours=False):
    is_small = row.arguments.get("small", False)
    return Result(row.family, macs, error, row.residual, is_small, is_ours)


def _curves(runs):
    for recipe_class in dict.fromkeys(type(each.recipe) for each in runs.runs):
        own = [each.recipe for each in runs.runs if type(each.recipe) is recipe_class]
        variants = {getattr(recipe, "variant", None) for recipe in own}
        for variant in sorted(variants, key=str):
            fields = {} if variant is None else {"variant": variant}
            found = runs.of(recipe_class, **fields)
            logs = {network: each.log() for network, each in found.items()}
            for start in range(0, len(logs), MOST_CURVES):
                shown = dict(list(logs.items())[start : start + MOST_CURVES])
                part = [str(start // MOST_CURVES + 1)] * (len(logs) > MOST_CURVES)
                suffix = "_".join(["", recipe_class.NAME, *fields.values(), *part])
                yield suffix, functools.partial(draw_training_curves, logs=shown)


def _test_images(found, count):
    """Returns test images and masks of the longest training; those of the others are the same."""
    recipe = max(found.values(), key=lambda each: each.samples).recipe
    images, masks = next(recipe.load_evaluation(recipe.TEST_SPLIT).as_numpy_iterator())
    return images[:count], masks[:count]


def _outputs(found, images):
    return {network: each.model().predict(images, verbose=0) for network, each in found.items()}


def _trainings(name, scale, settings):
    """Returns the recipes whose networks a figure shows."""
    if name not in TRAINED_FIGURES:
        return []
    recipe_class, networks = TRAINED_FIGURES[name]
    recipe = resolve(recipe_class, scale, settings)
    changes = [{"model": network} for network in networks]
    if networks is TRANSFORMATION:
        changes += [{"model": each, "variant": one} for one in SINGLE for each in SINGLE_DISTORTION]
    return [dataclasses.replace(recipe, **each) for each in changes]


FIGURES = {
    "multigrid-figure3": _diagrams,
    "multigrid-figure4": _segmentation,
    "multigrid-figure5": _transformation,
    "multigrid-figure6": _attention,
    "multigrid-figure7": _attention_generation,
    "multigrid-table1": _errors,
    "curves": _curves,
}
