"""Images and masks change together."""

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import MaskAugmentation
from keras_multigrid.datasets.masks.labels import IGNORED

STILL = {"rotation": 0.0, "scale": 1.0, "flips": "none"}
UNSHADED = {"brightness": 0.0, "contrast": 1.0, "gamma": 1.0, "noise": 0.0}


def sample(height=24, width=30):
    """An image whose value is ten times its label, in stripes and blocks."""
    rows, columns = np.indices((height, width))
    labels = (rows // 8 * 4 + columns // 10).astype("int32")
    return tf.constant(10.0 * labels[..., None], tf.float32), tf.constant(labels)


def key(number):
    return tf.constant([number, 7], tf.int64)


@pytest.mark.parametrize("flips", ["horizontal", "both"])
def test_flips(flips):
    augment = MaskAugmentation(**{**STILL, "flips": flips}, **UNSHADED)
    image, labels = sample()
    seen = set()
    for number in range(20):
        changed, mask = augment(image, labels, key(number))
        assert np.array_equal(changed[..., 0], 10 * mask)
        seen.add(mask.numpy().tobytes())
    expected = [labels.numpy(), labels.numpy()[:, ::-1]]
    if flips == "both":
        expected += [one[::-1] for one in expected]
    assert seen == {np.ascontiguousarray(one).tobytes() for one in expected}


def test_image_and_mask_move_together():
    augment = MaskAugmentation(rotation=30.0, scale=1.5, flips="both", **UNSHADED)
    image, labels = sample()
    moved = 0
    for number in range(10):
        changed, mask = (np.asarray(each) for each in augment(image, labels, key(number)))
        assert set(np.unique(mask)) <= {IGNORED, *np.unique(labels)}  # never interpolated
        inside = mask != IGNORED
        # Bilinear values differ from the nearest label's within a pixel of a boundary alone.
        near = np.abs(changed[..., 0] - 10 * mask)[inside] < 1e-3
        assert near.mean() > 0.6
        moved += not np.array_equal(mask, labels)
    assert moved == 10


def test_rotation_against_numpy():
    """Each pixel of the mask comes from the nearest one of the turned grid."""
    augment = MaskAugmentation(**{**STILL, "rotation": 40.0}, **UNSHADED)
    _, labels = sample()
    image = tf.cast(tf.reshape(tf.range(24 * 30), (24, 30, 1)), tf.float32)
    drawn = tf.random.stateless_uniform((8,), key(3), -1.0).numpy()
    angle = drawn[2] * np.radians(40)
    _, mask = augment(image, labels, key(3))
    rows, columns = np.indices((24, 30)) - np.array([11.5, 14.5])[:, None, None]
    source_column = np.cos(angle) * columns - np.sin(angle) * rows + 14.5
    source_row = np.sin(angle) * columns + np.cos(angle) * rows + 11.5
    row, column = np.rint(source_row).astype(int), np.rint(source_column).astype(int)
    inside = (row >= 0) & (row < 24) & (column >= 0) & (column < 30)
    expected = np.where(inside, labels.numpy()[row.clip(0, 23), column.clip(0, 29)], IGNORED)
    assert (expected == mask.numpy()).mean() > 0.99  # halves may be rounded either way


def test_shades_leave_the_mask():
    augment = MaskAugmentation(**STILL)
    image, labels = sample()
    changed, mask = augment(image, labels, key(0))
    assert np.array_equal(mask, labels)
    assert not np.allclose(changed, image)


def test_the_same_key_is_the_same_change():
    augment = MaskAugmentation()
    first, second = (augment(*sample(), key(5)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second))
    other = augment(*sample(), key(6))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"flips": "vertical"}, "flips is 'vertical'"),
        ({"scale": 0.5}, "scale is 0.5; expected a factor"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"rotation": "much"}, "rotation is 'much'"),
    ],
)
def test_errors(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        MaskAugmentation(**settings)
