"""Where nodes lie, against enumeration in pixels; the windows, against slices."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import keras_multigrid as kmg
from keras_multigrid.top_down import crops, geometry
from tests.asserts import assert_close
from tests.top_down import oracle

BASE = 4
SIDE = 32  # the image of level 4


def boxes(level):
    """Returns (top, left, side) of the nodes of a level in pixels of an image of 32, by path."""
    if level == 1:
        return [(0.0, 0.0, float(SIDE))]
    offsets = list(itertools.product((0, 1 / 4, 1 / 2), repeat=2))
    return [
        (top + row * side, left + column * side, side / 2)
        for top, left, side in boxes(level - 1)
        for row, column in offsets
    ]


@pytest.mark.parametrize(
    "level, nodes, windows", [(1, 1, 1), (2, 9, 9), (3, 81, 49), (4, 729, 225)]
)
def test_places_equal_boxes_in_pixels(level, nodes, windows):
    expected = boxes(level)
    scale = SIDE / (BASE * 2 ** (level - 1))  # pixels of the finest image per pixel of this one
    rows, columns = geometry.node_places(level)
    actual = [
        (row * BASE / 2 * scale, column * BASE / 2 * scale, BASE * scale)
        for row, column in zip(rows, columns)
    ]
    assert actual == expected
    assert len(expected) == geometry.nodes_in(level) == nodes
    assert len(set(expected)) == geometry.windows_per_side(level) ** 2 == windows
    for top, left, side in actual:
        assert min(top, left) >= 0 and max(top, left) + side <= SIDE


def test_a_childs_place_follows_from_its_parents():
    parents = np.array([0, 3, 6]), np.array([5, 0, 2])
    rows, columns = geometry.child_places(parents, np.array([0, 5, 7]))
    assert rows.tolist() == [0, 7, 14]
    assert columns.tolist() == [10, 2, 5]
    places = [oracle.child_place(place, k) for place, k in zip(zip(*parents), (0, 5, 7))]
    assert list(zip(rows, columns)) == places


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("base, channels", [(4, 1), (6, 3)])
def test_cut_windows_equal_slices(level, base, channels):
    images = oracle.random_images(2, base * 2 ** (level - 1), channels)
    count = geometry.windows_per_side(level)
    windows = list(itertools.product(range(2), range(count), range(count)))
    np.random.default_rng(0).shuffle(windows)
    owners, rows, columns = (ops.convert_to_tensor(part, "int32") for part in zip(*windows))
    cut = ops.convert_to_numpy(crops.cut_windows(images, base, level, owners, rows, columns))
    expected = [oracle.crop(images[owner], base, place) for owner, *place in windows]
    np.testing.assert_array_equal(cut, np.stack(expected))


@pytest.mark.parametrize("levels, side", [(1, 6), (1, 24), (2, 12), (3, 24), (3, 48)])
def test_the_pyramid_has_means_over_areas(levels, side):
    images = oracle.random_images(2, side, 3)
    pyramid = crops.image_pyramid(ops.convert_to_tensor(images), 6, levels)
    assert len(pyramid) == levels
    for level, grid in enumerate(pyramid, 1):
        sides = 6 * 2 ** (level - 1)
        assert_close(grid, np.stack([oracle.area_image(image, sides) for image in images]))


@pytest.mark.parametrize("levels", [0, 7, -1, True, 2.5, "2", None])
def test_levels_out_of_range(levels):
    with pytest.raises(ValueError, match=rf"levels is {levels!r}; expected an integer from 1 to 6"):
        geometry.check_levels(levels)
    window = keras.Input((4, 4, 1))
    extractor = keras.Model(window, keras.layers.Conv2D(3, 3)(window))
    with pytest.raises(ValueError, match=rf"levels is {levels!r}; expected an integer from 1 to 6"):
        kmg.applications.TopDown(extractor, 2, levels)


@pytest.mark.parametrize("levels", [0, 3, True, 1.0])
def test_levels_of_a_call_are_at_most_the_models(levels):
    model = oracle.tiny_model(2)
    images = oracle.random_images(1, 8)
    with pytest.raises(ValueError, match=rf"levels is {levels!r}; expected .* from 1 to 2"):
        model(images, levels=levels)
    with pytest.raises(ValueError, match=rf"levels is {levels!r}; expected .* from 1 to 2"):
        model.predict(images, levels=levels, verbose=0)


@pytest.mark.parametrize(
    "shape, reason",
    [
        ((2, 12, 12, 2), r"side of 12 pixels; .* side of 4 x 2\^k pixels, at least 8"),
        ((2, 10, 10, 2), "side of 10 pixels"),
        ((2, 4, 4, 2), "side of 4 pixels; .* at least 8 for levels=2"),
        ((2, 2, 2, 2), "side of 2 pixels"),
        ((2, 8, 16, 2), r"shape \(2, 8, 16, 2\); expected \(batch, side, side, 2\)"),
        ((2, 8, 8, 3), r"shape \(2, 8, 8, 3\); expected \(batch, side, side, 2\)"),
        ((8, 8, 2), r"shape \(8, 8, 2\)"),
        ((2, None, None, 2), r"shape \(2, None, None, 2\)"),
    ],
)
def test_images_that_do_not_fit(shape, reason):
    with pytest.raises(ValueError, match=reason):
        geometry.check_images(shape, 4, 2, 2)
    if None not in shape:
        model = oracle.tiny_model(2)
        with pytest.raises(ValueError, match=reason):
            model(np.zeros(shape, "float32"))


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_images_that_fit(side):
    geometry.check_images((None, side, side, 2), 4, 2, 2)


def test_larger_images_are_downscaled():
    model = oracle.tiny_model(2, sample=False)
    images = oracle.random_images(2, 32)
    smaller = np.stack([oracle.area_image(image, 8) for image in images]).astype("float32")
    assert_close(model(images), ops.convert_to_numpy(model(smaller)))


@pytest.mark.parametrize("shape", [(5, 5, 1), (4, 6, 1), (None, None, 1)])
def test_windows_that_cannot_be_halved(shape):
    window = keras.Input(shape)
    extractor = keras.Model(window, keras.layers.Conv2D(3, 3)(window))
    with pytest.raises(ValueError, match=r"expected squares .* of an even side"):
        kmg.applications.TopDown(extractor, 2, 2)
