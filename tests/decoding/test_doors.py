"""Every kind of image file through every door, against Pillow's own conversions."""

import base64
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.datasets.image_folder import load_image_folder
from keras_multigrid.decoding import FORMATS, decode, decode_jpeg_or_png, read_image
from keras_multigrid.export import export_model
from keras_multigrid.runs.attention import _read
from keras_multigrid.server.interface import DEFAULT, FILES, Interface
from keras_multigrid.server.limits import Limits
from keras_multigrid.server.protocol import read_request
from tests.decoding.samples import HEIGHT, KNOWN, UNKNOWN, WIDTH, by_pillow, of_png

REFUSED = (ValueError, OSError, tf.errors.InvalidArgumentError)
# Whoever reads without Pillow refuses these, which TensorFlow may misread.
FOR_PILLOW = {
    name: data
    for name, data in KNOWN.items()
    if not data.startswith((b"\xff\xd8", b"\x89PNG")) or "without Adobe" in name
}


def assert_same(image, name, channels):
    expected = by_pillow(KNOWN[name], channels)
    assert image.shape == expected.shape, name
    # Pillow and TensorFlow have the same decoder of JPEG, but other builds may round otherwise.
    tolerance = 2 if KNOWN[name].startswith(b"\xff\xd8") else 0
    np.testing.assert_allclose(image, expected, rtol=0, atol=tolerance, err_msg=name)


by_graph = tf.function(decode, input_signature=[tf.TensorSpec((), tf.string)])


def by_server(data, channels=3):
    shape = (None, None, channels)
    interface = Interface("name", 1, None, shape, "uint8", (DEFAULT, FILES), {})
    instance = {"b64": base64.b64encode(data).decode()}
    body = json.dumps({"signature_name": FILES, "instances": [instance]}).encode()
    (image,) = read_request(body, interface, Limits()).images
    return image


def by_attention(data, channels, folder):
    (folder / "file").write_bytes(data)
    return _read([folder / "file"], channels)[0]


def test_all_formats_are_tried():
    assert {name.split()[0].strip(",") for name in KNOWN} >= set(FORMATS)
    assert len(KNOWN) > 60 and len(UNKNOWN) > 10


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", KNOWN)
def test_arrays_server_and_attention(name, channels, tmp_path):
    assert_same(read_image(KNOWN[name], channels), name, channels)
    assert_same(by_server(KNOWN[name], channels), name, channels)
    assert_same(by_attention(KNOWN[name], channels, tmp_path), name, channels)


def test_graphs():
    images = tf.data.Dataset.from_tensor_slices(list(KNOWN.values())).map(decode)
    for name, image in zip(KNOWN, images.as_numpy_iterator(), strict=True):
        assert_same(image, name, 3)


@pytest.mark.parametrize("augmentation, training", [("strong", False), ("mild", True)])
def test_folders_of_images(augmentation, training, tmp_path):
    """A folder of all kinds gives what a folder of their pixels as PNG gives."""

    def prepared(kind, files):
        (tmp_path / kind / "class").mkdir(parents=True)
        for number, data in enumerate(files):
            (tmp_path / kind / "class" / f"{number:03}.png").write_bytes(data)
        options = {"image_size": 8, "training": training, "shuffle": False}
        batches = load_image_folder(tmp_path / kind, 99, augmentation=augmentation, **options)
        return np.concatenate([images for images, _ in batches.as_numpy_iterator()])

    images = prepared("files", KNOWN.values())
    expected = prepared("pixels", [of_png(by_pillow(data, 3)) for data in KNOWN.values()])
    assert images.shape == (len(KNOWN), 8, 8, 3)
    errors = np.abs(images - expected)
    for name, error in zip(KNOWN, errors):
        if training and KNOWN[name].startswith(b"\xff\xd8"):  # the edges of windows differ
            assert error.mean() < 0.1, name
        else:
            assert error.max() < 0.04, name


def test_iterators_continue_exactly(tmp_path):
    """Also where Python decodes: files that TensorFlow reads are among those it does not."""
    folder = tmp_path / "folder"
    (folder / "class").mkdir(parents=True)
    for number, data in enumerate(KNOWN.values()):
        (folder / "class" / f"{number:03}.png").write_bytes(data)

    def iterator():
        return iter(load_image_folder(folder, 8, training=True, image_size=8).repeat())

    interrupted = iterator()
    for _ in range(3):
        next(interrupted)
    path = tf.train.Checkpoint(iterator=interrupted).save(tmp_path / "iterator")
    continued = iterator()
    tf.train.Checkpoint(iterator=continued).restore(path)
    for _ in range(10):  # into the next pass
        images, _ = next(continued)
        expected, _ = next(interrupted)
        np.testing.assert_array_equal(images, expected)


@pytest.fixture(scope="module", params=[1, 3])
def image_files(request, tmp_path_factory):
    """The signature of a SavedModel that gives back the pixels, and its number of channels."""
    shape = (HEIGHT, WIDTH, request.param)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs), name="pixels")
    folder = tmp_path_factory.mktemp("export") / "pixels"
    version = export_model(model, folder, size=shape[:2], rewrite=False)
    served = tf.saved_model.load(str(version))
    yield served.signatures["image_files"], request.param


def test_exports_read_jpeg_and_png(image_files):
    signature, channels = image_files
    names = [name for name in KNOWN if name not in FOR_PILLOW]
    images = signature(image_files=tf.constant([KNOWN[name] for name in names]))["masks"]
    for name, image in zip(names, images.numpy(), strict=True):
        assert_same(image, name, channels)


def test_exports_refuse_what_they_could_misread(image_files):
    signature, _ = image_files
    for data in [*FOR_PILLOW.values(), *UNKNOWN.values()]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"convert it|Unknown image file"):
            signature(image_files=tf.constant([data]))


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_formats_are_refused(name, tmp_path):
    for door in (read_image, by_server):
        with pytest.raises(ValueError, match="not a JPEG, PNG, GIF, BMP or WebP file"):
            door(UNKNOWN[name])
    with pytest.raises(OSError, match="file is not a JPEG, PNG, GIF, BMP or WebP file"):
        by_attention(UNKNOWN[name], 3, tmp_path)
    with pytest.raises(REFUSED, match="not a JPEG, PNG, GIF, BMP or WebP file"):
        by_graph(UNKNOWN[name])
    with pytest.raises(REFUSED, match="not a JPEG or PNG"):
        decode_jpeg_or_png(tf.constant(UNKNOWN[name]), 3)


@pytest.mark.parametrize("file_format", FORMATS)
def test_half_a_file_is_refused(file_format, tmp_path):
    data = KNOWN[f"{file_format} RGB"]
    for part in (data[: len(data) // 2], data[:20], data[:5], b""):
        for door in (read_image, by_server, by_graph):
            with pytest.raises(REFUSED):
                door(part)
        with pytest.raises(OSError, match="give another image"):
            by_attention(part, 3, tmp_path)
        with pytest.raises(REFUSED):
            decode_jpeg_or_png(tf.constant(part), 3)


def test_damaged_files_are_refused_with_a_sentence_or_read():
    """Pillow's parsers raise nearly anything; a byte of each file is changed, many times."""
    rng = np.random.default_rng(0)
    refused = 0
    for data in KNOWN.values():
        for place in rng.integers(0, len(data), 20):
            damaged = bytearray(data)
            damaged[place] ^= 1 << rng.integers(8)
            try:
                assert read_image(bytes(damaged)).dtype == "uint8"
            except ValueError as error:
                refused += 1
                assert str(error).startswith(("is not a JPEG", "is truncated", "has "))
    assert refused > 100
