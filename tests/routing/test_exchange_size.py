"""Routing where what grids exchange has kernels of its own."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from keras_multigrid.routing import Exchange, exchanges, measure, without
from tests.random_weights import randomize


@pytest.fixture(scope="module")
def model():
    image = keras.Input((8, 6, 2))
    pyramid = ImagePyramid(2)(image)
    model = keras.Model(image, MultigridConv2D([3, 2], exchange_size=(0, 1), name="conv")(pyramid))
    randomize(model)
    return model


def test_exchanges_that_there_are_not_are_not_listed(model):
    assert [str(each) for each in exchanges(model)] == [
        "grid 0 of conv from own",
        "grid 0 of conv from coarser",
        "grid 1 of conv from own",
    ]


def test_each_kernel_has_its_norm(model):
    images = np.random.default_rng(0).normal(size=(2, 8, 6, 2)).astype("float32")
    own, coarser, alone = measure(model, images, verbose=0).rows
    layer = model.get_layer("conv")
    kernel = layer.exchange_kernels[0]["coarser"].numpy()
    assert coarser.kernel_norm == pytest.approx(np.linalg.norm(kernel), rel=1e-5)
    assert own.kernel_share + coarser.kernel_share == pytest.approx(1)
    assert own.activation_share + coarser.activation_share == pytest.approx(1)
    assert alone.kernel_share == 1


def test_without_an_exchange_the_rest_is_left(model):
    image = np.random.default_rng(0).normal(size=(1, 8, 6, 2)).astype("float32")
    kernel = model.get_layer("conv").exchange_kernels[0]["coarser"]
    before, whole = kernel.numpy(), model.predict(image, verbose=0)
    with without(model, Exchange("conv", 0, "coarser")):
        assert not kernel.numpy().any()
        finest, coarsest = model.predict(image, verbose=0)
    np.testing.assert_array_equal(kernel.numpy(), before)
    coarse = image.reshape(1, 4, 2, 3, 2, 2).mean((2, 4)) @ before[0, 0]
    np.testing.assert_allclose(whole[0] - finest, coarse.repeat(2, 1).repeat(2, 2), atol=1e-5)
    np.testing.assert_array_equal(coarsest, whole[1])
