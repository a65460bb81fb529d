"""The distorted digits: reproducible, of the stated distribution, inside the canvas."""

import numpy as np
import pytest

from keras_multigrid.datasets import DistortedDigits, Distortion, distort_digits, load_digits
from keras_multigrid.datasets.digits import SCIKIT_LEARN_SPLITS
from keras_multigrid.datasets.spatial_transformer import _draw, _random_matrices, _random_shifts


def test_splits_share_no_sample_and_cover_all():
    taken = [index for part in SCIKIT_LEARN_SPLITS.values() for index in range(1797)[part]]
    assert sorted(taken) == list(range(1797))


@pytest.mark.parametrize("split", SCIKIT_LEARN_SPLITS)
def test_digits_are_images_of_all_classes(split):
    images, labels = load_digits(split)
    assert images.shape == (len(labels), 28, 28)
    assert images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(labels) == set(range(10))


def test_same_seed_same_data():
    digits, _ = load_digits("test")
    first, again, other = (distort_digits(digits, 20, 32, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.any(first[0] != other[0])


def test_mask_is_the_upright_digit_in_the_centre():
    digit = np.zeros((1, 28, 28), "float32")
    digit[0, 4:24, 10:18] = 1
    images, masks = distort_digits(digit, 3, canvas=64)
    assert images.shape == masks.shape == (3, 64, 64, 1)
    expected = np.zeros((64, 64), "float32")
    expected[22:42, 28:36] = 1  # 28 pixels in the middle of 64 begin at 18
    for mask in masks:
        np.testing.assert_array_equal(mask[..., 0], expected)


def test_identity_draws_the_digit_itself():
    digits, _ = load_digits("test")
    drawn = _draw(digits, np.array([5]), np.eye(2)[None], np.zeros((1, 2)), 64)
    np.testing.assert_allclose(drawn[0, 18:46, 18:46], digits[5], atol=1e-6)


def test_shift_moves_by_whole_pixels():
    digits, _ = load_digits("test")
    drawn = _draw(digits, np.array([5]), np.eye(2)[None], np.array([[3.0, -7.0]]), 64)
    np.testing.assert_allclose(drawn[0, 21:49, 11:39], digits[5], atol=1e-6)


def test_distortions_have_the_papers_ranges():
    matrices = _random_matrices(np.random.default_rng(0), 4000, Distortion())
    scales = np.sqrt(np.linalg.det(matrices))  # neither rotation nor shear changes areas
    assert 0.5 <= scales.min() < 0.51 and 1.49 < scales.max() <= 1.5
    unit = matrices / scales[:, None, None]
    # A shear by t = tan(60) stretches most by its larger singular value, (t + sqrt(t^2 + 4)) / 2.
    stretch = np.linalg.norm(unit, ord=2, axis=(1, 2))
    assert stretch.max() == pytest.approx((np.sqrt(3) + np.sqrt(7)) / 2, abs=0.01)


def test_ink_stays_inside_the_canvas():
    digits, _ = load_digits("train")
    rng = np.random.default_rng(0)
    matrices = 0.5 * np.broadcast_to(np.eye(2), (200, 2, 2))  # small enough to fit always
    chosen = rng.integers(len(digits), size=200)
    inked = digits[chosen] >= 0.3
    shifts = _random_shifts(rng, matrices, inked, 64)
    offsets = np.arange(28) - 13.5
    for shift, ink in zip(shifts, inked):
        for axis in (0, 1):
            reached = 31.5 + shift[axis] + 0.5 * offsets[ink.any(axis=1 - axis)]
            assert reached.min() >= -1e-9 and reached.max() <= 63 + 1e-9
    assert shifts.std() > 10  # and uses the room there is


def test_dataset_is_fresh_each_epoch_and_reproducible():
    digits, _ = load_digits("train")
    first = DistortedDigits(digits, 2, 4, canvas=32, seed=3, normalize=lambda images: images - 1)
    again = DistortedDigits(digits, 2, 4, canvas=32, seed=3, normalize=lambda images: images - 1)
    np.testing.assert_array_equal(first[1][0], again[1][0])
    assert first[0][0].min() == -1
    assert np.any(first[0][0] != first[1][0])
    first.on_epoch_end()
    assert np.any(first[1][0] != again[1][0])


def test_bad_input():
    with pytest.raises(
        ValueError, match=r"no split 'dev'; expected one of train, validation, test"
    ):
        load_digits("dev")
    with pytest.raises(ValueError, match=r"no source 'svhn'; expected one of digits, mnist"):
        load_digits("test", source="svhn")
    with pytest.raises(ValueError, match=r"shape \(28, 28\); expected \(samples, side, side\)"):
        distort_digits(np.zeros((28, 28)), 1)


def test_missing_mnist_is_one_line_that_names_the_way_out(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    # TensorFlow Datasets itself tries for minutes before it gives up.
    monkeypatch.setattr("tensorflow_datasets.load", refuse)
    with pytest.raises(OSError, match=r"^MNIST is neither in .* source='digits'\.$") as raised:
        load_digits("test", source="mnist", data_dir=str(tmp_path))
    assert "\n" not in str(raised.value)
