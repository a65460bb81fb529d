"""Digits anywhere on a canvas: uniform places, exact copies, the stated backgrounds."""

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import LocatedDigits, draw_batches, load_digits
from keras_multigrid.datasets.located_digits import BACKGROUNDS, CANVAS, grass_texture

SAMPLES = 1500
KEY = tf.constant([3, 7], tf.int64)
PLACES = CANVAS - 28 + 1


@pytest.fixture(scope="module")
def digits():
    """Returns digits with ink in opposite corners, which show where they are, and labels."""
    images, labels = (array[:300].copy() for array in load_digits("train", source="digits"))
    images[:, 0, 0] = images[:, -1, -1] = 0.75
    return images, labels


def draw(digits, background="plain", size=CANVAS, samples=SAMPLES, key=KEY):
    """Returns images, without channel, and the labels, of the digits in turn."""
    indices = tf.range(samples) % len(digits[0])
    images, labels = LocatedDigits(*digits, background, size=size)(indices, key)
    return images.numpy()[..., 0], labels.numpy()


def grey(value):
    return np.full((1, 28, 28), value, "float32"), [0]


def corners_of(images):
    """Returns the first row and column with ink."""
    return np.stack([(images > 0).any(axis=axis).argmax(axis=1) for axis in (2, 1)], axis=1)


def assert_uniform(values, count):
    """Checks that integers below `count` are equally frequent, by chi-squared."""
    expected = len(values) / count
    observed = np.bincount(values, minlength=count)
    assert len(observed) == count and observed.min() > 0
    deviation = ((observed - expected) ** 2 / expected).sum()
    assert abs(deviation - (count - 1)) < 4 * np.sqrt(2 * (count - 1))


def test_places_are_uniform_over_all_that_there_are(digits):
    rows, columns = corners_of(draw(digits)[0]).T
    assert_uniform(rows, PLACES)
    assert_uniform(columns, PLACES)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.1


def test_a_plain_digit_is_copied_exactly_and_nothing_else(digits):
    images, labels = draw(digits)
    expected = np.zeros_like(images)
    for index, (row, column) in enumerate(corners_of(images)):
        expected[index, row : row + 28, column : column + 28] = digits[0][index % 300]
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, np.tile(digits[1], SAMPLES // 300))


def test_noise_is_five_percent_salt_and_five_percent_pepper():
    plain, _ = draw(grey(0.5))
    noisy, _ = draw(grey(0.5), "noisy")
    assert set(np.unique(noisy)) == {0, 0.5, 1}
    for inside in (plain == 0.5, plain == 0):
        assert np.mean(noisy[inside] == 1) == pytest.approx(0.05, abs=0.001)
    assert np.mean(noisy[plain == 0.5] == 0) == pytest.approx(0.05, abs=0.001)
    salt_by_pixel = np.mean(noisy == 1, axis=0)
    assert salt_by_pixel.min() > 0.02 and salt_by_pixel.max() < 0.08  # everywhere, and anew


def test_windows_of_the_texture_are_anywhere_in_it():
    texture = grass_texture()
    windows, _ = draw(grey(0), "textured", samples=600)
    places = []
    for window in windows:
        brightest = np.unravel_index(window.argmax(), window.shape)
        ((row, column),) = np.argwhere(texture == window.max()) - brightest
        np.testing.assert_array_equal(texture[row : row + CANVAS, column : column + CANVAS], window)
        places.append((row, column))
    for line in np.transpose(places):
        assert line.min() == 0 and line.max() == 256 - CANVAS
        assert_uniform(line // 41, 5)


def test_a_digit_covers_the_texture_by_its_intensity(digits):
    plain, textured, window = (
        draw(*what, samples=100)[0]
        for what in [(digits, "plain"), (digits, "textured"), (grey(0), "textured")]
    )
    np.testing.assert_allclose(textured, plain + (1 - plain) * window, atol=1e-6)
    assert np.any((plain > 0) & (plain < 1) & (textured > plain))


def test_the_texture_is_a_picture_of_its_own():
    texture = grass_texture()
    assert texture.shape == (256, 256) and texture.dtype == np.float32
    assert texture.min() >= 0 and texture.max() <= 1
    assert 0.1 < texture.mean() < 0.6 and texture.std() > 0.05
    assert len(np.unique(texture[:100, :100])) > 5000


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("size", [28, 14, 8])
def test_smaller_images_are_means_over_areas_of_the_large_ones(background, size, digits):
    large, _ = draw(digits, background, samples=50)
    small, _ = draw(digits, background, size, samples=50)
    area = CANVAS // size
    expected = large.reshape(50, size, area, size, area).mean(axis=(2, 4))
    np.testing.assert_allclose(small, expected, atol=1e-6)
    assert small.min() >= 0 and small.max() <= 1


def test_a_pass_has_each_digit_once_at_a_new_place_with_its_label():
    images = np.linspace(0.1, 1, 50, dtype="float32")[:, None, None] * np.ones((28, 28), "float32")
    draw_all = LocatedDigits(images, np.arange(50))
    places = []
    dataset = draw_batches(draw_all, samples=50, batch_size=16, shuffle=True)
    for _ in range(2):
        batches = [(drawn.numpy()[..., 0], labels.numpy()) for drawn, labels in dataset]
        drawn, labels = map(np.concatenate, zip(*batches))
        assert sorted(labels) == list(range(50))
        np.testing.assert_array_equal(drawn.max(axis=(1, 2)), images[labels, 0, 0])
        places.append(corners_of(drawn)[np.argsort(labels)])
    assert np.mean((places[0] == places[1]).all(axis=1)) < 0.1


def test_digits_may_fill_the_canvas():
    images = np.random.default_rng(0).random((2, CANVAS, CANVAS)).astype("float32")
    drawn, labels = LocatedDigits(images, [4, 5])(tf.constant([1, 0]), KEY)
    np.testing.assert_array_equal(drawn[..., 0], images[::-1])
    assert labels.numpy().tolist() == [5, 4]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"background": "grass"}, "no background 'grass'; expected one of plain, noisy, textured"),
        ({"size": 0}, "size is 0; expected a divisor of 56, such as 14 or 28"),
        ({"size": 16}, "size is 16; expected a divisor of 56"),
        ({"size": 112}, "size is 112; expected a divisor of 56"),
        ({"digits": np.zeros((28, 28))}, r"shape \(28, 28\); expected \(samples, side, side\)"),
        ({"digits": np.zeros((1, 28, 20))}, r"shape \(1, 28, 20\); expected"),
        (
            {"digits": np.zeros((1, 64, 64))},
            "side of the digits is 64; expected an integer from 0",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocatedDigits(**{"digits": grey(1)[0], "labels": [0], **arguments})
