"""The networks as Keras' own tests use applications: in other models, on tensors, without a top."""

import dataclasses
import inspect

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from tests.conformance import MODELS
from tests.test_conformance import each

zoo = kmg.applications
KERAS_OWN = ("ResNet50", "VGG16ImageNet")
# By default one network of each function that builds them.
BY_DEFAULT = ("VGG", "SGSEG", "UNETSEG", "RMG18", "RPMG30SEG", "TDMNIST3", "BLMNIST3")
OURS = [
    dataclasses.replace(case, slow=case.name not in BY_DEFAULT)
    for case in MODELS
    if case.name not in KERAS_OWN
]
TOP_DOWN = [case for case in OURS if case.name.startswith("TD")]
SECOND_PAPER = TOP_DOWN + [case for case in OURS if case.name.startswith("BL")]


def side(name):
    return 56 if "MNIST" in name else 64


def channels(name):
    return 1 if "MNIST" in name or ("SEG" in name and name != "RPMG30SEG") else 3


def build(network, /, **options):
    constructor = getattr(zoo, network)
    small = {"width_multiplier": 0.05, "repeats": 1, "levels": 2, "sample": False}
    taken = inspect.signature(constructor).parameters
    return constructor(**{name: small[name] for name in small if name in taken}, **options)


def image_of(name, size=None):
    return keras.Input((size or side(name), size or side(name), channels(name)))


def names(model):
    return [layer.name for layer in model.layers]


@each(OURS)
def test_twice_in_one_model(case, tmp_path):
    image = image_of(case.name)
    first = build(case.name, input_tensor=image, name="first")
    second = build(case.name, input_tensor=image, name="second")
    joint = keras.Model(image, [first.output, second.output])
    assert len(set(names(joint))) == len(joint.layers)
    assert first.name == "first"
    assert all(name.startswith("first") for name in names(first)[1:])  # after the input
    called = keras.Model(image, [first(image), second(image)])
    images = np.random.default_rng(0).normal(size=(2, *image.shape[1:])).astype("float32")
    for one, other in zip(joint(images), called(images)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert joint.count_params() == first.count_params() + second.count_params()


@each(OURS)
def test_one_after_the_other(case):
    """On a tensor that is not an input."""
    stem = keras.layers.Conv2D(channels(case.name), 2, 2)(image_of(case.name, 2 * side(case.name)))
    model = build(case.name, include_top=False, input_tensor=stem)
    size = keras.Model(model.input, stem).output_shape[1]
    assert size == side(case.name) and model.input_shape[1] == 2 * size
    assert model.outputs[0].shape[0] is None and "predictions" not in names(model)


@each(SECOND_PAPER)
def test_no_top(case):
    pooled = {} if case in TOP_DOWN else {"pooling": "max"}  # whose features are vectors
    model = build(case.name, include_top=False, input_tensor=image_of(case.name), **pooled)
    assert len(model.output_shape) == 2
    if case not in TOP_DOWN:
        shape = (None, None, channels(case.name))
        assert build(case.name, include_top=False, input_shape=shape).output_shape[1] is None


@each(OURS)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_classifier_activation(case, activation):
    model = build(case.name, input_tensor=image_of(case.name), classifier_activation=activation)
    last = model.layers[-1]
    last = last.activation if case in TOP_DOWN else last
    assert last.activation is keras.activations.get(activation)


@each(SECOND_PAPER)
def test_channels_first_is_refused(case):
    keras.config.set_image_data_format("channels_first")
    for options in ({}, {"input_tensor": keras.Input((56, 56, 1))}, {"include_top": False}):
        with pytest.raises(ValueError, match=r"channels come last.*set_image_data_format\('chan"):
            build(case.name, **options)


@each(TOP_DOWN)
def test_layers_of_top_down_networks_have_names_of_their_own(case):
    found = [layer.name for layer in build(case.name)._flatten_layers()]
    assert len(set(found)) == len(found)
    weights = [weight.path for weight in build(case.name).weights]
    assert len(set(weights)) == len(weights)
