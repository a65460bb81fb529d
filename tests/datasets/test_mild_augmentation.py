"""The second paper's augmentation of ImageNet."""

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets import load
from keras_multigrid.datasets import mild_augmentation as mild
from keras_multigrid.datasets.image_augmentation import crop, random_window
from tests.datasets.test_image_augmentation import for_keys
from tests.datasets.test_image_folder import write


def ramp(height=60, width=80):
    """An image whose colours tell where a pixel was: red the row, green the column."""
    rows, columns = np.indices([height, width])
    return np.stack([rows, columns, np.full_like(rows, 200)], axis=-1).astype("uint8")


def keys(count):
    return tf.stack([tf.zeros([count], tf.int64), tf.range(count, dtype=tf.int64)], axis=1)


def test_windows_have_most_of_the_area_and_bounded_aspects():
    drawn = for_keys(lambda key: random_window(100, 100, key, **mild.WINDOWS), 300)
    _, _, height, width = drawn.T
    area, aspect = height * width / 1e4, width / height
    assert 0.84 < area.min() < 0.87
    assert area.max() > 0.97
    assert aspect.min() >= 0.5
    assert aspect.max() <= 2
    assert aspect.std() > 0.03
    assert np.mean(area == 1) < 0.03  # few are not cropped


def test_crop_is_a_piece_of_the_image():
    encoded = tf.io.encode_png(ramp())
    piece = crop(encoded, keys(1)[0], **mild.WINDOWS).numpy().astype(int)
    assert (np.diff(piece[..., 0], axis=0) == 1).all()
    assert (np.diff(piece[..., 1], axis=1) == 1).all()
    assert piece.shape[0] * piece.shape[1] > 0.8 * 60 * 80


def test_training_images_differ_by_method_mirror_and_colour():
    prepare = tf.function(mild.mild_input(16, augment=True))
    encoded = tf.io.encode_jpeg(ramp(), quality=100)
    images = np.stack([prepare(encoded, key).numpy() for key in keys(40)])
    assert images.dtype == np.float32
    assert images.min() >= -1
    assert images.max() <= 1
    mirrored = (images[:, :, 0, 1] > images[:, :, -1, 1]).mean(axis=1) > 0.5
    assert 8 < mirrored.sum() < 32
    assert len({image.tobytes() for image in images}) == 40
    assert (prepare(encoded, keys(3)[2]).numpy() == images[2]).all()


@pytest.mark.parametrize("method", range(len(mild.METHODS)))
def test_each_method_resizes(method, monkeypatch):
    monkeypatch.setattr(tf, "switch_case", lambda index, branches: branches[method]())
    monkeypatch.setattr(mild, "colour_jitter", lambda image, key: image)
    monkeypatch.setattr(mild, "pca_lighting", lambda image, key: image)
    monkeypatch.setattr(mild, "crop", lambda *_, **__: tf.constant(ramp()))
    image = mild.mild_input(15, augment=True)(None, keys(1)[0]).numpy()
    expected = tf.image.resize(ramp(), (15, 15), mild.METHODS[method]).numpy() / 127.5 - 1
    difference = np.abs(image - expected).max(), np.abs(image[:, ::-1] - expected).max()
    assert min(difference) < 1e-5


def test_evaluation_sees_the_central_square():
    image = mild.mild_input(60)(tf.io.encode_png(ramp()), None).numpy()
    np.testing.assert_allclose(image, ramp()[:, 10:70] / 127.5 - 1, atol=1e-5)


def test_bad_input(tmp_path):
    write(tmp_path, {"a/1.png": tf.io.encode_png(ramp()).numpy()})
    with pytest.raises(ValueError, match="no augmentation 'none'; expected 'strong' or 'mild'"):
        load("image_folder", ".", 1, data_dir=tmp_path, augmentation="none")
    with pytest.raises(ValueError, match="second paper has none"):
        load("image_folder", ".", 1, data_dir=tmp_path, augmentation="mild", ten_crop=True)
    (images, _), *_ = load(
        "image_folder", ".", 1, data_dir=tmp_path, augmentation="mild", image_size=8
    )
    assert images.shape == (1, 8, 8, 3)
