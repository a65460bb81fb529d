"""ImageNet's augmentation against NumPy, and its ranges."""

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.applications import preprocess_input
from keras_multigrid.datasets import image_augmentation as augmentation
from keras_multigrid.decoding import decode, decode_window
from tests.asserts import assert_close


def keys(count):
    return tf.stack([tf.fill([count], tf.constant(7, tf.int64)), tf.range(count, dtype="int64")], 1)


def smooth_image(height=75, width=100, seed=0):
    """Returns an image that JPEG keeps nearly as it is."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype("float32")
    image = tf.image.resize(coarse, (height, width), method="bicubic")
    return tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8).numpy()


def for_keys(function, count):
    """Returns what the function makes of each of so many keys."""
    dataset = tf.data.Dataset.from_tensor_slices(keys(count)).map(function, tf.data.AUTOTUNE)
    return dataset.batch(count).get_single_element().numpy()


def windows(height, width, count=4000):
    return for_keys(lambda key: augmentation.random_window(height, width, key), count)


def test_windows_have_the_papers_areas_and_aspects():
    top, left, height, width = windows(1000, 1000).T
    assert top.min() == 0 and (top + height).max() == 1000  # at the edges, never beyond
    assert left.min() == 0 and (left + width).max() == 1000
    area, aspect = height * width / 1e6, np.log(width / height)
    assert 0.079 < area.min() < 0.09 and 0.97 < area.max() <= 1
    assert np.abs(aspect).max() <= np.log(4 / 3) + 0.01
    assert np.abs(aspect).max() > np.log(4 / 3) - 0.01
    assert abs(np.mean(aspect)) < 0.01  # wide as often as high
    # Of the small windows, which always fit, each area is equally likely.
    small = area[area < 0.5]
    assert np.mean(small < 0.29) == pytest.approx(0.5, abs=0.04)
    # A position is uniform in the room that is left.
    assert np.mean(top / np.maximum(1000 - height, 1)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "height, width, expected",
    [(1, 12, (0, 5, 1, 1)), (12, 1, (5, 0, 1, 1)), (3, 40, (0, 18, 3, 4)), (1, 1, (0, 0, 1, 1))],
)
def test_window_of_a_strip_is_central(height, width, expected):
    """As torchvision's, where ten draws do not fit."""
    drawn = windows(height, width, 300)
    assert drawn.min() >= 0 and drawn[:, 2:].min() >= 1
    assert np.all(drawn[:, :2] + drawn[:, 2:] <= [height, width])
    assert expected in {tuple(window) for window in drawn.tolist()}


@pytest.mark.parametrize("chroma_downsampling", [False, True])
def test_decoding_a_window_is_decoding_and_cutting(chroma_downsampling):
    image = np.random.default_rng(0).integers(0, 256, (75, 100, 3)).astype("uint8")
    encoded = tf.io.encode_jpeg(image, chroma_downsampling=chroma_downsampling)
    decoded = decode(encoded).numpy().astype(int)
    for top, left, height, width in windows(75, 100, 20):
        window = [top, left, height, width]
        fused = decode_window(encoded, lambda *sides, window=window: window)
        cut = decoded[top : top + height, left : left + width]
        # Smooth upsampling of the chroma reads one column beyond the window.
        inner = slice(1, -1) if chroma_downsampling else slice(None)
        np.testing.assert_array_equal(fused[:, inner], cut[:, inner])


def test_random_resized_crop_is_the_resized_window():
    encoded = tf.io.encode_jpeg(smooth_image(), chroma_downsampling=False)
    png = tf.io.encode_png(decode(encoded))
    for key in keys(5):
        top, left, height, width = augmentation.random_window(75, 100, key).numpy()
        cut = decode(encoded)[top : top + height, left : left + width]
        expected = augmentation.resize(cut, (32, 32))
        assert_close(augmentation.random_resized_crop(encoded, key, 32), expected)
        assert_close(augmentation.random_resized_crop(png, key, 32), expected)


def blend(image, other, share):
    return share * image + (1 - share) * other


def jitter_step(image, name, factor):
    """One step of fb.resnet.torch's colour jitter."""
    grey = image @ np.array([0.299, 0.587, 0.114])
    other = {
        "brightness": 0,
        "contrast": grey.mean(),
        "saturation": grey[..., None],
    }[name]
    return blend(image, other, factor)


@pytest.mark.parametrize("order", ["bcs", "bsc", "cbs", "csb", "sbc", "scb"])
def test_colours_in_any_order(order):
    """All orders are the same: drawing one would make no difference."""
    image = smooth_image() / 255
    factors = {"brightness": 0.7, "contrast": 1.3, "saturation": 0.6}
    expected = image
    for letter in order:
        (name,) = (name for name in factors if name[0] == letter)
        expected = jitter_step(expected, name, factors[name])
    adjusted = augmentation.adjust_colours(tf.constant(image, tf.float32), **factors)
    assert_close(adjusted, expected)


def test_jitter_has_its_strength():
    """Two greys show brightness and contrast, a colour the saturation."""
    image = tf.constant([[[0.25] * 3, [0.75] * 3]])
    jittered = for_keys(lambda key: augmentation.colour_jitter(image, key), 2000)
    brightness = jittered.mean(axis=(1, 2, 3)) / 0.5
    contrast = (jittered[:, 0, 1, 0] - jittered[:, 0, 0, 0]) / 0.5 / brightness
    red = tf.constant([[[1.0, 0, 0]]])
    jittered = for_keys(lambda key: augmentation.colour_jitter(red, key), 2000)
    saturation = (jittered[:, 0, 0, 0] - jittered[:, 0, 0, 1]) / brightness / contrast
    for factor in (brightness, contrast, saturation):
        assert 0.599 < factor.min() < 0.61 and 1.39 < factor.max() < 1.401
        assert np.mean(factor) == pytest.approx(1, abs=0.02)
    drawn = np.stack([brightness, contrast, saturation])
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.08  # independent


def test_lighting_is_along_the_principal_components():
    zeros = tf.zeros((2, 3, 3))
    lit = for_keys(lambda key: augmentation.pca_lighting(zeros, key), 4000)
    assert np.ptp(lit, axis=(1, 2)).max() == 0  # one colour per image
    vectors, values = np.array(augmentation.PCA_VECTORS), np.array(augmentation.PCA_VALUES)
    assert_close(vectors.T @ vectors, np.eye(3), 2e-3)  # orthonormal: columns, not rows
    factors = lit[:, 0, 0] @ vectors / values
    np.testing.assert_allclose(factors.std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(factors.mean(axis=0), 0, atol=0.01)
    shifted = augmentation.pca_lighting(zeros + 0.5, keys(1)[0])
    assert_close(shifted - 0.5, lit[0])


def test_normalization_is_that_of_preprocess_input():
    image = smooth_image()
    assert_close(
        augmentation.normalize(tf.constant(image / 255, tf.float32)),
        preprocess_input(image, data_format="channels_last"),
    )


@pytest.mark.parametrize("height, width", [(75, 100), (100, 75), (40, 40), (400, 333)])
def test_centre_has_the_shorter_side_resized(height, width):
    image = smooth_image(height, width)
    encoded = tf.io.encode_png(image)
    resized = augmentation.resized(encoded, 64).numpy()
    assert min(resized.shape[:2]) == 64
    assert max(resized.shape[:2]) == 64 * max(height, width) // min(height, width)
    top, left = (resized.shape[0] - 56) // 2, (resized.shape[1] - 56) // 2
    centre = augmentation.resized_centre(encoded, 64, 56)
    np.testing.assert_array_equal(centre, resized[top : top + 56, left : left + 56])


def means_over_areas(before, after):
    """Returns the matrix of the shares that old pixels have in new ones."""
    edges = np.arange(after + 1) * before / after
    pixels = np.arange(before)
    ends = np.minimum(edges[1:, None], pixels + 1)
    return np.maximum(ends - np.maximum(edges[:-1, None], pixels), 0) * after / before


@pytest.mark.parametrize("sides", [(60, 80), (75, 41), (7, 3)])
def test_smaller_images_are_means_over_areas(sides):
    image = np.random.default_rng(0).integers(0, 256, (75, 100, 3)).astype("uint8")
    rows, columns = (means_over_areas(*pair) for pair in zip(image.shape, sides))
    expected = np.einsum("ih,jw,hwc->ijc", rows, columns, image / 255)
    assert_close(augmentation.resize(image, sides), expected)


@pytest.mark.parametrize("sides", [(80, 101), (150, 50)])
def test_larger_images_are_interpolated(sides):
    """A ramp shows it: linear between the centres of the pixels."""
    ramp = np.broadcast_to(np.arange(75)[:, None, None], (75, 100, 3)).astype("uint8")
    centres = np.clip((np.arange(sides[0]) + 0.5) * 75 / sides[0] - 0.5, 0, 74) / 255
    expected = np.broadcast_to(centres[:, None, None], (*sides, 3))
    assert_close(augmentation.resize(ramp, sides), expected)


def test_ten_crops_are_the_corners_and_the_centre_and_their_mirror_images():
    image = smooth_image(61, 90)
    crops = augmentation.ten_crops(tf.constant(image), 50).numpy()
    expected = [
        image[:50, :50],
        image[:50, 40:],
        image[11:, :50],
        image[11:, 40:],
        image[5:55, 20:70],
    ]
    np.testing.assert_array_equal(crops[:5], expected)
    np.testing.assert_array_equal(crops[5:], [crop[:, ::-1] for crop in expected])


def test_ten_crop_input_contains_the_single_crop():
    encoded = tf.io.encode_jpeg(smooth_image(301, 400))
    single = augmentation.network_input()(encoded, keys(1)[0])
    ten = augmentation.network_input(ten_crop=True)(encoded, keys(1)[0])
    assert single.shape == (224, 224, 3) and ten.shape == (10, 224, 224, 3)
    np.testing.assert_array_equal(ten[4], single)


def test_training_input_depends_on_the_key_alone():
    encoded = tf.io.encode_jpeg(smooth_image())
    prepare = tf.function(augmentation.network_input(32, augment=True))
    first, other = keys(2)
    image = prepare(encoded, first)
    tf.random.set_seed(1)
    np.testing.assert_array_equal(image, prepare(encoded, first))
    assert np.abs(image - prepare(encoded, other)).max() > 0.1
    assert image.shape == (32, 32, 3) and image.dtype == tf.float32


def test_training_input_is_made_of_its_parts():
    encoded = tf.io.encode_jpeg(smooth_image())
    for key in keys(8):
        crop_key, jitter_key, lighting_key, flip_key = tf.unstack(tf.random.split(key, 4))
        image = augmentation.random_resized_crop(encoded, crop_key, 32)
        image = tf.image.stateless_random_flip_left_right(image, flip_key)
        image = augmentation.colour_jitter(image, jitter_key)
        image = augmentation.normalize(augmentation.pca_lighting(image, lighting_key))
        assert_close(augmentation.network_input(32, augment=True)(encoded, key), image)


def test_flips_occur_in_half_of_the_images():
    """On a ramp from left to right the direction tells."""
    ramp = np.broadcast_to(np.linspace(50, 200, 40)[None, :, None], (30, 40, 3)).astype("uint8")
    encoded = tf.io.encode_png(ramp)
    prepare = augmentation.network_input(8, augment=True)
    images = for_keys(lambda key: prepare(encoded, key), 300)
    rising = images[:, :, -1].mean(axis=(1, 2)) > images[:, :, 0].mean(axis=(1, 2))
    assert 0.4 < rising.mean() < 0.6


def test_bad_input():
    for size in (0, 2.5, True):
        with pytest.raises(ValueError, match=rf"image_size is {size}; expected a positive integer"):
            augmentation.network_input(size)
    with pytest.raises(ValueError, match="ten_crop=True is for evaluation; expected augment=Fals"):
        augmentation.network_input(augment=True, ten_crop=True)
