"""Facts of training data, by hand."""

import numpy as np
import pytest

from keras_multigrid.planning import fingerprint


def test_facts():
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (20, 30, 2), dtype="uint8") for _ in range(3)]
    labels = np.zeros((20, 30), "int32")
    labels[:, 10:14] = 1  # a stripe of four pixels
    labels[:, 20:] = -1
    facts = fingerprint([(image, labels) for image in images], classes=3, count=7)
    values = np.stack(images).reshape(-1, 2)
    assert (facts.images, facts.height, facts.width, facts.smallest) == (7, 20, 30, (20, 30))
    assert facts.mean == pytest.approx(values.mean(axis=0), rel=1e-5)
    assert facts.deviation == pytest.approx(values.std(axis=0), rel=1e-5)
    assert facts.shares == pytest.approx((16 / 20, 4 / 20, 0))
    # Class 0 has sides of 20 pixels to the left and to the right of the stripe.
    assert facts.upright == 0
    assert facts.thickness == (2 * 16 * 20 / 40, 2 * 4 * 20 / 40, 0)


def test_extreme_values_are_left_out_of_the_range():
    image = np.full((50, 50, 1), 1000, "uint16")
    image[0, 0] = 65535
    facts = fingerprint([(image, np.zeros((50, 50), "int32"))], classes=1)
    assert facts.value_range == (1000, 1000)


def test_no_samples():
    with pytest.raises(ValueError, match="no training images"):
        fingerprint([], classes=2)
    with pytest.raises(ValueError, match="No pixel of the training masks counts"):
        fingerprint([(np.zeros((2, 2, 1)), np.full((2, 2), -1))], classes=2)


def test_images_with_a_top():
    labels = np.zeros((10, 4), "int32")
    labels[5:] = 1
    assert fingerprint([(np.zeros((10, 4, 1)), labels)], classes=2).upright == 1
