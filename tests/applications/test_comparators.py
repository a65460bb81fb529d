"""The networks of others: any size, every stem, all weights used, and what each is known for."""

import functools
import math

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.paper import COMPARATORS
from keras_multigrid.budget import Budget
from keras_multigrid.complexity import count, receptive_field
from tests.asserts import assert_all_weights_get_a_gradient

BY_NAME = {row.name: row for row in COMPARATORS}
each_network = pytest.mark.parametrize("name", BY_NAME)


def made(name, size=(None, None, 3), width=0.05, **options):
    options = {"repeats": 1, "classes": 5, "width_multiplier": width, **options}
    return kmg.applications.create_model(name, input_shape=size, **options)


@each_network
def test_the_output_has_the_images_size(name):
    model = made(name)
    for size in ((1, 1), (45, 61)):
        assert model(np.zeros((2, *size, 3), "float32")).shape == (2, *size, 5)


@pytest.mark.parametrize("name, stem_strides", zip(BY_NAME, (1, 2, 4, 8)))
def test_the_stem_shrinks_what_the_output_enlarges(name, stem_strides):
    model = made(name, (32, 48, 3), stem_strides=stem_strides)
    logits = model.get_layer("logits").output
    assert logits.shape[1:3] == (32 // stem_strides, 48 // stem_strides)
    assert model.output_shape == (None, 32, 48, 5)


@each_network
def test_all_weights_get_a_gradient(name):
    assert_all_weights_get_a_gradient(made(name, (32, 32, 3), classifier_activation="softmax"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name != "ResNet-FPN")) for name in BY_NAME],
)
def test_a_width_fills_a_budget(name):
    options = {"input_shape": (64, 96, 3), "classes": 11}
    counted = functools.partial(count, BY_NAME[name].constructor, **options)
    width = Budget(max_macs=20e6).fill(lambda width: counted(width_multiplier=width))
    assert 0.8 * 20e6 < counted(width_multiplier=width).macs <= 20e6


def strides_of(model, side=256):
    """Returns the image's side over that of each convolution's output."""
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return {layer.name: side / layer.output.shape[1] for layer in convolutions}


def test_deeplab_dilates_from_a_stride_of_16():
    model = made("DeepLabV3plus", (256, 256, 3))
    strides = strides_of(model)
    mean = strides.pop("mean_conv"), strides.pop("project_1")
    assert mean == (256, 256)  # of the whole image
    assert max(strides.values()) == 16
    assert model.get_layer("3_block0_1_conv").dilation_rate == (2, 2)
    assert model.get_layer("2_block0_1_conv").dilation_rate == (1, 1)


def test_a_dilated_grid_keeps_its_pixels_and_sees_ever_farther():
    model = made("Dilated-SG", (64, 64, 3), stem_strides=2)
    assert model.get_layer("3_block0_2_conv").dilation_rate == (8, 8)
    assert set(strides_of(model, 64).values()) == {2}
    assert receptive_field(made("Dilated-SG")).theoretical > 100


def test_scales_of_hrnet_all_read_each_other():
    names = [layer.name for layer in made("HRNet").layers]
    for target in range(4):
        for number in {*range(4)} - {target}:
            assert any(name.startswith(f"fuse_3_{target}_from_{number}") for name in names)


def test_means_over_all_see_all():
    assert receptive_field(made("DeepLabV3plus")).theoretical == math.inf


def test_others_networks_are_known_but_not_listed_as_the_papers():
    assert not {*BY_NAME} & {*kmg.applications.list_models()}
    with pytest.raises(ValueError, match="nearest: HRNet"):
        kmg.applications.create_model("hrnet")
