"""Distorted digits: of the stated distributions, inside the canvas, drawn as SciPy would."""

import dataclasses
import functools
import types

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from keras_multigrid.datasets import Distortion, SpatialTransformer, draw_batches, load_digits
from keras_multigrid.datasets.drawing import DigitBank, random_affine
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS

SAMPLES = 400
KEY = tf.constant([3, 7], tf.int64)
NOTHING = Distortion(rotation=0, shear=0, scale=(1, 1), translation=False)


@functools.cache
def digits():
    return load_digits("test", source="digits")[0]


@functools.cache
def drawn(variant, canvas=64):
    """Returns images and masks, with the digits, matrices and shifts that they are made of."""
    record = {}

    def draw(self, index, matrices, x, y):
        centre = (canvas - 1) / 2
        shifts = np.stack([-centre - x[:, 0, 0], -centre - y[:, 0, 0]], axis=1)
        record.update(digits=digits()[index], matrices=matrices.numpy(), shifts=shifts)
        return original(self, index, matrices, x, y)

    transformer = SpatialTransformer(digits(), canvas, DISTORTIONS[variant])
    original = DigitBank.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DigitBank, "draw", draw)
        images, masks = transformer(tf.range(SAMPLES), KEY)
    return types.SimpleNamespace(images=images.numpy(), masks=masks.numpy(), **record)


def drawn_by_scipy(digit, matrix, shift, canvas):
    positions = np.arange(canvas) - (canvas - 1) / 2
    offsets = np.stack(np.meshgrid(positions - shift[0], positions - shift[1], indexing="xy"))
    source_x, source_y = np.tensordot(np.linalg.inv(matrix.astype("float64")), offsets, 1)
    centre = (len(digit) - 1) / 2
    return scipy.ndimage.map_coordinates(
        digit, [source_y + centre, source_x + centre], order=1, mode="grid-constant"
    )


def assert_uniform(values, low, high):
    """Checks the range, its use, and by Kolmogorov and Smirnov that all is as frequent."""
    shares = np.sort((values - low) / (high - low))
    assert -1e-5 <= shares[0] < 8 / len(shares)
    assert 1 - 8 / len(shares) < shares[-1] <= 1 + 1e-5
    gap = np.abs(shares - (np.arange(len(shares)) + 0.5) / len(shares)).max()
    assert gap < 1.7 / np.sqrt(len(shares))  # 0.6 % of all samples go beyond


def scales_of(matrices):
    return np.sqrt(np.linalg.det(matrices))  # neither rotation nor shear changes areas


def angles_of(matrices):
    return np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))


def reached_by_ink(sample, index):
    """Returns the lowest and the highest positions, (x, y), of pixels from 0.3 on the canvas."""
    rows, columns = np.nonzero(sample.digits[index] >= 0.3)
    offsets = np.stack([columns, rows]) - 13.5
    reached = sample.matrices[index] @ offsets + sample.shifts[index][:, None]
    return reached.min(axis=1), reached.max(axis=1)


# What is drawn at random.


def test_rotation_alone():
    matrices = drawn("rotation").matrices
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(2), (SAMPLES, 1, 1)), atol=1e-6
    )
    assert_uniform(angles_of(matrices), -60, 60)


def test_scaling_alone():
    matrices = drawn("scaling").matrices
    scales = matrices[:, 0, 0]
    assert_uniform(scales, 0.5, 1.5)
    np.testing.assert_array_equal(matrices, scales[:, None, None] * np.eye(2))


def test_shear_alone_is_along_x_or_y():
    matrices = drawn("affine").matrices
    slants = np.degrees(np.arctan(matrices - np.eye(2)))
    assert not slants[:, [0, 1], [0, 1]].any()
    along_x, along_y = slants[:, 0, 1], slants[:, 1, 0]
    assert not (along_x * along_y).any()
    assert_uniform(along_x + along_y, -60, 60)
    assert 0.4 < np.count_nonzero(along_x) / SAMPLES < 0.6
    assert 0.4 < np.count_nonzero(along_y) / SAMPLES < 0.6


def test_translation_alone():
    matrices = drawn("translation").matrices
    np.testing.assert_array_equal(matrices, np.tile(np.eye(2), (SAMPLES, 1, 1)))


def test_all_is_a_rotation_then_a_shear_then_a_scale():
    matrices = drawn("all").matrices
    scales = scales_of(matrices)
    assert_uniform(scales, 0.5, 1.5)
    # A shear along x leaves the second row of the rotation as it is, one along y the first.
    unit = matrices / scales[:, None, None]
    rotated = np.abs(np.linalg.norm(unit, axis=2) - 1) < 1e-5
    assert rotated.any(axis=1).all()
    first = rotated[:, :1]
    assert 0.4 < first.mean() < 0.6
    kept = np.where(first, unit[:, 0], unit[:, 1])  # (cos, -sin) or (sin, cos)
    sheared = np.where(first, unit[:, 1], unit[:, 0])
    x, y = np.where(first, kept * (1, -1), kept[:, ::-1]).T
    assert_uniform(np.degrees(np.arctan2(y, x)), -60, 60)
    assert_uniform(np.degrees(np.arctan((kept * sheared).sum(axis=1))), -60, 60)


def test_digits_are_chosen_uniformly():
    positions = [np.argmax((digits() == digit).all(axis=(1, 2))) for digit in drawn("all").digits]
    assert_uniform(np.array(positions), 0, len(digits()) - 1)


# Where it is put.


@pytest.mark.parametrize("variant", ["rotation", "scaling", "affine"])
def test_without_translation_digits_are_centred(variant):
    assert not drawn(variant).shifts.any()


def test_translated_digits_are_uniform_over_the_room_they_have():
    sample = drawn("translation")
    shares = []
    for index in range(SAMPLES):
        lowest, highest = reached_by_ink(sample, index)
        room = 63 - (highest - lowest)
        shares.append((lowest + 31.5) / room)
    for line in np.transpose(shares):
        assert_uniform(line, 0, 1)
    assert abs(np.corrcoef(*np.transpose(shares))[0, 1]) < 0.15


def test_ink_is_inside_the_canvas_or_centred_where_it_does_not_fit():
    sample = drawn("all")
    too_large = 0
    for index in range(SAMPLES):
        lowest, highest = reached_by_ink(sample, index)
        fits = highest - lowest <= 63
        assert np.all(lowest[fits] >= -31.5001) and np.all(highest[fits] <= 31.5001)
        np.testing.assert_allclose((lowest + highest)[~fits], 0, atol=1e-3)
        too_large += np.count_nonzero(~fits)
    assert too_large > 3


# What comes out.


@pytest.mark.parametrize("variant", DISTORTIONS)
def test_images_are_drawn_as_by_scipy(variant):
    sample = drawn(variant)
    assert sample.images.shape == (SAMPLES, 64, 64, 1)
    for index in range(60):
        expected = drawn_by_scipy(
            sample.digits[index], sample.matrices[index], sample.shifts[index], 64
        )
        np.testing.assert_allclose(sample.images[index, ..., 0], expected, atol=2e-4)


@pytest.mark.parametrize("variant", DISTORTIONS)
def test_masks_are_the_untouched_digits_in_the_centre(variant):
    sample = drawn(variant)
    upright = np.pad(sample.digits, [(0, 0), (18, 18), (18, 18)]) >= 0.3
    np.testing.assert_array_equal(sample.masks[..., 0], upright)
    assert sample.masks.dtype == np.float32


@pytest.mark.parametrize("canvas", [32, 33, 65])
def test_digits_have_the_same_share_of_another_canvas(canvas):
    sample = drawn("all", canvas)
    assert sample.images.shape == sample.masks.shape == (SAMPLES, canvas, canvas, 1)
    assert_uniform(scales_of(sample.matrices) / (canvas / 64), 0.5, 1.5)
    upright = np.float32(canvas / 64) * np.eye(2, dtype="float32")
    for index in range(20):
        digit = sample.digits[index]
        expected = drawn_by_scipy(digit, sample.matrices[index], sample.shifts[index], canvas)
        np.testing.assert_allclose(sample.images[index, ..., 0], expected, atol=2e-4)
        expected = drawn_by_scipy(digit, upright, (0, 0), canvas)
        sure = np.abs(expected - 0.3) > 1e-4
        np.testing.assert_array_equal(
            sample.masks[index, ..., 0][sure], expected[sure] >= 0.3, err_msg=str(index)
        )


@pytest.mark.parametrize("digit_share", [28 / 64, 1])
@pytest.mark.parametrize("canvas", [31, 64, 200, 256])
def test_undistorted_digits_agree_with_their_masks(canvas, digit_share):
    # Ink up to the border of its image reaches beyond it when it is enlarged.
    digit = np.zeros((1, 28, 28))
    digit[0, :, 10:20] = digit[0, 5:9] = 1
    distortion = dataclasses.replace(NOTHING, digit_share=digit_share)
    images, masks = SpatialTransformer(digit, canvas, distortion)(tf.range(1), KEY)
    np.testing.assert_array_equal(images >= 0.3, masks)


def test_undistorted_digits_are_copied():
    transformer = SpatialTransformer(digits()[:1], 64, NOTHING)
    images, _ = transformer(tf.range(1), KEY)
    np.testing.assert_allclose(images[0, 18:46, 18:46, 0], digits()[0], atol=1e-6)


def test_xla_draws_images_that_agree_with_their_masks():
    images, masks = next(iter(draw_batches(SpatialTransformer(digits(), 64, NOTHING), 50, 50)))
    np.testing.assert_array_equal(images >= 0.3, masks)
    assert len(np.unique(np.reshape(masks, (50, -1)), axis=0)) > 40


# Arguments.


def test_random_affine_takes_its_ranges():
    matrices = random_affine(KEY, 50, rotation=5, scale=(2, 3)).numpy()
    assert np.abs(angles_of(matrices)).max() <= 5
    scales = scales_of(matrices)
    assert 2 <= scales.min() < 2.1 and 2.9 < scales.max() <= 3


@pytest.mark.parametrize("share", [0, -0.1, 1.01])
def test_a_digit_share_out_of_range_is_an_error(share):
    with pytest.raises(ValueError, match=f"digit_share is {share}; expected above 0, at most 1"):
        Distortion(digit_share=share)


def test_digits_of_another_shape_are_an_error():
    with pytest.raises(ValueError, match=r"shape \(28, 28\); expected \(samples, side, side\)"):
        SpatialTransformer(np.zeros((28, 28)))
