"""The examples in the docstrings of public names are run."""

import doctest

import pytest

import keras_multigrid as kmg
from keras_multigrid.decoding import decode, read_image
from keras_multigrid.recipes import (
    attend_run,
    draw_paper_figures,
    export_run,
    reproduce,
    run,
)
from keras_multigrid.server import Limits, serve

MODULES = (
    kmg.applications,
    kmg.attention_maps,
    kmg.blocks,
    kmg.datasets,
    kmg.export,
    kmg.figures,
    kmg.layers,
    kmg.routing,
    kmg.top_down,
    kmg.training,
    kmg.tuning,
)
PUBLIC = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if name not in ("PAPER_MODELS", "PaperModel")  # a table and its rows
}
PUBLIC |= {
    "complexity.count": kmg.complexity.count,
    "complexity.profile": kmg.complexity.profile,
    "complexity.traversal_macs": kmg.complexity.traversal_macs,
    "decoding.decode": decode,
    "decoding.read_image": read_image,
    "metrics.LabelledPixelError": kmg.metrics.LabelledPixelError,
    "metrics.RegionIoU": kmg.metrics.RegionIoU,
    "optimizers.SGD": kmg.optimizers.SGD,
    "recipes.attend_run": attend_run,
    "recipes.draw_paper_figures": draw_paper_figures,
    "recipes.export_run": export_run,
    "recipes.reproduce": reproduce,
    "recipes.run": run,
    "schedules.ExponentialPerEpoch": kmg.schedules.ExponentialPerEpoch,
    "schedules.StepwisePerEpoch": kmg.schedules.StepwisePerEpoch,
    "server.Limits": Limits,
    "server.serve": serve,
    "stock.stock_network": kmg.stock.stock_network,
    "ten_crop.ten_crop_model": kmg.ten_crop.ten_crop_model,
}


# Those that need finished runs, or make some, are run by tests/pages.
EXAMPLES_ON_RUNS = ("recipes.attend_run", "recipes.draw_paper_figures", "recipes.export_run")
SLOW_EXAMPLES = ("recipes.run", "recipes.reproduce", "tuning.tune")


def examples_of(name):
    return doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs={})


def distinct_examples():
    """Yields each example once: constructors of one family share theirs."""
    seen = set()
    for name in PUBLIC:
        (test,) = examples_of(name) or [None]
        if test is None or name in (*EXAMPLES_ON_RUNS, *SLOW_EXAMPLES):
            continue
        source = "".join(example.source for example in test.examples)
        if source not in seen:
            seen.add(source)
            yield pytest.param(test, id=name)


@pytest.mark.parametrize("name", PUBLIC)
def test_has_an_example(name):
    assert ">>> " in (PUBLIC[name].__doc__ or "")


@pytest.mark.parametrize("test", distinct_examples())
def test_example_runs(test):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0
