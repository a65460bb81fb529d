"""Pictures of attention: what is seen against hand-made cases, what is drawn by its parts."""

import numpy as np
import pytest

from keras_multigrid.figures import (
    draw_accuracy_cost,
    draw_attended_windows,
    draw_parse_tree,
    seen_image,
)
from keras_multigrid.top_down import Attention

pytest.importorskip("matplotlib")
BASE, LEVELS = 4, 3
SIDE = BASE * 2 ** (LEVELS - 1)
CURVES = {"M1": [(2e6, 0.9, "2.2"), (3e6, 0.95, "")], "B3": [(5e6, 0.96, "")]}


def images(side=SIDE, channels=1, count=1):
    return np.random.default_rng(0).normal(size=(count, side, side, channels))


def attended(count, *paths, levels=LEVELS):
    """Returns an `Attention`, the same of all images: paths are of the candidates from the root."""
    masks = [np.zeros([count, 9**level], bool) for level in range(levels)]
    masks[0][:] = True
    for path in paths:
        for depth in range(1, len(path) + 1):
            number = sum(9**place * digit for place, digit in enumerate(reversed(path[:depth])))
            masks[depth][:, number] = True
    probabilities = [np.full([count, 9**level, 9], 0.25) for level in range(levels - 1)]
    return Attention(tuple(masks), tuple(probabilities), BASE)


def everything(count, levels=LEVELS):
    masks = tuple(np.ones([count, 9**level], bool) for level in range(levels))
    return Attention(masks, attended(count, levels=levels).probabilities, BASE)


def pictures_in(figure):
    return [picture for axis in figure.axes for picture in axis.images]


def texts_in(figure):
    return {text.get_text() for axis in figure.axes for text in [*axis.texts, axis.title]} - {""}


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_attended_is_the_image(channels):
    (image,) = images(channels=channels)
    np.testing.assert_allclose(seen_image(image, everything(1), 0, LEVELS), image, atol=1e-12)


def test_larger_image_is_downscaled():
    (image,) = images(2 * SIDE)
    means = (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4
    np.testing.assert_allclose(seen_image(image, everything(1), 0, LEVELS), means)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_nothing_attended_is_blurred(levels):
    (image,) = images()
    blurred = seen_image(image, everything(1), 0, levels=1)
    np.testing.assert_array_equal(seen_image(image, attended(1), 0, levels), blurred)
    # Between the centres of two pixels of level 1, at 1.5 and 5.5, the way is straight.
    first, second = image[:4, :4].mean(), image[:4, 4:8].mean()
    expected = [first + (second - first) * part for part in (0.125, 0.375, 0.625, 0.875)]
    np.testing.assert_allclose(blurred[0, 2:6, 0], expected)
    np.testing.assert_allclose(blurred[:2, :2, 0], first)  # the border is continued


def test_one_window_attended():
    (image,) = images()
    seen = seen_image(image, attended(1, [5, 6]), 0, levels=3)
    coarse, middle = (seen_image(image, everything(1), 0, levels) for levels in (1, 2))
    expected = coarse.copy()
    expected[4:12, 8:16] = middle[4:12, 8:16]  # candidate 5: row 1, column 2
    expected[8:12, 8:12] = image[8:12, 8:12]  # its candidate 6: row 2, column 0
    np.testing.assert_allclose(seen, expected, atol=1e-12)


def test_index_and_levels_choose():
    first, second = images(count=2)
    attention = attended(2, [0])
    attention.attended[1][1] = False
    assert (seen_image(first, attention, 0, 2) != seen_image(first, attention, 0, 1)).any()
    np.testing.assert_array_equal(
        seen_image(second, attention, 1, 2), seen_image(second, attention, 1, 1)
    )


@pytest.mark.parametrize("count", [1, 5])
def test_attention_has_a_row_per_image(drawn, count):
    titles = [f"seen as {index}" for index in range(count)]
    figure = drawn(draw_attended_windows, images(count=count), attended(count, [0, 1]), titles)
    assert len(pictures_in(figure)) == count * (1 + LEVELS)
    assert texts_in(figure) == {*titles, "image", "1 level", "2 levels", "3 levels"}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [
        "windows of level 2",
        "windows of level 3",
    ]


def test_attention_outlines_windows_once(drawn):
    # Candidate 8 of candidate 0 and candidate 0 of candidate 4 are the same window.
    figure = drawn(draw_attended_windows, images(), attended(1, [0, 8], [0, 7], [4, 4], [4, 0]))
    boxes = [[(*box.get_xy(), box.get_width()) for box in axis.patches] for axis in figure.axes]
    coarse = {(0, 0, 0.5), (0.25, 0.25, 0.5)}
    fine = {(0.25, 0.25, 0.25), (0.125, 0.25, 0.25), (0.375, 0.375, 0.25)}
    assert boxes[:2] == [[], []]
    assert sorted(boxes[2]) == sorted(coarse)
    assert sorted(boxes[3]) == sorted(coarse | fine)


def test_attention_of_one_level_has_no_legend(drawn):
    figure = drawn(draw_attended_windows, images(BASE), attended(1, levels=1))
    assert len(pictures_in(figure)) == 2 and not figure.legends


@pytest.mark.parametrize(
    "image", [np.zeros([SIDE, SIDE, 1]), np.arange(256).reshape(SIDE, SIDE, 1)]
)
def test_any_range_is_stretched(drawn, image):
    figure = drawn(draw_attended_windows, image[None].astype("uint8"), everything(1))
    shown = pictures_in(figure)[-1].get_array()
    np.testing.assert_allclose(shown, image[..., 0] / (image.max() or 1), atol=1e-12)


def test_tree_has_a_crop_per_node(drawn):
    image = images(channels=3)[0]
    figure = drawn(draw_parse_tree, image, attended(1, [0], [4, 0], [4, 8]))
    crops = sorted(pictures_in(figure), key=lambda crop: (crop.get_extent()[3], crop.get_extent()))
    assert len(crops) == 5
    lines = figure.axes[0].lines
    assert len(lines) == 4
    assert texts_in(figure) == {"level 1", "level 2", "level 3", "0.25"}
    stretched = (image - image.min()) / np.ptp(image)
    np.testing.assert_allclose(crops[-2].get_array(), stretched[4:8, 4:8])  # 4, then 0
    np.testing.assert_allclose(crops[-1].get_array(), stretched[8:12, 8:12])


def test_wide_tree_does_not_overlap(drawn):
    paths = [[first, second] for first in range(0, 9, 2) for second in (1, 3, 4, 7)]
    figure = drawn(draw_parse_tree, images()[0], attended(1, *paths, [1]))
    extents = np.array([crop.get_extent() for crop in pictures_in(figure)])
    for top in np.unique(extents[:, 3]):
        row = extents[extents[:, 3] == top]
        row = row[row[:, 0].argsort()]
        assert (row[1:, 0] > row[:-1, 1]).all()
        assert (row[:, 1] - row[:, 0] > 0.25).all()
    assert extents.min() >= 0 and extents[:, 1].max() <= figure.get_size_inches()[0]
    assert extents[:, 2].max() <= figure.get_size_inches()[1]


def test_tree_of_the_root_alone(drawn):
    assert len(pictures_in(drawn(draw_parse_tree, images()[0], attended(1)))) == 1


def test_accuracy_is_of_percent_and_the_unit_fits(drawn):
    (axis,) = drawn(draw_accuracy_cost, CURVES).axes
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[2, 90], [3, 95]])
    assert axis.get_xscale() == "linear" and axis.get_xlabel().endswith("(M)")
    assert texts_in(axis.figure) == {"2.2"}


@pytest.mark.parametrize("costs, letter, scale", [((900, 950), "image", "linear"),
    ((900, 20_000), "(K)", "log"), ((1e8, 2e9), "(G)", "linear")])  # fmt: skip
def test_axis_of_costs(drawn, costs, letter, scale):
    (axis,) = drawn(draw_accuracy_cost, {"M1": [(cost, 0.5, "") for cost in costs]}).axes
    assert axis.get_xscale() == scale and axis.get_xlabel().endswith(letter)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: seen_image(images()[0], attended(1), 1, 1), "index is 1; .* 0 to 0"),
        (lambda: seen_image(images()[0], attended(1), 0, 4), "levels is 4; .* 1 to 3"),
        (lambda: seen_image(images()[0, ..., 0], attended(1), 0, 1), "shape .*; expected .*16"),
        (lambda: seen_image(images(8)[0], attended(1), 0, 1), "shape .8, 8, 1.; expected .*16"),
        (lambda: seen_image(images(channels=2)[0], attended(1), 0, 1), "1 or 3"),
        (lambda: draw_attended_windows("a.png", images(), attended(2)), "expected .2, side"),
        (lambda: draw_attended_windows("a.png", images()[0], attended(1)), "expected .1, side"),
        (lambda: draw_attended_windows("a.png", images(), attended(1), []), "0 titles; expected 1"),
        (lambda: draw_attended_windows("a.png", images() * np.nan, attended(1)), "not finite"),
        (lambda: draw_parse_tree("a.png", images()[0], attended(1), 3), "index is 3"),
        (lambda: draw_parse_tree("a.png", images(32)[0], everything(1, 5)), "7381 nodes; .* 1000"),
        (lambda: draw_accuracy_cost("a.png", {}), "no points"),
        (lambda: draw_accuracy_cost("a.png", {"a": []}), "no points"),
        (lambda: draw_accuracy_cost("a.png", {"a": [(1, 97.0, "")]}), "'a' is .*from 0 to 1"),
        (lambda: draw_accuracy_cost("a.png", {"a": [(0, 0.5, "")]}), "'a' is .*positive"),
        (lambda: draw_accuracy_cost("a.png", {"a": [(1, 0.5)]}), "expected .macs, accuracy"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
