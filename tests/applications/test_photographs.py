"""What networks for photographs add to the paper's: strided stems, heads that read all grids."""

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.layers import PaddingToMultiple, UpSamplingLike
from tests.asserts import assert_all_weights_get_a_gradient

NETWORKS = (kmg.applications.PMGSEG, kmg.applications.RPMGSEG)


def photographic(constructor, size=(None, None, 3), stem_strides=4, **options):
    return constructor(
        input_shape=size,
        classes=5,
        width_multiplier=0.05,
        channel_ratios=(1, 2, 3),
        stem_strides=stem_strides,
        head="concatenate",
        **options,
    )


@pytest.mark.parametrize("constructor", NETWORKS)
def test_the_output_has_the_images_size(constructor):
    model = photographic(constructor)
    for size in ((1, 1), (45, 61), (64, 32)):
        assert model(np.zeros((2, *size, 3), "float32")).shape == (2, *size, 5)


@pytest.mark.parametrize("stem_strides", [1, 2, 4, 8])
def test_the_stem_shrinks_the_finest_grid(stem_strides):
    model = photographic(kmg.applications.PMGSEG, (64, 48, 3), stem_strides, pyramid_outputs=True)
    sides = [grid.shape[1:3] for grid in model.outputs]
    assert sides[0] == (64 // stem_strides, 48 // stem_strides)
    assert len(sides) == 3  # none is dropped


@pytest.mark.parametrize("constructor", NETWORKS)
def test_all_weights_get_a_gradient(constructor):
    assert_all_weights_get_a_gradient(
        photographic(constructor, (32, 32, 3), classifier_activation="softmax")
    )


def test_a_units_second_convolution_reads_its_own_grid_alone():
    options = {"exchange_size": 1, "exchange": "first", "pyramid_outputs": True}
    model = photographic(kmg.applications.RPMGSEG, (32, 32, 3), **options)
    first, second = (model.get_layer(f"full_unit1_{number}_conv") for number in (1, 2))
    assert [*first.sources(1)] == ["finer", "own", "coarser"]
    assert {tuple(kernel.shape[:2]) for kernel in first.exchange_kernels[1].values()} == {(1, 1)}
    assert [*second.sources(1)] == ["own"]


def test_1x1_exchange_in_each_layer():
    model = photographic(kmg.applications.PMGSEG, (32, 32, 3), exchange_size=1)
    convolutions = [
        layer for layer in model.layers if isinstance(layer, kmg.layers.MultigridConv2D)
    ]
    assert {layer.exchange_size for layer in convolutions} == {(1, 1)}


def test_a_u_net_with_a_stem():
    model = kmg.applications.UNETSEG(
        input_shape=(None, None, 3), classes=5, width_multiplier=0.05, stem_strides=4
    )
    assert model(np.zeros((1, 45, 61, 3), "float32")).shape == (1, 45, 61, 5)


def test_features_without_a_top():
    model = photographic(kmg.applications.PMGSEG, include_top=False)
    assert model(np.zeros((1, 30, 31, 3), "float32")).shape[:3] == (1, 30, 31)
    pooled = photographic(kmg.applications.PMGSEG, include_top=False, pooling="avg")
    assert len(pooled.output_shape) == 2


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"stem_strides": 3}, "stem_strides is 3; expected one of 1, 2, 4, 8"),
        ({"head": "all"}, "head is 'all'"),
        ({"exchange_size": -1}, "exchange_size is -1"),
    ],
)
def test_errors(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        kmg.applications.PMGSEG(**options)


def test_bilinear_enlargement_against_keras():
    features = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    for size in (2, 3, 4):
        finer = np.zeros((2, 3 * size - 1, 5 * size, 1), "float32")
        expected = keras.ops.image.resize(features, (3 * size, 5 * size), "bilinear")
        found = UpSamplingLike(size, "bilinear")(features, finer)
        np.testing.assert_allclose(found, np.asarray(expected)[:, :-1], atol=1e-5)


def test_nearest_enlargement():
    features = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    found = UpSamplingLike(2)(features, np.zeros((1, 4, 3, 9), "float32"))
    assert found[0, ..., 0].numpy().tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3], [2, 2, 3]]


def test_padding():
    image = np.ones((1, 5, 8, 2), "float32")
    padded = np.asarray(PaddingToMultiple(4)(image))
    assert padded.shape == (1, 8, 8, 2)
    assert padded[:, :5].min() == 1 and padded[:, 5:].max() == 0


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: PaddingToMultiple(0), "multiple is 0"),
        (lambda: PaddingToMultiple(2)(np.ones((3, 3, 1))), "4 dimensions"),
        (lambda: UpSamplingLike(2, "cubic"), "interpolation is 'cubic'"),
        (
            lambda: UpSamplingLike(2)(np.ones((1, 2, 2, 1)), np.ones((1, 5, 4, 1))),
            "at most 2 times",
        ),
    ],
)
def test_errors_of_layers(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
