"""Gradient maps against closed forms, finite differences, and completeness."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multigrid.applications import PMGSEG
from keras_multigrid.attention_maps import input_gradient, integrated_gradients, receptive_field
from tests.attention_maps.test_occlusion import model_of, network, random_images
from tests.random_weights import randomize

pytestmark = pytest.mark.usefixtures("eagerly")

PROBES = np.array([[0, 0], [3, 5], [7, 2]])


def values_at(model, images, probes):
    outputs = ops.convert_to_numpy(model(images, training=False))
    return outputs[:, probes[:, 0], probes[:, 1]]


def of_channel(values, outputs, channel):
    """Returns those of a channel; None is the one whose output is the largest."""
    if channel is not None:
        return values[..., channel]
    return np.take_along_axis(values, outputs.argmax(-1)[..., None], axis=-1)[..., 0]


def smooth_network():
    """Returns a random network without kinks, for finite differences."""
    model = model_of(
        keras.Sequential(
            [
                keras.layers.Conv2D(4, 3, padding="same", activation="tanh"),
                keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid"),
            ]
        ),
        (8, 7, 3),
    )
    randomize(model)
    return model


@pytest.mark.parametrize("channel", [None, 1])
def test_gradient_equals_finite_differences(channel):
    model, images = smooth_network(), random_images(2, 8, 7, 3)
    gradients = input_gradient(model, images, PROBES, channel=channel, verbose=0)
    assert gradients.shape == (2, 3, 8, 7, 3)
    step = 1e-2
    for place in ((0, 0, 0), (3, 4, 1), (2, 5, 2), (6, 2, 0)):
        moved = np.zeros((8, 7, 3), "float32")
        moved[place] = step
        slope = values_at(model, images + moved, PROBES) - values_at(model, images - moved, PROBES)
        slope = of_channel(slope, values_at(model, images, PROBES), channel)
        np.testing.assert_allclose(gradients[:, :, *place], slope / (2 * step), atol=2e-4)


def test_gradient_of_a_linear_model_is_its_kernel():
    convolution = keras.layers.Conv2D(1, 3, padding="same")
    model = model_of(convolution, (8, 7, 2))
    gradient = input_gradient(model, random_images(1, 8, 7, 2), [(4, 3)], verbose=0)[0, 0]
    kernel = convolution.kernel.numpy()[..., 0]
    np.testing.assert_allclose(gradient[3:6, 2:5], kernel, atol=1e-6)
    assert gradient.sum() == pytest.approx(kernel.sum(), abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_batch_size_does_not_matter(batch_size):
    model, _ = network()
    images, other = random_images(2, 8, 7, 3), np.array([PROBES, PROBES[::-1]])
    for function in (input_gradient, integrated_gradients):
        expected = function(model, images, other, verbose=0)
        maps = function(model, images, other, batch_size=batch_size, verbose=0)
        np.testing.assert_allclose(maps, expected, atol=1e-5)
        first = function(model, images[:1], PROBES, **baseline_of(function, images), verbose=0)
        np.testing.assert_allclose(first, expected[:1], atol=1e-5)


def baseline_of(function, images):
    """The baseline of all images, for functions that have one."""
    return {"baseline": float(images.min())} if function is integrated_gradients else {}


@pytest.mark.parametrize("baseline", [None, 0.0, "image"])
def test_integrated_gradients_are_complete(baseline):
    model, images = smooth_network(), random_images(2, 8, 7, 3)
    baseline = random_images(8, 7, 3) if baseline == "image" else baseline
    maps = integrated_gradients(model, images, PROBES, baseline=baseline, steps=128, verbose=0)
    start = images.min() if baseline is None else baseline
    starts = np.broadcast_to(start, images.shape).astype("float32")
    outputs = values_at(model, images, PROBES)
    difference = of_channel(outputs - values_at(model, starts, PROBES), outputs, None)
    np.testing.assert_allclose(maps.sum((2, 3, 4)), difference, atol=2e-3)


def test_integrated_gradients_of_a_product_are_shared_equally():
    """Of x y from (0, 0) to (a, b), each has half of a b: by hand, exact at the middles."""
    image = keras.Input((1, 2, 1))
    product = image[:, :, :1] * image[:, :, 1:]
    maps = integrated_gradients(
        keras.Model(image, product), [[[[3.0], [4.0]]]], [(0, 0)], baseline=0, steps=4, verbose=0
    )
    np.testing.assert_allclose(maps[0, 0, 0, :, 0], [6, 6], atol=1e-5)


def test_probabilities_that_sum_to_one_have_gradients():
    model = model_of(keras.layers.Conv2D(4, 3, padding="same", activation="softmax"), (8, 7, 3))
    randomize(model)
    images = random_images(2, 8, 7, 3)
    gradients = input_gradient(model, images, [(4, 3)], verbose=0)
    assert np.abs(gradients[:, :, 3:6, 2:5]).min() > 1e-6
    assert receptive_field(model, images, (4, 3), verbose=0).box == (3, 2, 5, 4)


def test_an_output_without_the_image_has_no_gradient():
    model = model_of(lambda image: ops.zeros_like(image), (5, 5, 1))
    assert not input_gradient(model, random_images(1, 5, 5, 1), [(2, 2)], verbose=0).any()


def test_receptive_field_of_stacked_convolutions():
    layers = [keras.layers.Conv2D(4, 3, padding="same", activation="relu") for _ in range(3)]
    model = model_of(keras.Sequential(layers), (21, 19, 1))
    field = receptive_field(model, random_images(16, 21, 19, 1), verbose=0)
    assert field.probe == (10, 9)
    assert field.box == (7, 6, 13, 12)  # three pixels to each side
    assert 1 <= field.effective_pixels <= 49
    assert field.sensitivity.shape == (21, 19)


def test_receptive_field_of_a_pyramid_is_the_image():
    model = PMGSEG(width_multiplier=0.1, classifier_activation=None, input_shape=(64, 64, 1))
    field = receptive_field(model, random_images(16, 64, 64, 1), (40, 9), verbose=0)
    assert field.probe == (40, 9) and field.box == (0, 0, 63, 63)


def test_what_sees_nothing_has_no_field():
    model = model_of(lambda image: 0 * image, (5, 5, 1))
    field = receptive_field(model, random_images(1, 5, 5, 1), verbose=0)
    assert field.box is None and field.effective_pixels == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0; expected an integer from 1 on"),
        ({"baseline": np.zeros((3, 3, 3))}, r"baseline has shape \(3, 3, 3\); expected an image"),
        ({"probes": [(8, 0)]}, r"Probe \(8, 0\) is outside"),
        ({"channel": 2}, "channel is 2; expected None"),
    ],
)
def test_misuse(changes, message):
    arguments = {"probes": PROBES, **changes}
    with pytest.raises(ValueError, match=message):
        integrated_gradients(smooth_network(), random_images(1, 8, 7, 3), **arguments, verbose=0)
