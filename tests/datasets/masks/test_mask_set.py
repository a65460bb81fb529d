"""Images of all depths, fields of view, labels of trained models, what is kept in memory."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_multigrid.datasets import mask_folder
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from keras_multigrid.datasets.masks.memory import Memory
from tests.datasets.masks.folders import SIZE, image_of, mask_of, save, write_folder


def deep_image(number, channels, kind):
    values = np.random.default_rng(number).integers(0, 60000, (*SIZE, channels))
    return values.astype(kind)


@pytest.mark.parametrize("channels", [1, 3, 7])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_images_of_all_depths(tmp_path, channels, kind):
    write_folder(tmp_path, 3)
    for number in range(3):
        (tmp_path / f"images/{number}.png").unlink()
        path = tmp_path / f"images/{number}.tif"
        image = deep_image(number, channels, kind)
        planar = {} if channels == 3 else {"planarconfig": "contig", "photometric": "minisblack"}
        tifffile.imwrite(
            path, image if channels > 1 else image[..., 0], compression="lzw", **planar
        )
    mask_set = read_mask_set(tmp_path)
    assert (mask_set.channels, mask_set.image_type) == (channels, kind)
    for pair in mask_set.pairs:
        image, _ = mask_set.read(pair)
        np.testing.assert_array_equal(image, deep_image(int(pair.name), channels, kind))


def test_masks_of_other_types(tmp_path):
    write_folder(tmp_path, 3)
    for number, kind in enumerate(("int32", "float32", "bool")):
        (tmp_path / f"masks/{number}.png").unlink()
        tifffile.imwrite(tmp_path / f"masks/{number}.tif", mask_of(number).astype(kind))
    mask_set = read_mask_set(tmp_path)
    for pair in mask_set.pairs:
        np.testing.assert_array_equal(mask_set.read(pair)[1], mask_of(int(pair.name)))
    tifffile.imwrite(tmp_path / "masks/0.tif", mask_of(0) / np.float32(2))
    with pytest.raises(ValueError, match=r"0\.tif has values that are not whole"):
        read_mask_set(tmp_path)


def test_more_than_255_classes(tmp_path):
    for number in range(2):
        save(tmp_path / f"images/{number}.png", image_of(number, (20, 20)))
        mask = (np.arange(400) % 300).reshape(20, 20).astype("uint16")
        save(tmp_path / f"masks/{number}.png", mask)
    with pytest.raises(ValueError, match=r"0 to 299, which may be numbers of objects"):
        read_mask_set(tmp_path)
    (tmp_path / "classes.txt").write_text("\n".join(f"c{number}" for number in range(300)))
    mask_set = read_mask_set(tmp_path)
    np.testing.assert_array_equal(mask_set.read(mask_set.pairs[0])[1], mask)


def test_outside_the_field_of_view_nothing_counts(tmp_path):
    write_folder(tmp_path, 3)
    inside = np.zeros(SIZE, "uint8")
    inside[2:9, 3:] = 255
    for number in range(3):
        save(tmp_path / f"field_of_view/{number}.gif", inside)
    mask_set = read_mask_set(tmp_path)
    for index, pair in enumerate(mask_set.pairs):
        expected = np.where(inside, mask_of(int(pair.name)).astype("int32"), -1)
        np.testing.assert_array_equal(mask_set.read(pair)[1], expected)
        assert list(mask_set.counts[index]) == [np.sum(expected == label) for label in (0, 1)]
    save(tmp_path / "field_of_view/0.gif", image_of(0, channels=1))
    with pytest.raises(ValueError, match=r"0\.gif has \d+ values, .*; expected 0, and another"):
        read_mask_set(tmp_path)
    save(tmp_path / "field_of_view/0.gif", inside[1:])
    with pytest.raises(ValueError, match=r"0\.gif has 11 x 16 pixels, its mask 12 x 16"):
        read_mask_set(tmp_path)


def test_grey_images_among_colours_become_colours(tmp_path):
    write_folder(tmp_path, 3)
    save(tmp_path / "images/0.png", image_of(0, channels=1))
    with pytest.warns(UserWarning, match=r"1 images are grey, read as colours: .*0\.png"):
        mask_set = read_mask_set(tmp_path)
    image, _ = mask_set.read(next(pair for pair in mask_set.pairs if pair.name == "0"))
    np.testing.assert_array_equal(image, np.repeat(image_of(0, channels=1)[..., None], 3, -1))


def deep_png(path):
    path.write_bytes(imagecodecs.png_encode(np.ones((*SIZE, 3), "uint16")))


def other_size(path):
    save(path, image_of(0, (9, 9)))


def turned(path):
    image = Image.fromarray(image_of(0, SIZE[::-1]))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def cut(path):
    path.write_bytes(path.read_bytes()[:20])


def no_image(path):
    path.write_bytes(b"no image")


BROKEN = {
    "depth": (
        deep_png,
        "0.png has values of uint16; expected uint8, as the other images or the model",
    ),
    "size": (other_size, "0.png has 9 x 9 pixels, and its mask .*0.png 12 x 16; expected the same"),
    "turned": (turned, "16 x 12 pixels, .* 12 x 16; the image is turned by its EXIF orientation"),
    "cut": (cut, "0.png is not an image file that can be read, or is cut"),
    "no image": (no_image, "0.png is not an image file that can be read, or is cut"),
}


@pytest.mark.parametrize("damage, message", BROKEN.values(), ids=BROKEN)
def test_an_image_unlike_the_others(tmp_path, damage, message):
    damage(write_folder(tmp_path, 4) / "images/0.png")
    with pytest.raises(ValueError, match=message):
        read_mask_set(tmp_path)


def test_labels_of_a_model_decide(tmp_path):
    trained = read_mask_set(write_folder(tmp_path / "a", 4, (0, 255)), class_names=["no", "yes"])
    task = dict(labels=trained.labels, channels=3, image_type="uint8")
    other = read_mask_set(write_folder(tmp_path / "b/test", 2, (0, 255)).parent, **task)
    assert other.labels == trained.labels and len(other.of("test")) == len(other.of("all")) == 2
    with pytest.raises(ValueError, match=r"0\.png has values that no class has: 1 \(\d+ pixels\);"):
        read_mask_set(write_folder(tmp_path / "c/test", 2, (0, 1)).parent, **task)
    with pytest.raises(ValueError, match=r"0\.png has 1 channels; expected 4"):
        grey = write_folder(tmp_path / "d/test", 2, (0, 255), channels=1).parent
        read_mask_set(grey, **{**task, "channels": 4})
    with pytest.raises(ValueError, match="has values of uint8; expected uint16"):
        read_mask_set(tmp_path / "b", **{**task, "image_type": "uint16"})
    with pytest.raises(ValueError, match="ignore_index is 3, but labels are given, which say it"):
        read_mask_set(tmp_path / "b", ignore_index=3, **task)


def test_the_digest_tells_data_apart(tmp_path):
    folder = write_folder(tmp_path, 6)
    first = read_mask_set(folder)
    assert first.digest() == read_mask_set(folder).digest()
    assert first.digest() != read_mask_set(folder, seed=1).digest()
    assert first.digest() != read_mask_set(folder, class_names=["a", "b"]).digest()


def test_memory_keeps_what_fits():
    memory, decoded = Memory(most=10), []

    def decode(size):
        decoded.append(size)
        return (np.zeros(size, "uint8"),)

    for size in (6, 6, 5, 5, 4, 4):
        memory.get(size, lambda size=size: decode(size))
    assert decoded == [6, 5, 5, 4]


def test_the_public_face(tmp_path):
    write_folder(tmp_path, 5)
    (images, masks), *_ = mask_folder(tmp_path, "validation", 4)
    (name,) = (each for each in range(5) if np.array_equal(images[0], image_of(each)))
    np.testing.assert_array_equal(masks[0], mask_of(name))
    with pytest.raises(ValueError, match="There is no split 'test'; expected one of train, valid"):
        mask_folder(tmp_path, "test", 4)
