"""Contact sheets: what is shown of samples, labels and masks."""

import numpy as np
import pytest

from keras_multigrid.figures import draw_contact_sheet
from keras_multigrid.figures.style import CLASS_COLOURS

RNG = np.random.default_rng(0)


def pictures_in(figure):
    return [np.array(picture.get_array()) for axis in figure.axes for picture in axis.images]


@pytest.mark.parametrize("targets, lines", [(np.arange(20), 1), (RNG.random((20, 9, 9, 10)), 2)])
def test_sheets_grow_by_lines_of_eight_and_their_masks(drawn, targets, lines):
    images = RNG.random((20, 9, 9, 1))
    figures = [
        drawn(draw_contact_sheet, images[:count], targets[:count], title="A title")
        for count in (3, 8, 9, 20)
    ]
    widths, heights = zip(*(figure.get_size_inches() for figure in figures))
    assert len(set(widths)) == 1
    np.testing.assert_allclose(np.diff(heights), [0, lines * 1.1, lines * 1.1])


def test_images_and_labels_are_shown(drawn):
    images = RNG.random((4, 4, 4, 1))
    figure = drawn(draw_contact_sheet, images, np.arange(4) + 3)
    np.testing.assert_array_equal(pictures_in(figure), images[..., 0])
    assert [axis.get_title() for axis in figure.axes] == ["3", "4", "5", "6", *[""] * 4]


def test_the_colours_of_classes_that_overlap_are_mixed(drawn):
    masks = np.zeros((1, 4, 4, 10))
    masks[0, 0, 0, 3] = masks[0, 1, 1, 5] = masks[0, 1, 1, 7] = 1
    _, coloured = pictures_in(drawn(draw_contact_sheet, RNG.random((1, 4, 4, 1)), masks))
    np.testing.assert_allclose(coloured[0, 0], CLASS_COLOURS[3])
    np.testing.assert_allclose(coloured[1, 1], (CLASS_COLOURS[5] + CLASS_COLOURS[7]) / 2)
    np.testing.assert_array_equal(coloured[2, 2], [1, 1, 1])


def test_normalized_images_are_stretched_and_one_crop_of_ten_is_shown(drawn):
    crops = RNG.random((3, 10, 4, 4, 3)) * 4 - 2
    shown = pictures_in(drawn(draw_contact_sheet, crops, np.arange(3)))
    assert len(shown) == 3
    for image, first in zip(shown, crops[:, 0]):
        assert image.min() == 0 and image.max() == 1
        assert np.corrcoef(image.ravel(), first.ravel())[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("images", [0, 2])
def test_a_target_for_each_sample_and_at_least_one(images, tmp_path):
    with pytest.raises(ValueError, match=rf"shape \({images}, 4, 4, 1\), the targets \(0,\); exp"):
        draw_contact_sheet(tmp_path / "sheet.png", np.ones((images, 4, 4, 1)), [])
