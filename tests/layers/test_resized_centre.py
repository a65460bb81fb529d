"""ResizedCentre against the evaluation pipeline of ImageNet."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets.resizing import resized_centre
from keras_multigrid.layers import ResizedCentre


@pytest.mark.parametrize("size, shorter", [(5, None), (7, 9), (28, 32)])
@pytest.mark.parametrize("height, width", [(40, 61), (61, 40), (9, 9), (9, 11), (6, 5), (1, 1)])
def test_is_what_the_evaluation_pipeline_does(height, width, size, shorter):
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), "uint8")
    encoded = [tf.io.encode_png(image) for image in images]
    expected = [255 * resized_centre(image, shorter or size, size) for image in encoded]
    layer = ResizedCentre(size, shorter)
    np.testing.assert_allclose(layer(images), expected, atol=1e-3)


def test_sides_that_are_known_only_when_an_image_comes():
    model = keras.Sequential([keras.Input((None, None, 1), dtype="uint8"), ResizedCentre(4)])
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 6, 1), "uint8")
    np.testing.assert_allclose(model.predict(images, verbose=0), ResizedCentre(4)(images))


@pytest.mark.parametrize("known", [(9, None), (None, 6), (9, 6)])
def test_one_side_that_is_known(known):
    spec = tf.TensorSpec((None, *known, 1), tf.uint8)
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 6, 1), "uint8")
    resized = tf.function(ResizedCentre(4), input_signature=[spec])(images)
    np.testing.assert_allclose(resized, ResizedCentre(4)(images))


def test_a_constant_stays_constant():
    for side in (3, 4, 7, 29):
        grown = ResizedCentre(9, 11)(np.full((1, side, 2 * side, 1), 7.0))
        np.testing.assert_allclose(grown, np.full((1, 9, 9, 1), 7.0), rtol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0,), "size is 0; expected a positive integer"),
        ((4, 2.5), "shorter is 2.5; expected a positive integer"),
        ((4, 3), "shorter is 3; expected at least size=4"),
    ],
)
def test_arguments_that_are_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResizedCentre(*arguments)


def test_a_single_image():
    with pytest.raises(ValueError, match=r"got shape \(9, 6, 1\); expected 4 dimensions"):
        ResizedCentre(4)(np.zeros((9, 6, 1)))
