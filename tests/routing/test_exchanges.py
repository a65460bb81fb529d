"""Which exchanges a network has."""

import keras
import numpy as np
import pytest

from keras_multigrid.applications import PMGSEG, UNETSEG
from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from keras_multigrid.routing import Exchange, ablate, exchanges, measure, without
from tests.routing.networks import network


def listed(model, layer):
    return [(row.grid, row.source) for row in exchanges(model) if row.layer == layer]


def test_the_finest_grid_comes_first():
    assert listed(network([1, 1, 1]), "conv") == [
        *((0, "own"), (0, "coarser")),
        *((1, "finer"), (1, "own"), (1, "coarser")),
        *((2, "finer"), (2, "own")),
    ]


def test_a_dropped_grid_is_not_read():
    assert listed(network([1, 1], grids=3), "conv") == [
        *((0, "own"), (0, "coarser"), (1, "finer"), (1, "own"))
    ]
    assert listed(network([1], grids=3), "conv") == [(0, "own")]


def test_a_progressive_network_is_in_order_of_computation_with_sizes():
    found = exchanges(PMGSEG(width_multiplier=0.05, channel_ratios=(1, 1)))
    assert [*dict.fromkeys(exchange.layer for exchange in found)] == [
        *("progressive1_unit1_conv", "progressive2_unit1_conv"),
        *("full_unit1_conv", "full_unit2_conv", "full_unit3_conv"),
        *("drop_unit3_conv", "drop_unit2_conv", "output_conv"),
    ]
    assert [exchange.size for exchange in found[:5]] == [(32, 32), *[(64, 64)] * 2, *[(32, 32)] * 2]


def test_sizes_may_be_unknown_and_do_not_count_in_equality():
    (*_, last) = exchanges(network([1, 1], size=(None, None)))
    assert last.size is None and last.size_text == "?"
    assert last == Exchange("conv", 1, "own", (4, 4))


def test_models_within_the_model_are_looked_into():
    inner = network([2, 2])
    image = keras.Input((8, 8, 2))
    pyramid = inner(image)
    outputs = MultigridConv2D([1, 1], name="conv")(pyramid)
    model = keras.Model(image, outputs)
    names = [*dict.fromkeys(exchange.layer for exchange in exchanges(model))]
    assert names == ["net/widen", "net/conv", "conv"]
    kernel = inner.get_layer("conv").kernels[0]
    with without(model, Exchange("net/conv", 0, "own")):
        assert not kernel.numpy()[:, :, :2].any()


def test_a_layer_that_is_called_twice_is_listed_once():
    image = keras.Input((8, 8, 2))
    layer = MultigridConv2D([2, 2], name="conv")
    model = keras.Model(image, layer(layer(ImagePyramid(2)(image))))
    assert len(exchanges(model)) == 4


def test_other_models_of_the_same_layers_do_not_count():
    model = network([1, 1])
    model.get_layer("conv")([keras.Input((6, 6, 2)), keras.Input((3, 3, 3))])
    part = keras.Model(model.input, model.get_layer("widen").output, name="part")
    assert {exchange.layer for exchange in exchanges(part)} == {"widen"}
    assert exchanges(model)[-1].size == (4, 4)


def test_sources_are_slices_in_the_kernels_order():
    layer = network([4, 5], grids=3).get_layer("conv")
    assert layer.sources(0) == {"own": slice(0, 2), "coarser": slice(2, 5)}
    assert layer.sources(1) == {"finer": slice(0, 2), "own": slice(2, 5)}
    three = network([1, 1, 1]).get_layer("conv").sources(1)
    assert list(three.items()) == [
        *(("finer", slice(0, 2)), ("own", slice(2, 5)), ("coarser", slice(5, 6)))
    ]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: exchanges(keras.Sequential()), "is a Sequential; expected a functional model"),
        (lambda: exchanges(UNETSEG(width_multiplier=0.1)), "'U-NET-11' has no MultigridConv2D of"),
        (lambda: exchanges(small_vgg()), "'net' has no MultigridConv2D of several grids; expected"),
        (lambda: MultigridConv2D([1]).sources(0), "is not built; call it once"),
        (lambda: network([1, 1]).get_layer("conv").sources(2), "grid is 2; expected 0 to 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def small_vgg():
    image = keras.Input((8, 8, 2))
    return keras.Model(image, keras.layers.Conv2D(3, 3)(image), name="net")


def test_the_model_remembers_nothing():
    """Layers that were called twice would have no `output` any more."""
    model = PMGSEG(width_multiplier=0.05, input_shape=(16, 16, 1))
    layer = model.get_layer("full_unit1_conv")
    before = [tuple(tensor.shape) for tensor in layer.output]
    exchanges(model)
    measure(model, np.ones((1, 16, 16, 1)), verbose=0)
    ablate(model, lambda model: 1.0, verbose=0)
    assert [tuple(tensor.shape) for tensor in layer.output] == before


def test_nothing_is_allocated_then_or_later(monkeypatch):
    """Keras gives all variables that were made without values some, at the next call of a layer."""

    class Undescribed(keras.layers.Layer):
        def call(self, inputs):
            return inputs + 1

    def allocate(*args, **kwargs):
        raise AssertionError("allocated")

    model = network([1, 1])
    monkeypatch.setattr(keras.Variable, "_initialize_with_initializer", allocate)
    assert len(exchanges(model)) == len(measure(model).rows) > 0
    Undescribed()(keras.Input((3,)))
