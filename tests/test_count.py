"""Counts are those of the built networks."""

import inspect
import random

import keras
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.complexity import Count, count, profile

zoo = kmg.applications
NAMES = zoo.list_models()
KERAS_OWN = ("ResNet-50", "VGG-16-ImageNet")
OURS = [name for name in NAMES if name not in KERAS_OWN]


@pytest.fixture(autouse=True)
def forget_graphs():
    """Frees Keras' global graph, which keeps every network built, and which later tests copy."""
    yield
    keras.backend.clear_session()


def of_the_built(constructor, **arguments):
    with keras.StatelessScope(initialize_variables=False):
        counts = profile(constructor(**arguments))
    return Count(counts.trainable_params, counts.macs)


@pytest.mark.parametrize("name", NAMES)
def test_every_network(name):
    row = paper_model(name)
    assert count(row.constructor, **row.arguments) == of_the_built(row.build)


def sampled(seed):
    """Returns a constructor and arguments, by chance."""
    rng = random.Random(seed)
    row = paper_model(OURS[seed % len(OURS)])
    constructor = row.constructor
    takes = inspect.signature(constructor).parameters
    most = 4 if constructor in (zoo.RMG18, zoo.RMG34, zoo.RPMG30SEG) else 6
    choices = {
        "channel_ratios": (1, *rng.choices((1 / 8, 0.3, 1 / 2, 1, 2, 8), k=rng.randrange(most))),
        "width_multiplier": rng.uniform(0.02, 1.5),
        "repeats": rng.choice((None, 1, 2, 3, 4)),
        "classes": rng.choice((1, 7, 100)),
        "include_top": rng.random() < 0.7,
        "pooling": rng.choice((None, "avg", "max")),
    }
    arguments = {name: value for name, value in choices.items() if name in takes}
    if "levels" not in takes:  # top-down networks take squares only
        sides = rng.choice(((33, 47), (70, 65), (32, 32), (49, 128)))
        arguments["input_shape"] = (*sides, rng.choice((1, 3, 4)))
    if "pyramid_outputs" in takes:
        arguments["pyramid_outputs"] = rng.random() < 0.2
    return constructor, row.arguments_with(**arguments)


@pytest.mark.parametrize("seed", range(1, 61))
def test_candidates(seed):
    constructor, arguments = sampled(seed)
    assert count(constructor, **arguments) == of_the_built(constructor, **arguments)


@pytest.mark.parametrize("constructor", [zoo.PMGSEG, zoo.SGSEG, zoo.UMGSEG, zoo.RMG18, zoo.MG])
def test_as_many_grids_as_it_takes(constructor):
    most = {zoo.RMG18: 4, zoo.MG: 6}.get(constructor, 8)
    arguments = {"channel_ratios": (1,) * most, "width_multiplier": 0.1}
    assert count(constructor, **arguments) == of_the_built(constructor, **arguments)


def test_top_down_networks_of_other_images():
    for arguments in ({"levels": 2}, {"input_shape": (112, 112, 1)}, {"include_top": False}):
        expected = of_the_built(zoo.TDMNIST3, **arguments)
        assert count(zoo.TDMNIST3, **arguments) == expected
    with pytest.raises(ValueError, match=r"images have shape \(None, 56, 56, 3\)|side of"):
        count(zoo.TDMNIST3, input_shape=(50, 50, 1))


def test_data_format_does_not_matter():
    expected = count(zoo.RPMGSEG, channel_ratios=(1, 2, 0.3), input_shape=(33, 47, 2))
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        assert count(zoo.RPMGSEG, channel_ratios=(1, 2, 0.3), input_shape=(2, 33, 47)) == expected
        assert count(zoo.PMGSEG).macs == 1_606_537_728
    finally:
        keras.config.set_image_data_format(before)


def test_weights_are_not_read():
    assert count(zoo.MG, weights="nowhere.weights.h5") == count(zoo.MG)


def test_repeats():
    assert count(zoo.RMG34, repeats=2) == count(zoo.RMG18)
    assert count(zoo.RMG18, repeats=None) == count(zoo.RMG18)
    assert count(zoo.MG, repeats=3) == count(zoo.MG, depth=16)
    assert count(zoo.MG) == count(zoo.MG, depth=11)
    assert count(zoo.RPMG, repeats=1, small=True) == count(zoo.RPMG, depth=16, small=True)
    assert count(zoo.PMGSEG, repeats=3) == count(zoo.PMGSEG)
    assert count(zoo.RPMG30SEG, repeats=2) == count(zoo.RPMG30SEG)
    assert count(zoo.PMGSEG, repeats=5).trainable_params > count(zoo.PMGSEG).trainable_params


def test_repeats_do_not_change_where_grids_are_dropped():
    model = zoo.PMGSEG(repeats=5, width_multiplier=0.05)
    names = [layer.name for layer in model.layers if layer.name.endswith("_conv")]
    units = [name.removesuffix("_conv") for name in names if not name.startswith("input")]
    full = [f"full_unit{step}" for step in range(1, 6)]
    phases = [f"progressive{phase}_unit1" for phase in range(1, 5)]
    assert units == [*phases, *full, "drop_unit3", "drop_unit2", "output"]


def test_unknown_sides():
    with pytest.raises(ValueError, match=r"\(None, 64, 1\).*known sizes"):
        count(zoo.PMGSEG, input_shape=(None, 64, 1))


def test_wrong_arguments_are_told_as_by_the_constructor():
    with pytest.raises(ValueError, match="width_multiplier is 0; expected a positive number"):
        count(zoo.PMGSEG, width_multiplier=0)
    with pytest.raises(TypeError, match="class_count"):
        count(zoo.PMGSEG, class_count=3)
