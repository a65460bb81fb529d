"""Pictures of routing, by their parts."""

import itertools

import numpy as np
import pytest

from keras_multigrid.figures import draw_ablation, draw_routing
from keras_multigrid.routing import Ablation, Effect, Exchange, Reading, Routing

pytest.importorskip("matplotlib")
SOURCES = {"finer": -1, "own": 0, "coarser": 1}


def exchanges(*layers, sizes=True):
    """Returns all exchanges of layers on grids of 8 >> i pixels, each layer given as (from, to)."""
    return [
        Exchange(f"unit{number}_conv", grid - start, source, (8 >> grid,) * 2 if sizes else None)
        for number, (start, end) in enumerate(layers)
        for grid in range(start, end)
        for source, step in SOURCES.items()
        if start <= grid + step < end
    ]


PROGRESSIVE = (2, 3), (1, 3), (0, 3), (0, 2)


def measured(found, activations=True):
    """Returns shares of four tenths for each neighbour, and what is left for the own grid."""
    rows = []
    for exchange in found:
        of_grid = [(other.layer, other.grid) for other in found]
        others = of_grid.count((exchange.layer, exchange.grid)) - 1
        share = 1 - 0.4 * others if exchange.source == "own" else 0.4
        rows.append(Reading(exchange, 1.0, share, *((2.0, share) if activations else ())))
    return Routing("net", tuple(rows))


def ablated(found):
    chosen = [exchange for exchange in found if exchange.source != "own"]
    rows = [Effect(exchange, 0.5 - 0.1 * n, -0.1 * n) for n, exchange in enumerate(chosen)]
    return Ablation("net", 0.5, tuple(rows))


def bars_of(axis):
    """Returns (bottom, height) of the bars of an axis, by source and layer."""
    containers = zip(("coarser", "own", "finer"), axis.containers)
    return {
        (source, layer): (bar.get_y(), bar.get_height())
        for source, container in containers
        for layer, bar in enumerate(container)
        if bar.get_height()
    }


def names_below(axis):
    return [label.get_text() for label in axis.get_xticklabels()]


def test_routing_has_a_row_per_size_and_a_bar_per_layer(drawn):
    figure = drawn(draw_routing, measured(exchanges(*PROGRESSIVE)))
    kernels, activations = np.reshape(figure.axes, (3, 2)).T
    assert [axis.get_ylabel() for axis in kernels] == ["8x8", "4x4", "2x2"]
    assert [column[0].get_title() for column in (kernels, activations)] == [
        "kernels",
        "activations",
    ]
    assert names_below(kernels[-1]) == ["unit0", "unit1", "unit2", "unit3"]
    for finest, middle, coarsest in (kernels, activations):
        expected = {("own", 2): (0.4, 0.6), ("coarser", 2): (0, 0.4)}
        assert_bars(finest, expected | {("own", 3): (0.4, 0.6), ("coarser", 3): (0, 0.4)})
        expected = {("own", 1): (0.4, 0.6), ("coarser", 1): (0, 0.4)}
        expected |= {("coarser", 2): (0, 0.4), ("own", 2): (0.4, 0.2), ("finer", 2): (0.6, 0.4)}
        assert_bars(middle, expected | {("own", 3): (0, 0.6), ("finer", 3): (0.6, 0.4)})
        expected = {("own", 0): (0, 1), ("own", 1): (0, 0.6), ("finer", 1): (0.6, 0.4)}
        assert_bars(coarsest, expected | {("own", 2): (0, 0.6), ("finer", 2): (0.6, 0.4)})
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.texts]
    assert texts == ["from finer grid", "from own grid", "from coarser grid"]


def assert_bars(axis, expected):
    bars = bars_of(axis)
    assert bars.keys() == expected.keys()
    for key, place in expected.items():
        assert bars[key] == pytest.approx(place)


def test_the_legend_has_the_colours_of_the_sources(drawn):
    figure = drawn(draw_routing, measured(exchanges((0, 3))))
    (legend,) = figure.legends
    shown = [patch.get_facecolor() for patch in legend.legend_handles]
    coarser, own, finer = (bars[0].get_facecolor() for bars in figure.axes[2].containers)
    assert shown == [finer, own, coarser] and len(set(shown)) == 3


def test_routing_without_activations_has_one_column(drawn):
    assert len(drawn(draw_routing, measured(exchanges((0, 3)), activations=False)).axes) == 3


def test_grids_have_numbers_where_sizes_are_not_known(drawn):
    figure = drawn(draw_routing, measured(exchanges((1, 3), (0, 2), sizes=False), False))
    assert [axis.get_ylabel() for axis in figure.axes] == ["grid 0", "grid 1"]


def test_grids_have_numbers_where_sizes_repeat(drawn):
    figure = drawn(draw_routing, measured(exchanges((2, 5)), False))
    assert [axis.get_ylabel() for axis in figure.axes][1:] == ["1x1", "0x0"]
    pixels = [Exchange("unit", grid, "own", (1, 1)) for grid in range(2)]
    figure = drawn(draw_routing, measured(pixels, False))
    assert [axis.get_ylabel() for axis in figure.axes] == ["grid 0", "grid 1"]


@pytest.mark.parametrize("layers", [4, 34])
def test_names_do_not_overlap(drawn, layers):
    for figure in (
        drawn(draw_routing, measured(exchanges(*[(0, 3)] * layers))),
        drawn(draw_ablation, ablated(exchanges(*[(0, 3)] * layers))),
    ):
        figure.canvas.draw()
        for axis in figure.axes[:1] if len(figure.axes) == 2 else figure.axes[-2:]:
            boxes = [label.get_window_extent() for label in axis.get_xticklabels()]
            assert len(boxes) == layers
            assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
        width = figure.get_size_inches()[0] * figure.dpi
        assert all(min(box.x0, box.y0) >= 0 and box.x1 <= width for box in boxes)


def test_ablation_is_a_map_of_layers_by_grids_and_sources(drawn):
    figure = drawn(draw_ablation, ablated(exchanges(*PROGRESSIVE)), "IoU")
    axis, bar = figure.axes
    rows = [label.get_text() for label in axis.get_yticklabels()]
    assert rows == ["8x8 from coarser", "4x4 from finer", "4x4 from coarser", "2x2 from finer"]
    assert names_below(axis) == ["unit1", "unit2", "unit3"]
    shown = np.ma.filled(axis.images[0].get_array(), np.nan)
    nothing = np.nan
    expected = [[nothing, -2, -6], [nothing, -3, -7], [0, -4, nothing], [-1, -5, nothing]]
    np.testing.assert_allclose(shown, np.array(expected) / 10)
    assert axis.images[0].get_clim() == pytest.approx((-0.7, 0.7))
    assert bar.get_ylabel() == "change of IoU"
    assert axis.get_title() == "IoU of the whole network: 0.5"


def test_no_change_is_the_middle_of_the_scale(drawn):
    still = Ablation("net", 0.5, (Effect(Exchange("unit", 0, "coarser", (8, 8)), 0.5, 0.0),))
    (image,) = drawn(draw_ablation, still).axes[0].images
    assert image.norm(0.0) == 0.5


def test_nothing_ablated_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no rows; expected one exchange"):
        draw_ablation(tmp_path / "a.png", Ablation("net", 0.5, ()))
