"""Every layer gives the type it declares, whatever it is given, as a layer and within a model."""

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from tests.conformance import LAYERS
from tests.test_conformance import each

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16", "float64")
# What a copy of any layer makes of integers is that layer's own affair.
OWN = [case for case in LAYERS if case.name != "PerGrid"]


def filled(case, dtypes):
    """Returns arguments of ones, of one type, or of different ones for the grids."""
    kinds = iter(dtypes * 6)
    return [
        [np.ones((2, *grid), next(kinds)) for grid in shape]
        if isinstance(shape, list)
        else np.ones((2, *shape), next(kinds))
        for shape in case.inputs
    ]


def types(outputs):
    return {keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(outputs)}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("given", [["uint8"], ["int32"], ["bool"], ["float16", "uint8", "float32"]])
@each(OWN)
def test_types_are_those_declared(case, given, policy):
    keras.config.set_dtype_policy(policy)
    arguments = filled(case, given)
    symbolic = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype.name), arguments
    )
    layer = case.make()
    declared = layer(*symbolic)
    made = layer(*arguments)
    assert types(made) == types(declared) == {layer.compute_dtype}
    expected = layer(*keras.tree.map_structure(lambda x: x.astype("float32"), arguments))
    for one, other in zip(keras.tree.flatten(made), keras.tree.flatten(expected)):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-6)


@pytest.mark.parametrize("formulation", ["textbook", "transposed", "phases"])
def test_multigrid_convolution_without_autocast(formulation):
    """Keras then hands over what it gets: all grids have to come to one type."""
    keras.config.set_dtype_policy("mixed_float16")
    pyramid = [np.ones((1, 8, 8, 2), "float32"), np.ones((1, 4, 4, 3), "float16")]
    layer = kmg.layers.MultigridConv2D([4, 2], formulation=formulation, autocast=False)
    assert types(layer(pyramid)) == {"float16"}
    assert types(layer.call([keras.ops.cast(grid, "float16") for grid in pyramid])) == {"float16"}


@pytest.mark.parametrize(
    "options",
    [
        {"strides": 2, "padding": "same"},
        {"groups": 2, "use_bias": False},
        {"dilation_rate": 2, "activation": "relu"},
        {"dtype": "float16"},
        {"dtype": "mixed_bfloat16", "activation": "tanh"},
        {"lora_rank": 2},
        {"padding": "valid", "strides": (2, 1), "data_format": "channels_last"},
    ],
)
@pytest.mark.parametrize("activation_removed", [False, True])
def test_unfused_bias_takes_what_keras_takes(options, activation_removed):
    images = np.random.default_rng(0).normal(size=(2, 7, 6, 4)).astype("float32")
    made = []
    for kind in (keras.layers.Conv2D, kmg.layers.UnfusedBiasConv2D):
        keras.utils.set_random_seed(0)
        layer = kind(4, 3, bias_initializer="ones", **options)
        if activation_removed:
            layer.activation = None  # as Keras' own code allows
        made.append(np.asarray(layer(images)))
        assert np.asarray(layer(images[:0])).shape[0] == 0
    np.testing.assert_array_equal(*made)
