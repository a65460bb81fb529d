"""Tiles give the answer of the whole image."""

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.prediction.geometry import SeenMargin
from keras_multigrid.prediction.tiles import Tile, exact_tiles
from tests.prediction import networks
from tests.prediction.networks import noise

NETWORKS = {
    "strided": networks.strided,
    "of a run": networks.of_a_run,
    "multigrid": networks.multigrid,
    "PMG-11": lambda: networks.paper("PMG-11", classifier_activation="softmax"),
    "U-NET-11": lambda: networks.paper("U-NET-11"),
    "SG-11": lambda: networks.paper("SG-11"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def answer(model, image):
    return model.predict_on_batch(image[None])[0]


@pytest.mark.parametrize("size", [(200, 203), (201, 198), (97, 210), (30, 40)])
def test_tiles_of_any_image_give_the_answer_of_the_whole(network, size):
    image = noise(*size, 3)
    predicted = kmg.prediction.predict_image(network, image, tile=190)
    np.testing.assert_allclose(predicted, answer(network, image), atol=1e-5)


def test_tiles_are_no_longer_than_as_many_must_be():
    tiles = exact_tiles(9000, 2456, margin=171, stride=16)
    assert [tile.start for tile in tiles] == [0, 1744, 3488, 5232, 6912]
    assert {tile.end - tile.start for tile in tiles} == {
        2088
    }  # 2074 rounded up, as the side of the image
    assert [tile.first for tile in tiles] == [0, *(tile.last for tile in tiles[:-1])]
    assert exact_tiles(70, 70, margin=0, stride=4) == [Tile(0, 70, 0, 70)]


def test_mirrored_tiles_give_the_answer_of_the_mirrored_image():
    model, image = networks.strided(), noise(101, 90, 3)
    mirrored = [
        np.flip(answer(model, np.flip(image, axes)), axes) for axes in ((), (1,), (0,), (0, 1))
    ]
    for flips, count in (("horizontal", 2), ("both", 4)):
        predicted = kmg.prediction.predict_image(model, image, tile=64, flips=flips)
        np.testing.assert_allclose(predicted, np.mean(mirrored[:count], axis=0), atol=1e-5)


def test_several_networks_answer_with_their_mean():
    models, image = [networks.strided(), networks.multigrid()], noise(150, 131, 3)
    predicted = kmg.prediction.predict_image(models, image, tile=130)
    expected = np.mean([answer(model, image) for model in models], axis=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_networks_of_one_size_take_any():
    layers = [
        keras.Input((32, 32, 1)),
        keras.layers.MaxPooling2D(),
        keras.layers.UpSampling2D(),
        keras.layers.Conv2D(2, 5, padding="same"),
    ]
    model, image = keras.Sequential(layers), noise(100, 110, 1)
    at_any_size = keras.Sequential([keras.Input((None, None, 1)), *layers[1:]])
    predicted = kmg.prediction.predict_image(model, image[..., 0], tile=40)
    np.testing.assert_allclose(predicted, answer(at_any_size, image), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_networks_of_half_precision_answer_with_probabilities(policy):
    expected = kmg.prediction.predict_image(networks.strided(), noise(70, 61, 3))
    keras.config.set_dtype_policy(policy)
    try:
        model = networks.strided()
    finally:
        keras.config.set_dtype_policy("float32")
    predicted = kmg.prediction.predict_image(model, noise(70, 61, 3), tile=40)
    assert predicted.dtype == "float32"
    np.testing.assert_allclose(predicted, expected, atol=0.05)


class TestBlending:
    def test_it_is_said_where_a_network_sees_more_than_a_tile_can_have(self):
        model, image = networks.seeing_everything(), noise(50, 61, 3) + 3
        with pytest.warns(UserWarning, match=r"sees all of an image.*tiles of 32 x 32"):
            predicted = kmg.prediction.predict_image(model, image, tile=32)
        np.testing.assert_allclose(predicted.sum(-1), 1, atol=1e-5)
        assert np.abs(predicted - answer(model, image)).mean() < 0.05

    def test_it_is_near_the_answer_where_a_tile_has_too_little_beside_it(self):
        model, image = networks.paper("PMG-11"), noise(150, 163, 3)
        with pytest.warns(UserWarning, match=r"sees 70 pixels to each side"):
            predicted = kmg.prediction.predict_image(model, image, tile=100)
        whole = answer(model, image)
        assert 1e-5 < np.abs(predicted - whole).mean() < 0.05

    def test_what_all_tiles_agree_on_is_the_answer(self, monkeypatch):
        image = keras.Input((None, None, 1))
        model, pixels = keras.Model(image, keras.layers.ReLU()(image)), noise(70, 83, 1)
        monkeypatch.setattr(SeenMargin, "__call__", lambda *_: 20)
        with pytest.warns(UserWarning, match="blended"):
            predicted = kmg.prediction.predict_image(model, pixels, tile=32)
        np.testing.assert_allclose(predicted, np.maximum(pixels, 0), atol=1e-6)


class TestBadInput:
    def test_images_that_do_not_fit(self):
        model = networks.strided()
        with pytest.raises(ValueError, match=r"image has shape \(9, 9, 1\); expected .*, 3\)"):
            kmg.prediction.predict_image(model, noise(9, 9, 1))
        with pytest.raises(ValueError, match="not finite"):
            kmg.prediction.predict_image(model, np.full((9, 9, 3), np.nan))

    def test_networks_that_answer_otherwise(self):
        image = keras.Input((None, None, 3))
        pooled = keras.Model(image, keras.layers.GlobalMaxPooling2D()(image), name="pooled")
        halved = keras.Model(image, keras.layers.MaxPooling2D()(image), name="halved")
        with pytest.raises(ValueError, match=r"pooled has .*\(None, 3\); expected .* maps"):
            kmg.prediction.predict_image(pooled, noise(9, 9, 3))
        with pytest.raises(ValueError, match="halved makes maps of 4 x 4 of an image of 9 x 9"):
            kmg.prediction.predict_image(halved, noise(9, 9, 3))
        with pytest.raises(ValueError, match=r"\(3, 2\), \(3, 3\); expected the same of all"):
            models = [networks.strided(), networks.strided(classes=2)]
            kmg.prediction.predict_image(models, noise(9, 9, 3))

    def test_tiles_that_are_too_small(self):
        with pytest.raises(ValueError, match=r"tile is 2; expected at least 9 .* stride is 4"):
            kmg.prediction.predict_image(networks.strided(), noise(9, 9, 3), tile=2)

    def test_unknown_flips(self):
        with pytest.raises(ValueError, match="flips is 'all'; expected None, 'horizontal' or"):
            kmg.prediction.predict_image(networks.strided(), noise(9, 9, 3), flips="all")
