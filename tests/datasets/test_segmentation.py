"""Overlapping digits: drawn as the paper says, and as SciPy would."""

import math
import types

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from keras_multigrid.datasets import Segmentation, load_digits
from keras_multigrid.datasets import segmentation as module
from keras_multigrid.datasets.drawing import DigitBank, centred_positions, rotations, stack_matrix

SAMPLES = 500
CANVAS = 64
KEY = tf.constant([3, 7], tf.int64)


@pytest.fixture(scope="module")
def bank():
    return load_digits("train", source="digits")


@pytest.fixture(scope="module")
def compiled(bank):
    """Returns the images and masks that XLA draws."""
    draw = tf.function(Segmentation(*bank), jit_compile=True, autograph=False)
    images, masks = draw(tf.range(SAMPLES), KEY)
    return images.numpy()[..., 0], masks.numpy()


@pytest.fixture(scope="module")
def history(bank):
    """Draws the same without XLA, and returns all that there was at each step."""
    steps = []

    def while_loop(condition, body, state):
        steps.append({"state": state})
        while condition(*state):
            state = body(*state)
            steps.append({"state": state})
        return state

    def draw(self, index, matrices, x, y):
        steps[-1] |= {"numbers": index.numpy(), "matrices": matrices.numpy()}
        return original(self, index, matrices, x, y)

    original = DigitBank.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tensorflow.while_loop", while_loop)
        patch.setattr(DigitBank, "draw", draw)
        for name in ("stateless_uniform", "stateless_normal"):
            patch.setattr(f"tensorflow.random.{name}", with_xla(getattr(tf.random, name)))
        images, masks = Segmentation(*bank)(tf.range(SAMPLES), KEY)
    for step in steps:
        names = ("step", "placed", "canvases", "taken", "masks")
        step |= {name: part.numpy() for name, part in zip(names, step.pop("state"))}
        step["taken"] = unpack(step["taken"], CANVAS)
    return types.SimpleNamespace(steps=steps, images=images.numpy()[..., 0], masks=masks.numpy())


def with_xla(random):
    """Returns a generator of random numbers that gives what it gives to compiled functions."""

    def generate(shape, key, *arguments):
        draw = tf.function(lambda key: random(shape, key, *arguments), jit_compile=True)
        return cache.setdefault((tuple(shape), arguments), draw)(key)

    cache = {}
    return generate


@pytest.fixture(scope="module")
def placed(history, bank):
    """Returns what there is to know of each digit that got a place."""
    digits, labels = bank
    found = []
    for before, after in zip(history.steps, history.steps[1:]):
        angles = angles_of(before["matrices"])
        scales = scales_of(before["matrices"])
        for sample in np.flatnonzero(after["placed"] > before["placed"]):
            number = before["numbers"][sample]
            found.append(
                types.SimpleNamespace(
                    digit=digits[number],
                    label=labels[number],
                    angle=angles[sample],
                    scale=scales[sample],
                    matrix=before["matrices"][sample],
                    first=before["placed"][sample] == 0,
                    drawn=after["canvases"][sample] - before["canvases"][sample],
                    taken=before["taken"][sample],
                    newly_taken=after["taken"][sample] & ~before["taken"][sample],
                    masks_before=before["masks"][sample].T,  # packed
                    masks_after=after["masks"][sample].T,
                )
            )
    return found


def angles_of(matrices):
    return np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))


def scales_of(matrices):
    return np.sqrt(np.linalg.det(matrices))


def unpack(rows, width):
    """Returns integers as rows of a mask, bit j as column j."""
    return (rows[..., None].astype("uint64") >> np.arange(width, dtype="uint64") & 1).astype(bool)


def drawn_by_scipy(digit, matrix, side):
    """Returns a digit in the centre of a square; `matrix` maps its (x, y) to the square's."""
    y, x = np.meshgrid(*[np.arange(side) - (side - 1) / 2] * 2, indexing="ij")
    source_x, source_y = np.tensordot(np.linalg.inv(matrix.astype("float64")), [x, y], 1)
    centre = (len(digit) - 1) / 2
    return scipy.ndimage.map_coordinates(
        digit.astype("float64"),
        [source_y + centre, source_x + centre],
        order=1,
        mode="grid-constant",
    )


def cropped(image):
    """Returns the image's rectangle of ink, and its top and left."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    rectangle = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return rectangle, rows[0], columns[0]


def test_xla_draws_what_tensorflow_draws(history, compiled):
    images, masks = compiled
    np.testing.assert_allclose(history.images, images, atol=1e-5)
    np.testing.assert_array_equal(history.masks, masks)


def test_the_number_of_digits_is_a_normal_number_rounded_up(history):
    counts = np.bincount(history.steps[-1]["placed"], minlength=9) / SAMPLES
    normal = np.array([0.5 * math.erfc((5 - limit) / 0.5 / math.sqrt(2)) for limit in range(9)])
    expected = np.diff(normal, prepend=0)  # 5 and 6 have 48 % each
    deviation = np.sqrt(expected * (1 - expected) / SAMPLES)
    assert np.all(np.abs(counts - expected) <= 4 * deviation + 1e-9)
    assert counts[4] > 0 and counts[7] > 0


def test_at_most_30_percent_of_a_new_digits_ink_is_taken_already(placed):
    shares = []
    for each in placed:
        over = np.count_nonzero((each.drawn > 0) & each.taken)
        shares.append(over / (over + np.count_nonzero(each.newly_taken)))
    assert max(shares) <= 0.3
    assert sum(share > 0.25 for share in shares) > 20  # and that is made use of


def test_taken_is_where_ink_is(history):
    for step in history.steps:
        np.testing.assert_array_equal(step["taken"], step["canvases"] > 0)


def test_digits_are_drawn_as_by_scipy_uncut_and_with_a_maximum_of_one(placed):
    compared, some = 0, placed[::5]
    for each in some:
        expected = drawn_by_scipy(each.digit, each.matrix, 60)
        expected, *_ = cropped(np.where(expected > 1e-4, expected / expected.max(), 0))
        drawn, *_ = cropped(np.where(each.drawn > 1e-4, each.drawn, 0))
        assert drawn.max() == pytest.approx(1, abs=1e-5)
        assert abs(drawn.sum() - expected.sum()) < 0.01
        if drawn.shape == expected.shape:  # not so where its fringe is next to what is dropped here
            np.testing.assert_allclose(drawn, expected, atol=1e-3)
            compared += 1
    assert compared > 0.95 * len(some)


def test_first_digits_are_anywhere_inside_the_canvas(placed):
    shares = []
    for each in placed:
        if each.first:
            rectangle, *corner = cropped(each.drawn)
            room = CANVAS - np.array(rectangle.shape)
            shares.append((corner + np.full(2, 0.5)) / (room + 1))
    assert len(shares) == SAMPLES
    assert_uniform(np.transpose(shares), 0, 1)


def test_angles_are_uniform_up_to_60_degrees(history, placed):
    assert_uniform(angles_of(history.steps[0]["matrices"]), -60, 60)
    assert_uniform(np.array([each.angle for each in placed]), -60, 60)


def test_scales_are_uniform_from_one_half_to_five_quarters(history):
    assert_uniform(scales_of(history.steps[0]["matrices"]), 0.5, 1.25)


def assert_uniform(values, low, high):
    """Checks the range, its use, and by Kolmogorov and Smirnov that all is as frequent."""
    for line in np.atleast_2d(values):
        shares = np.sort((line - low) / (high - low))
        assert -1e-6 <= shares[0] < 8 / len(shares)
        assert 1 - 8 / len(shares) < shares[-1] <= 1 + 1e-6
        gap = np.abs(shares - (np.arange(len(shares)) + 0.5) / len(shares)).max()
        assert gap < 1.7 / np.sqrt(len(shares))  # 0.6 % of all samples go beyond


def test_a_digit_without_a_place_keeps_its_angle_and_gets_another_scale(history):
    retries = 0
    for before, after in zip(history.steps[:-1], history.steps[1:-1]):
        final = history.steps[-1]["placed"]
        waits = (after["placed"] == before["placed"]) & (after["placed"] < final)
        retries += np.count_nonzero(waits)
        np.testing.assert_array_equal(before["numbers"][waits], after["numbers"][waits])
        first, second = before["matrices"][waits], after["matrices"][waits]
        np.testing.assert_allclose(angles_of(first), angles_of(second), atol=1e-3)
        assert np.all(np.abs(scales_of(first) - scales_of(second)) > 1e-6)
    assert retries > 10


def test_masks_are_the_digits_of_each_class_from_a_threshold(placed, history):
    for each in placed[::5]:
        before, after = (unpack(m, CANVAS) for m in (each.masks_before, each.masks_after))
        sure = np.abs(each.drawn - 0.3) > 1e-5
        expected = before[each.label] | (each.drawn >= 0.3)
        np.testing.assert_array_equal(after[each.label][sure], expected[sure])
        others = np.arange(10) != each.label
        np.testing.assert_array_equal(after[others], before[others])
    last = unpack(history.steps[-1]["masks"][:100].transpose(0, 2, 1), CANVAS)
    np.testing.assert_array_equal(history.masks[:100], last.transpose(0, 2, 3, 1))


def test_images_are_sums_clipped_at_one(history, compiled):
    sums = history.steps[-1]["canvases"]
    assert sums.max() > 1.5
    np.testing.assert_array_equal(history.images, np.minimum(sums, 1))
    images, masks = compiled
    assert images.min() == 0 and images.max() == 1
    assert set(np.unique(masks)) == {0, 1}


def test_digits_are_chosen_uniformly(history):
    numbers = history.steps[0]["numbers"]
    assert_uniform(numbers, 0, 1296)


# The helpers, against plain Python.


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_masks(rng, side, count=40):
    """Returns masks with ink in a random rectangle."""
    masks = rng.random((count, side, side)) < rng.choice([0.02, 0.3, 0.9], (count, 1, 1))
    for mask in masks:
        top, left = rng.integers(side, size=2)
        mask[:top] = mask[:, :left] = False
        mask[top, left] = True
    return masks


def as_integers(masks):
    """Returns rows as integers, bit j for column j, by Python's integers."""
    rows = masks.reshape(-1, masks.shape[-1])
    words = [sum(int(pixel) << column for column, pixel in enumerate(row)) for row in rows]
    return np.array(words, "uint64").view("int64").reshape(masks.shape[:-1])


@pytest.mark.parametrize("side", [1, 23, 24, 25, 48, 52, 63, 64])
def test_pack_makes_rows_integers(side, rng):
    masks = random_masks(rng, side)
    np.testing.assert_array_equal(module._pack(tf.constant(masks)), as_integers(masks))


@pytest.mark.parametrize("side", [1, 7, 52])
def test_extent_is_the_first_line_of_ink_and_the_number_up_to_the_last(side, rng):
    lines = random_masks(rng, side).any(axis=2)
    expected = [(rows[0], rows[-1] + 1 - rows[0]) for rows in map(np.flatnonzero, lines)]
    np.testing.assert_array_equal(np.transpose(module._extent(tf.constant(lines))), expected)


@pytest.mark.parametrize("side", [5, 52, 62])
def test_cut_moves_the_ink_into_the_corner(side, rng):
    masks = random_masks(rng, side)
    expected = np.zeros_like(masks)
    corners = []
    for mask, corner in zip(masks, expected):
        rectangle, top, left = cropped(mask)
        corner[: rectangle.shape[0], : rectangle.shape[1]] = rectangle
        corners.append((top, left))
    top, left = np.transpose(corners).astype("int32")
    cut = module._cut(tf.constant(as_integers(masks)), tf.constant(top), tf.constant(left))
    np.testing.assert_array_equal(cut, as_integers(expected))


def test_move_puts_packed_digits_and_pixels_at_a_place(rng):
    patches = rng.random((40, 9, 9)).astype("float32")
    places = rng.integers(0, CANVAS - 9 + 1, (2, 40)).astype("int32")
    places[:, :2] = [[0, CANVAS - 9], [CANVAS - 9, 0]]
    expected = np.zeros((40, CANVAS, CANVAS), "float32")
    for canvas, patch, row, column in zip(expected, patches, *places):
        canvas[row : row + 9, column : column + 9] = patch
    rows, columns = map(tf.constant, places)
    moved = module._move_pixels(tf.constant(patches), rows, columns, CANVAS)
    np.testing.assert_array_equal(moved, expected)
    moved = module._move(tf.constant(as_integers(patches > 0.5)), rows, columns, CANVAS)
    np.testing.assert_array_equal(moved, as_integers(expected > 0.5))


def test_pixels_moved_beyond_the_canvas_are_dropped():
    patch = tf.reshape(tf.range(1.0, 10.0), (1, 3, 3))
    moved = module._move_pixels(patch, tf.constant([-1]), tf.constant([-2]), 4)
    np.testing.assert_array_equal(moved[0, :3, :2], [[6, 0], [9, 0], [0, 0]])
    assert np.count_nonzero(moved) == 2


def test_find_place_takes_the_first_of_ten_tries_that_fits(rng):
    count, side, canvas = 200, 12, 40
    ink = rng.random((count, side, side)) < 0.5
    ink[:, 0, 0] = ink[:, 7, 10] = True
    ink[:, 8:] = ink[:, :, 11:] = False
    taken = rng.random((count, canvas, canvas)) < rng.uniform(0.1, 0.6, (count, 1, 1))
    draws = rng.random((count, 20)).astype("float32")
    draws[:, 0], draws[:, 10] = 0, 1 - 2**-23  # the smallest and the largest that there are
    rows, columns, fits = module._find_place(
        tf.constant(as_integers(ink)),
        tf.fill([count], 8),
        tf.fill([count], 11),
        tf.constant(as_integers(taken)),
        tf.constant(draws),
        canvas,
    )
    tries_used = []
    for each in range(count):
        expected = None
        for number in range(10):
            row = int(draws[each, number] * (canvas - 8 + 1))
            column = int(draws[each, 10 + number] * (canvas - 11 + 1))
            there = taken[each, row : row + 8, column : column + 11] & ink[each, :8, :11]
            if there.sum() <= 0.3 * ink[each].sum():
                expected = row, column
                tries_used.append(number)
                break
        assert fits[each] == (expected is not None)
        if expected:
            assert (rows[each], columns[each]) == expected
    assert 0 in tries_used and 9 in tries_used and len(tries_used) < count


def test_exactly_30_percent_are_allowed():
    ink = np.ones((2, 1, 10), bool)
    taken = np.zeros((2, 10, 10), bool)
    taken[0, :, :3] = taken[1, :, :4] = True
    *_, fits = module._find_place(
        *(tf.constant(value) for value in (as_integers(ink), [1, 1], [10, 10], as_integers(taken))),
        tf.zeros([2, 20]),
        canvas=10,
    )
    assert fits.numpy().tolist() == [True, False]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_digits_of_any_affine_map_are_drawn_as_by_scipy(jit_compile, bank, rng):
    digits = bank[0][:40]
    matrices = rng.normal(size=(40, 2, 2)).astype("float32")
    shifts = rng.uniform(-9, 9, (2, 40, 1)).astype("float32")
    draw = tf.function(DigitBank(digits).draw, jit_compile=jit_compile)
    x, y = (tf.constant(centred_positions(size) - shift) for size, shift in zip((50, 40), shifts))
    drawn = draw(tf.range(40), tf.constant(matrices), x[:, None], y[..., None])
    assert drawn.shape == (40, 40, 50)
    for index, matrix in enumerate(matrices):
        inverse = np.linalg.inv(matrix.astype("float64"))
        source_x, source_y = np.tensordot(
            inverse, np.meshgrid(x[index], y[index], indexing="xy"), 1
        )
        expected = scipy.ndimage.map_coordinates(
            digits[index], [source_y + 13.5, source_x + 13.5], order=1, mode="grid-constant"
        )
        steepest = np.abs(inverse).max() * 1e-4  # positions are rounded
        np.testing.assert_allclose(drawn[index], expected, atol=max(1e-4, steepest))


def test_rotations_turn_x_towards_y():
    np.testing.assert_allclose(
        rotations(tf.constant([0, math.pi / 2])), [np.eye(2), [[0, -1], [1, 0]]], atol=1e-6
    )
    np.testing.assert_array_equal(stack_matrix(1, 2, 3, tf.constant([4.0])), [[[1, 2], [3, 4]]])


@pytest.mark.parametrize("canvas", [48, 65])
def test_a_canvas_too_small_or_too_large_is_an_error(canvas, bank):
    with pytest.raises(ValueError, match=rf"canvas is {canvas}; expected \d+, .* to 64 pixels\."):
        Segmentation(*bank, canvas=canvas)


def test_digits_of_another_shape_are_an_error():
    for shape in [(28, 28), (5, 28, 27)]:
        with pytest.raises(ValueError, match=r"digits have shape \(.*\); expected \(samples, side"):
            Segmentation(np.ones(shape), [0])


def test_a_smaller_canvas_holds_all_digits():
    digits = np.zeros((2, 28, 28), "float32")
    digits[0, 10:18, 10:18] = digits[1, 12:16, 8:20] = 1
    images, masks = Segmentation(digits, [2, 8], canvas=40)(tf.range(5), KEY)
    assert images.shape == (5, 40, 40, 1) and masks.shape == (5, 40, 40, 10)
    assert set(np.flatnonzero(np.any(masks, axis=(0, 1, 2)))) == {2, 8}
