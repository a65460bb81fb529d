"""Counts without building are those of the built networks."""

import inspect
import random

import keras
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.blocks.counted import Tally
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
    constructor = paper_model(name).constructor
    assert count(constructor) == of_the_built(constructor)


def sampled(seed):
    """Returns a constructor and arguments, by chance."""
    rng = random.Random(seed)
    constructor = paper_model(OURS[seed % len(OURS)]).constructor
    takes = inspect.signature(constructor).parameters
    most = 4 if constructor in (zoo.RMG18, zoo.RMG34, zoo.RPMG30SEG) else 6
    choices = {
        "channel_ratios": (1, *rng.choices((1 / 8, 0.3, 1 / 2, 1, 2, 8), k=rng.randrange(most))),
        "width_multiplier": rng.uniform(0.02, 1.5),
        "depth": rng.choice((None, 1, 2, 3, 4)),
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
    return constructor, arguments


@pytest.mark.parametrize("seed", range(1, 61))
def test_candidates(seed):
    constructor, arguments = sampled(seed)
    assert count(constructor, **arguments) == of_the_built(constructor, **arguments)


@pytest.mark.parametrize("constructor", [zoo.PMGSEG, zoo.SGSEG, zoo.UMGSEG, zoo.RMG18, zoo.MG6])
def test_as_many_grids_as_it_takes(constructor):
    most = {zoo.RMG18: 4, zoo.MG6: 6}.get(constructor, 8)
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


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_built(name, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a layer was made")

    monkeypatch.setattr(keras.layers.Layer, "__init__", refuse)
    assert count(paper_model(name).constructor).macs > 0


def test_weights_are_not_read():
    assert count(zoo.MG6, weights="nowhere.weights.h5") == count(zoo.MG6)


def test_depth():
    assert count(zoo.RMG34, depth=2) == count(zoo.RMG18)
    assert count(zoo.RMG18, depth=None) == count(zoo.RMG18)
    assert count(zoo.MG6, depth=2) == count(zoo.MG11)
    assert count(zoo.RPMG44, depth=1) == count(zoo.RPMG16)
    assert count(zoo.PMGSEG, depth=3) == count(zoo.PMGSEG)
    assert count(zoo.RPMG30SEG, depth=2) == count(zoo.RPMG30SEG)
    assert count(zoo.PMGSEG, depth=5).trainable_params > count(zoo.PMGSEG).trainable_params


def test_depth_does_not_change_where_grids_are_dropped():
    model = zoo.PMGSEG(depth=5, width_multiplier=0.05)
    names = [layer.name for layer in model.layers if layer.name.endswith("_conv")]
    units = [name.removesuffix("_conv") for name in names if not name.startswith("input")]
    full = [f"full_unit{step}" for step in range(1, 6)]
    phases = [f"progressive{phase}_unit1" for phase in range(1, 5)]
    assert units == [*phases, *full, "drop_unit3", "drop_unit2", "output"]


@pytest.mark.parametrize("name", ["MG6", "PMGSEG", "RMG18", "RPMG30SEG"])
def test_depth_is_the_last_argument(name):
    assert list(inspect.signature(getattr(zoo, name)).parameters)[-2:] == [
        "pyramid_outputs",
        "depth",
    ]


def test_unknown_sides():
    with pytest.raises(ValueError, match=r"\(None, 64, 1\).*expected known sides"):
        count(zoo.PMGSEG, input_shape=(None, 64, 1))


def test_images_smaller_than_a_window():
    with pytest.raises(ValueError, match="is 1x1; expected at least 2x2, the window"):
        count(zoo.BLMNIST1, input_shape=(1, 1, 1))


@pytest.mark.parametrize("name", ["ResNet50", "VGG16ImageNet"])
def test_a_tally_in_keras_own_networks(name):
    with pytest.raises(ValueError, match=f"{name} is Keras' own network; it cannot be counted"):
        getattr(zoo, name)(input_tensor=Tally())


def test_wrong_arguments_are_told_as_by_the_constructor():
    with pytest.raises(ValueError, match="width_multiplier is 0; expected a positive number"):
        count(zoo.PMGSEG, width_multiplier=0)
    with pytest.raises(TypeError, match="class_count"):
        count(zoo.PMGSEG, class_count=3)
