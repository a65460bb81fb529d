"""Pictures by their parts: axes, images, lines, labels, files."""

import numpy as np
import pytest

from keras_multigrid import figures
from keras_multigrid.attention_maps import Sweep
from keras_multigrid.figures import Panel, Result
from tests.attention_maps.test_occlusion import identity

RNG = np.random.default_rng(0)


def pictures_in(figure):
    return [np.array(picture.get_array()) for axis in figure.axes for picture in axis.images]


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


def titles_in(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_panels_show_their_rows_and_leave_gaps(drawn):
    images = RNG.random((3, 6, 6, 1))
    left = Panel({"input": images, "output": [None, images[1]]}, "left", ("a", "b"))
    right = Panel({"truth": images[:2]})
    figure = drawn(figures.draw_panels, [[left], [right, right]])
    assert len(figure.axes) == 3 + 1 + 2 + 2
    np.testing.assert_array_equal(pictures_in(figure)[:3], images[..., 0])
    np.testing.assert_array_equal(pictures_in(figure)[3], images[1, ..., 0])
    assert texts_of(figure) == ["left", "a", "b", "input", "output", "truth", "truth"]
    for axis in figure.axes:  # nothing leaves the page, nothing is drawn over another
        box = axis.get_position()
        assert 0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1
        others = [other.get_position() for other in figure.axes if other is not axis]
        assert not any(box.overlaps(other) for other in others)


def test_labels_are_beside_their_rows(drawn):
    figure = drawn(
        figures.draw_panels, [[Panel({"one": np.ones((1, 4, 4, 1)), "R-PMG-20": [None]})]]
    )
    (axis,) = figure.axes
    assert texts_of(figure) == ["one", "R-PMG-20"]
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= axis.get_window_extent().x0


def test_segmentation_has_a_row_for_truth_and_each_network_and_a_column_for_each_class(drawn):
    images, masks = RNG.normal(size=(2, 5, 5, 1)), RNG.random((2, 5, 5, 3))
    outputs = {"SG-11": RNG.random((2, 5, 5, 3)), "PMG-11": RNG.random((2, 5, 5, 3))}
    figure = drawn(figures.draw_segmentation, images, masks, outputs)
    of_image = 1 + 3 + 3 + 3
    assert len(figure.axes) == 2 * of_image
    shown = pictures_in(figure)
    np.testing.assert_array_equal(shown[1:4], np.moveaxis(masks[0], -1, 0))
    np.testing.assert_array_equal(shown[of_image + 7 :], np.moveaxis(outputs["PMG-11"][1], -1, 0))
    expected = ["input", "0", "1", "2", "truth", "SG-11", "PMG-11"]
    assert texts_of(figure) == 2 * expected
    assert shown[0].min() == 0 and shown[0].max() == 1  # normalized images are stretched


def test_curves_have_training_dotted_and_validation_solid(drawn):
    log = [{"epoch": n, "seconds": 1.0, "loss": 1 / n, "val_loss": 2 / n} for n in (1, 2, 3)]
    logs = {"PMG-11": log, "SG-11": [{"epoch": 1, "loss": 3.0, "iou": 0.5}]}
    figure = drawn(figures.draw_training_curves, logs)
    assert titles_in(figure) == ["loss", "iou"]
    loss, iou = figure.axes
    styles = [(line.get_linestyle(), [*line.get_ydata()]) for line in loss.lines]
    assert styles == [("-", [2, 1, 2 / 3]), (":", [1, 1 / 2, 1 / 3]), (":", [3])]
    assert loss.lines[0].get_color() == loss.lines[1].get_color() != loss.lines[2].get_color()
    assert [[*line.get_ydata()] for line in iou.lines] == [[0.5]]
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["PMG-11", "SG-11", "validation", "training"]


def test_the_legend_of_curves_is_within_the_page(drawn):
    logs = {f"R-PMG-sm-{number}": [{"epoch": 1, "loss": 1.0}] for number in range(7)}
    figure = drawn(figures.draw_training_curves, logs)
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_errors_have_the_papers_hollow_and_ours_filled(drawn):
    results = [
        Result("MG", 391.88e6, 28.39),
        Result("MG", 116.63e6, 32.08),
        Result("MG", 116.75e6, 31.0, is_ours=True),
        Result("MG", 46.1e6, 33.83, is_small=True),
        Result("PMG", 468.1e6, 27.35, is_residual=True),
        Result("RES", 266e6, 28.64, is_residual=True),
    ]
    figure = drawn(figures.draw_error_cost, results)
    assert titles_in(figure) == ["plain", "residual"]
    plain, residual = figure.axes
    lines = {line.get_label(): line for line in plain.lines}
    assert set(lines) == {"MG, paper", "MG, ours", "MG-sm, paper"}
    np.testing.assert_allclose(lines["MG, paper"].get_xydata(), [[116.63, 32.08], [391.88, 28.39]])
    assert lines["MG, paper"].get_markerfacecolor() == "white"
    assert lines["MG, ours"].get_markerfacecolor() == lines["MG, paper"].get_color()
    assert lines["MG-sm, paper"].get_linestyle() == "--"
    assert {line.get_label() for line in residual.lines} == {"PMG, paper", "RES, paper"}


def attention(images=2, probes=2):
    outputs = RNG.random((images, 8, 8, 1))
    places = np.broadcast_to([[1, 2], [5, 6], [3, 3]][:probes], (images, probes, 2))
    return outputs, places, RNG.random((images, probes, 8, 8))


def test_attention_has_input_outputs_and_a_map_for_each_probe(drawn):
    networks = {"U-NET-11": attention(), "PMG-11": attention(probes=3)}
    images = RNG.random((2, 8, 8, 1))
    figure = drawn(figures.draw_attention_maps, images, networks)
    assert len(figure.axes) == 2 * (1 + (1 + 2) + (1 + 3))
    of_two, of_three = (["probe 1", "probe 2", "probe 3"][:count] for count in (2, 3))
    assert titles_in(figure) == ["input", "U-NET-11", *of_two, "PMG-11", *of_three]
    first = figure.axes[1]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in first.lines] == [(2, 1), (6, 5)]
    frame = figure.axes[2].spines["left"].get_edgecolor()  # of probe 1
    assert frame == pytest.approx(figure.axes[5].spines["left"].get_edgecolor())
    second = figure.axes[3].images[0].get_array()
    np.testing.assert_array_equal(second, networks["U-NET-11"][2][0, 1])


def test_attention_generation_shows_the_steps(drawn):
    images = RNG.random((1, 12, 12, 1)).astype("float32")
    changes = RNG.random((1, 5, 3, 3)).astype("float32")
    probes = np.array([[[1, 1], [2, 9], [5, 5], [9, 1], [9, 9]]])
    swept = Sweep(images, probes, changes, np.ones((4, 4, 1)), 4, 3, (12, 12))
    figure = drawn(figures.draw_attention_generation, images[0], identity((12, 12, 1)), swept)
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 3 * 5 + 5
    occluded = shown[0].images[0].get_array()
    row, column = np.unravel_index(changes[0].max(0).argmax(), (3, 3))  # the largest comes first
    assert (occluded[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] == occluded.max()).all()
    np.testing.assert_allclose(shown[-1].images[0].get_array(), swept.maps()[0, -1])
    labels = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert labels == ["occluded", "output", "change", "attention"]


@pytest.mark.parametrize(
    ("draw", "arguments", "message"),
    [
        (figures.draw_panels, ([],), "expected images to draw"),
        (figures.draw_panels, ([[Panel({})]],), "a panel without rows"),
        (
            figures.draw_segmentation,
            (np.ones((1, 4, 4, 1)), np.ones((1, 4, 4, 2)), {"net": np.ones((1, 4, 4, 3))}),
            r"output of 'net' has shape \(1, 4, 4, 3\); expected \(1, 4, 4, 2\)",
        ),
        (figures.draw_panels, ([[]],), "expected images to draw"),
        (figures.draw_training_curves, ({"net": []},), "log of 'net' is empty"),
        (figures.draw_training_curves, ({},), "There are no metrics"),
        (figures.draw_training_curves, ({"net": [{"epoch": 1}]},), "There are no metrics"),
        (
            figures.draw_training_curves,
            ({str(number): [{"loss": 1}] for number in range(8)},),
            "There are 8 trainings; expected at most 7",
        ),
        (
            figures.draw_attention_maps,
            (np.ones((2, 8, 8, 2)), {"net": attention()}),
            r"images have shape \(2, 8, 8, 2\); expected",
        ),
        (
            figures.draw_attention_maps,
            (np.ones((2, 8, 8, 1)), {"net": (*attention(probes=3)[:2], attention()[2])}),
            "'net' has 3 probes and maps of shape",
        ),
        (figures.draw_error_cost, ([],), "There are no results"),
        (figures.draw_attention_maps, (np.ones((2, 8, 8, 1)), {}), "There are no networks"),
        (
            figures.draw_attention_maps,
            (np.ones((3, 8, 8, 1)), {"net": attention()}),
            "'net' has 2 outputs, probes of 2 and maps of 2 images; expected 3 of each",
        ),
        (
            figures.draw_attention_maps,
            (np.ones((1, 8, 8, 1)), {"net": [np.ones((1, 8, 8, 1)), np.ones((1, 8, 2)), []]}),
            "There are 8 probes; expected at most 7",
        ),
    ],
)
def test_misuse(draw, arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        draw(tmp_path / "figure.png", *arguments)
