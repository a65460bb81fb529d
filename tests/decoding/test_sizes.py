"""Images that are too large, or become so: strips that are resized, headers that promise much."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets.image_augmentation import network_input, normalize
from keras_multigrid.datasets.resizing import resize, resized, resized_centre, ten_crops
from keras_multigrid.decoding import FORMATS, decode, decode_jpeg_or_png, read_image
from tests.decoding.samples import of_png, too_large

STRIPS = [(1, 33), (33, 1), (2, 40), (40, 2), (3, 61), (5, 41), (60, 1500), (1500, 61), (4, 32)]


@pytest.mark.parametrize("sides", STRIPS)
def test_strips_look_as_if_they_were_resized_whole(sides):
    """Exactly where the shorter side divides that of the result, else within a pixel."""
    ramp = np.add.outer(np.linspace(0, 120, sides[0]), np.linspace(0, 130, sides[1]))
    image = np.repeat(ramp[..., None], 3, axis=-1).astype("uint8")
    expected = resize(tf.constant(image), [30 * side // min(sides) for side in sides])
    assert max(resized(of_png(image), 30).shape) <= min(max(expected.shape), 9 * 30)
    tolerance = 1e-5 if 60 % min(sides) == 0 else 2 / 255
    crops = ten_crops(resized(of_png(image), 30), 26)
    np.testing.assert_allclose(crops, ten_crops(expected, 26), atol=tolerance)
    np.testing.assert_allclose(resized_centre(of_png(image), 30, 26), crops[4], atol=1e-6)


# Prints by how many MiB strips in the evaluation pipelines, and headers of large images, let the
# peak of the memory grow.
PEAKS = """
import json, resource
import numpy as np, tensorflow as tf
from keras_multigrid.datasets.image_augmentation import network_input
from keras_multigrid.datasets.mild_augmentation import mild_input
from tests.decoding.samples import FORMATS, of_png, too_large

key, peaks = tf.constant([0, 1], tf.int64), []
def prepare(function, data):
    try:
        function(data, key)
    except (ValueError, tf.errors.InvalidArgumentError):
        assert data in large
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)

large = [too_large(kind, side) for kind in FORMATS for side in (60000, 16000)]
prepare(network_input(), of_png(np.zeros((300, 400, 3))))
prepare(network_input(), of_png(np.zeros((1, 4000))))
prepare(network_input(320), of_png(np.zeros((9000, 1))))
prepare(network_input(ten_crop=True), of_png(np.zeros((1, 9000))))
prepare(mild_input(320), of_png(np.zeros((60000, 1))))
for data in large:
    prepare(network_input(augment=True), data)
print(json.dumps(np.subtract(peaks, peaks[0]).tolist()))
"""


def test_memory_is_bounded_between_decoding_and_cropping():
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True)
    grown = json.loads(done.stdout)
    assert len(grown) == 15 and max(grown) < 200, grown


@pytest.mark.parametrize("side", [60000, 16000])
@pytest.mark.parametrize("file_format", FORMATS)
def test_headers_of_large_images_are_refused(file_format, side):
    data = too_large(file_format, side)
    refused = (ValueError, tf.errors.InvalidArgumentError)
    for door in (read_image, decode, tf.function(decode)):
        with pytest.raises(refused, match="89478485"):
            door(tf.constant(data) if door is not read_image else data)
    if file_format in ("JPEG", "PNG"):
        with pytest.raises(refused, match="too many pixels; expected at most 89478485"):
            decode_jpeg_or_png(tf.constant(data), 3)


def test_lines_longer_than_any_jpeg_are_refused():
    """An export resizes with a matrix that has a column for each pixel of the longer side."""
    line = of_png(np.zeros((1, 70000)))
    with pytest.raises(ValueError, match=r"has 1 x 70000 pixels; expected at most .* 65535"):
        read_image(line)
    with pytest.raises(tf.errors.InvalidArgumentError, match="65535 in a row"):
        decode(line)
    assert read_image(of_png(np.zeros((1, 65535)))).shape == (1, 65535, 3)


def test_usual_images_are_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (30, 240, 3))
    expected = resize(tf.constant(image.astype("uint8")), (40, 320))
    np.testing.assert_array_equal(resized(of_png(image), 40), expected)
    np.testing.assert_array_equal(
        network_input(35, ten_crop=True)(of_png(image), None),
        ten_crops(normalize(expected), 35),
    )
