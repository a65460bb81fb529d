"""Images come as they are stored, and their headers say how."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_multigrid.decoding.pixels import (
    read_form,
    read_orientation,
    read_palette,
    read_pixels,
)

SIZE = (20, 24)
STACKED = {"photometric": "minisblack", "planarconfig": "separate"}
IMAGEJ = {"imagej": True, "metadata": {"axes": "CYX"}}


def values(channels, kind):
    shape = SIZE if channels == 1 else (*SIZE, channels)
    top = 256 if kind == "uint8" else 60000
    return np.random.default_rng(channels).integers(0, top, shape).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(tmp_path, kind, channels):
    path = tmp_path / "image.png"
    path.write_bytes(imagecodecs.png_encode(values(channels, kind)))
    expected = values(channels, kind).reshape(*SIZE, channels)
    expected = expected[..., :-1] if channels in (2, 4) else expected  # alpha
    assert_read(path, expected)


@pytest.mark.parametrize("options", [STACKED, IMAGEJ], ids=["planes", "ImageJ"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_tiff_of_planes(tmp_path, kind, options):
    path = tmp_path / "image.tif"
    planes = np.moveaxis(values(5, kind), -1, 0)
    tifffile.imwrite(path, planes, **options)
    assert_read(path, values(5, kind))


@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_of_doubles(tmp_path, channels):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, values(channels, "float64") / 7)
    expected = (values(channels, "float64") / 7).astype("float32")
    assert_read(path, expected.reshape(*SIZE, channels))


@pytest.mark.parametrize("suffix", ["png", "gif", "tif"])
def test_a_palette_becomes_colours(tmp_path, suffix):
    image = Image.fromarray(values(1, "uint8") % 3)
    image.putpalette([9, 8, 7, 1, 2, 3, 4, 5, 6])
    image.save(tmp_path / f"image.{suffix}")
    assert_read(tmp_path / f"image.{suffix}", np.array(image.convert("RGB")))
    indices, palette = read_palette(tmp_path / f"image.{suffix}")
    np.testing.assert_array_equal(palette[indices], np.array(image.convert("RGB")))


def test_without_a_palette(tmp_path):
    for name in ("image.tif", "image.png"):
        Image.fromarray(values(1, "uint8")).save(tmp_path / name)
        assert read_palette(tmp_path / name) is None


def test_orientation(tmp_path):
    image = Image.fromarray(values(3, "uint8"))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    image.save(tmp_path / "upright.jpg")
    found = [read_orientation(tmp_path / f"{name}.jpg") for name in ("turned", "upright")]
    assert found == [6, 1]
    assert read_pixels(tmp_path / "turned.jpg").shape == (*SIZE, 3)


def assert_read(path, expected):
    found = read_pixels(path)
    np.testing.assert_array_equal(found, expected)
    assert read_form(path) == (found.shape, found.dtype.name)
    assert found.dtype == expected.dtype


REFUSED = {
    "stack": (
        (np.zeros((5, *SIZE), "uint8"), {"photometric": "minisblack"}),
        "holds 5 x 20 x 24 values along the axes QYX; expected one image",
    ),
    "int32": ((np.zeros(SIZE, "int32"), {}), "has values of int32 in the shape"),
    "channels": (
        (np.zeros((*SIZE, 17), "uint8"), {"photometric": "minisblack", "planarconfig": "contig"}),
        "has 17 channels; expected 1 to 16",
    ),
}


@pytest.mark.parametrize("written, message", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("read", [read_pixels, read_form])
def test_what_is_refused(tmp_path, read, written, message):
    array, options = written
    tifffile.imwrite(tmp_path / "image.tif", array, **options)
    with pytest.raises(ValueError, match=rf"image\.tif {message}"):
        read(tmp_path / "image.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_cut_files(tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(values(3, "uint8")).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=rf"image\.{suffix} is not a.* file that can be read, or"):
        read_pixels(path)
    with pytest.raises(OSError):
        read_pixels(tmp_path / "none.png")
