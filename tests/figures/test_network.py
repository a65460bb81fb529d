"""Diagrams: the boxes and lines are those of the network."""

import keras
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications import create_model
from keras_multigrid.figures import draw_network
from keras_multigrid.figures.wiring import wiring


def named(boxes):
    """Returns boxes by (layer, row)."""
    return {(box.layer, box.row): box for box in boxes}


def read_by(boxes, box):
    return {(boxes[number].layer, boxes[number].row) for number in box.reads}


def test_a_multigrid_layer_reads_its_neighbours():
    boxes = wiring(create_model("PMG-11"))
    by_name = named(boxes)
    assert by_name["full_unit1_conv", 1].channels == 32
    last = "progressive4_unit1_conv"
    assert read_by(boxes, by_name["full_unit1_conv", 1]) == {(last, 0), (last, 1), (last, 2)}
    assert read_by(boxes, by_name["full_unit1_conv", 0]) == {(last, 0), (last, 1)}
    assert read_by(boxes, by_name["full_unit1_conv", 3]) == {(last, 2), (last, 3)}


def test_a_progressive_start_reads_grids_that_waited():
    boxes = wiring(create_model("PMG-11"))
    box = named(boxes)["progressive2_unit1_conv", 2]
    assert read_by(boxes, box) == {("input_2_conv", 2), ("progressive1_unit1_conv", 3)}
    assert box.column == 3


@pytest.mark.parametrize(
    ("name", "boxes", "columns"),
    [
        ("VGG-6", 5 + 1, 6),
        ("SG-11", 8, 8),
        ("PMG-11", 4 + (1 + 2 + 3 + 4) + 3 * 4 + 3 + 2 + 1, 11),
        ("U-NET-11", 4 + 3 * 2 + 1, 11),
    ],
)
def test_a_box_for_each_grid_and_a_column_for_each_layer(name, boxes, columns):
    found = wiring(create_model(name))
    assert len(found) == boxes
    assert max(box.column for box in found) == columns


def test_sums_of_residual_units_are_boxes_of_their_own():
    boxes = wiring(create_model("R-PMG-20"))
    sums = [box for box in boxes if box.is_sum]
    assert len(sums) == 10 + 3 * 4 + 3 + 2 + 1
    for box in sums:
        assert box.kernel is None and len(box.reads) == 2 and box.column % 1 == 0.5
    convolution = named(boxes)["full_unit2_1_conv", 0]
    assert {boxes[number].is_sum for number in convolution.reads} == {True}


def test_pooling_and_merging_are_followed():
    boxes = wiring(create_model("MG-6"))
    by_name = named(boxes)
    (row,) = {box.row for box in boxes if box.channels == 384}
    before = [box for box in boxes if box.layer == "section4_unit1_conv"]
    assert len(before) == 3
    # The pool after section 4 joins its two coarser grids.
    merged = read_by(boxes, by_name["section5_unit1_conv", row])
    assert merged == {("section4_unit1_conv", box.row) for box in before}
    dense = boxes[-1]
    assert dense.channels == 100 and dense.kernel is None
    assert len(dense.reads) == 2


def test_u_shapes_join_their_skips():
    boxes = wiring(create_model("U-MG-11"))
    by_name = named(boxes)
    expected = {(f"input_{row}_conv", row) for row in (0, 1)}
    expected |= {("up1_transpose", row) for row in (0, 1)}
    assert read_by(boxes, by_name["up1_conv", 0]) == expected
    for row in (0, 1, 2):
        assert by_name["up1_transpose", row].kernel == 2
        assert read_by(boxes, by_name["up1_transpose", row]) == {("up2_conv", row + 1)}


def test_a_plain_keras_network_and_an_open_size():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 5, strides=2, padding="same", name="first")(image)
    x = keras.layers.MaxPooling2D()(keras.layers.ReLU()(x))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, name="second")(x))
    first, second = wiring(model, (32, 32, 3))
    assert (first.row, first.kernel, second.row, second.reads) == (1, 5, 2, {0})
    with pytest.raises(ValueError, match="Pass, for example, input_shape="):
        wiring(model)


def test_pyramids_may_be_named_arguments():
    image = keras.Input((8, 8, 1))
    pyramid = kmg.layers.ImagePyramid(2)(image)
    pyramid = kmg.layers.MultigridConv2D([3, 2])(pyramid=pyramid)
    model = keras.Model(image, kmg.layers.MultigridConv2D([4])(pyramid=pyramid)[0])
    assert [box.reads for box in wiring(model)] == [set(), set(), {0}]


def test_a_diagram_has_a_number_in_each_box(drawn):
    model = create_model("R-PMG-20")
    figure = drawn(draw_network, model)
    (axis,) = figure.axes
    boxes = [box for box in wiring(model) if not box.is_sum]
    numbers = [text.get_text() for text in axis.texts if text.get_text().isdecimal()]
    assert sorted(numbers) == sorted(str(box.channels) for box in boxes)
    assert len(axis.patches) >= len(boxes)
    assert [text.get_text() for text in figure.texts] == ["R-PMG-20"]
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3


def test_no_two_boxes_are_drawn_over_one_another(drawn):
    (axis,) = drawn(draw_network, create_model("R-PMG-20")).axes
    from matplotlib.patches import Rectangle

    boxes = [patch.get_bbox() for patch in axis.patches if isinstance(patch, Rectangle)]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def test_what_cannot_be_drawn():
    vector, other = keras.Input((4,)), keras.Input((4,))
    for model in (
        keras.Model(vector, keras.layers.Dense(1)(vector)),
        keras.Model([vector, other], keras.layers.Add()([vector, other])),
    ):
        with pytest.raises(ValueError, match="expected one image"):
            wiring(model)
    image = keras.Input((4, 4, 1))
    with pytest.raises(ValueError, match="'pools' has no layers with kernels"):
        draw_network("network.png", keras.Model(image, keras.layers.ReLU()(image), name="pools"))
    with pytest.raises(ValueError, match=r"takes a functional keras\.Model; got TopDown"):
        draw_network("network.png", kmg.applications.TDMNIST1())
