"""The examples in the docstrings of public names are run."""

import ast
import doctest
import pathlib

import pytest

import keras_multigrid as kmg
from keras_multigrid.comparison import compare
from keras_multigrid.decoding import decode, read_image
from keras_multigrid.papers import draw_paper_figures, reproduce
from keras_multigrid.runs import attend_run, export_run, run
from keras_multigrid.server import Limits, serve

ROOT = pathlib.Path(__file__).parents[1]
MODULES = (
    kmg.applications,
    kmg.attention_maps,
    kmg.blocks,
    kmg.checking,
    kmg.datasets,
    kmg.export,
    kmg.figures,
    kmg.layers,
    kmg.prediction,
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
    "comparison.compare": compare,
    "complexity.FieldSides": kmg.complexity.FieldSides,
    "complexity.count": kmg.complexity.count,
    "complexity.profile": kmg.complexity.profile,
    "complexity.receptive_field": kmg.complexity.receptive_field,
    "complexity.traversal_macs": kmg.complexity.traversal_macs,
    "decoding.decode": decode,
    "flip": kmg.flip,
    "flip.register": kmg.flip.register,
    "decoding.read_image": read_image,
    "metrics.LabelledPixelError": kmg.metrics.LabelledPixelError,
    "metrics.RegionIoU": kmg.metrics.RegionIoU,
    "optimizers.SGD": kmg.optimizers.SGD,
    "papers.draw_paper_figures": draw_paper_figures,
    "papers.reproduce": reproduce,
    "runs.attend_run": attend_run,
    "runs.export_run": export_run,
    "runs.run": run,
    "schedules.ExponentialPerEpoch": kmg.schedules.ExponentialPerEpoch,
    "schedules.StepwisePerEpoch": kmg.schedules.StepwisePerEpoch,
    "server.Limits": Limits,
    "server.serve": serve,
    "stock.rewrite": kmg.stock.rewrite,
    "ten_crop.ten_crop_model": kmg.ten_crop.ten_crop_model,
}


# Those that need finished runs, or make some, are run by tests/pages.
EXAMPLES_ON_RUNS = ("runs.attend_run", "papers.draw_paper_figures", "runs.export_run")
SLOW_EXAMPLES = ("comparison.compare", "runs.run", "papers.reproduce", "tuning.tune")


def examples_of(name):
    return doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name, globs={})


def all_examples():
    """Yields what `examples_of` gives for public names, and those of all other docstrings."""
    yield from (test for name in PUBLIC for test in examples_of(name))
    for path in sorted(ROOT.glob("keras_multigrid/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                name = f"{path.stem}.{getattr(node, 'name', '')}"
                text = ast.get_docstring(node) or ""
                yield doctest.DocTestParser().get_doctest(text, {}, name, str(path), 0)


def distinct_examples():
    """Yields each example once: constructors of one family share theirs."""
    seen = {""}
    for test in all_examples():
        source = "".join(example.source for example in test.examples)
        if source not in seen and test.name not in (*EXAMPLES_ON_RUNS, *SLOW_EXAMPLES):
            # To whiten takes seconds; tests/datasets/test_cifar.py does it, too.
            slow = [pytest.mark.slow] if test.name == "datasets.fit_whitening" else []
            yield pytest.param(test, id=test.name, marks=slow)
        seen.add(source)


@pytest.fixture(scope="module", autouse=True)
def cheaper(request):
    """By default, examples run without graphs and with few drawings."""
    if not request.config.getoption("--runslow"):
        request.getfixturevalue("eagerly")
        request.getfixturevalue("drawn_without_xla")


@pytest.mark.parametrize("name", PUBLIC)
def test_has_an_example(name):
    assert ">>> " in (PUBLIC[name].__doc__ or "")


@pytest.mark.parametrize("test", distinct_examples())
def test_example_runs(test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0
