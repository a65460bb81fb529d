"""The loaders agree on the names, the order and the defaults of their arguments."""

import inspect
import itertools

import pytest

import keras_multigrid as kmg
from keras_multigrid.datasets.cifar import load_raw


def keyword_only(function):
    """Returns the defaults of the arguments that can be given by name alone."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}


def positional(function):
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]


FUNCTIONS = [
    function
    for name in kmg.datasets.__all__
    if inspect.isfunction(function := getattr(kmg.datasets, name))
]
LOADERS = [each for each in (*FUNCTIONS, load_raw) if {"split", "data_dir"} & {*positional(each)}]


def test_all_loaders_are_found():
    names = {name for name in kmg.datasets.__all__ if name.startswith("load")} | {"load_raw"}
    assert names <= {loader.__name__ for loader in LOADERS} and len(names) > 7


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__)
def test_what_is_read_comes_first_then_the_split_and_the_size_of_batches(loader):
    names = positional(loader)
    assert names in (
        ["split"],
        ["name", "split"],
        ["split", "batch_size"],
        ["name", "split", "batch_size"],
        ["data_dir", "split", "batch_size"],
    )


@pytest.mark.parametrize(
    "loader, other",
    itertools.combinations([*LOADERS, kmg.datasets.fit_whitening], 2),
    ids=lambda loader: loader.__name__,
)
def test_same_arguments_have_the_same_order_and_default(loader, other):
    ours, theirs = keyword_only(loader), keyword_only(other)
    common = [name for name in ours if name in theirs]
    assert common == [name for name in theirs if name in ours]
    assert [ours[name] for name in common] == [theirs[name] for name in common]


def test_batches_of_drawn_samples_are_told_what_the_loaders_are():
    expected, found = keyword_only(kmg.datasets.load), keyword_only(kmg.datasets.draw_batches)
    assert [name for name in expected if name in found] == [*found]
