"""Counts of networks that are built for it alone, without weights."""

import keras
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.complexity import count, profile

zoo = kmg.applications


def sizes(counts):
    return counts.trainable_params, counts.macs


@pytest.mark.parametrize("name", ["PMG-11", "U-MG-11", "R-MG-12", "M3-MNIST", "BL1-MNIST"])
def test_what_is_counted_is_what_is_built(name):
    row = paper_model(name)
    model = row.build(width_multiplier=0.05, classes=3)
    assert count(row.constructor, **row.arguments, width_multiplier=0.05, classes=3) == profile(
        model
    )
    weights = sum(variable.numpy().size for variable in model.trainable_variables)
    assert profile(model).trainable_params == weights


def test_nothing_is_allocated_then_or_later(monkeypatch):
    class Undescribed(keras.layers.Layer):
        """Has no `compute_output_shape`: Keras calls it, and gives all variables values before."""

        def call(self, inputs):
            return inputs + 1

    def allocate(*args, **kwargs):
        raise AssertionError("allocated")

    monkeypatch.setattr(keras.Variable, "_initialize_with_initializer", allocate)
    counts = count(zoo.SGSEG, width_multiplier=40_000)
    assert counts.trainable_params > 10**14
    Undescribed()(keras.Input((3,)))


def test_names_of_later_layers_do_not_change():
    counts = count(zoo.SGSEG)
    keras.backend.clear_session()
    assert keras.layers.ReLU().name == "re_lu"
    assert count(zoo.SGSEG) == counts
    assert keras.layers.ReLU().name == "re_lu_1"


@pytest.mark.parametrize("name", ["MG-6", "R-PMG-30-SEG", "PMG-11"])
def test_channels_at_a_large_width_are_those_at_1(name):
    row = paper_model(name)
    wide = count(row.constructor, **row.arguments, width_multiplier=2**20)
    own = count(row.constructor, **row.arguments)
    for many, few in zip(wide.channels, own.channels):
        assert few in (many, round(many / 2**20))


def test_top_down_networks_of_other_images():
    assert sizes(count(zoo.TDMNIST3, levels=2)) == sizes(count(zoo.TDMNIST3))
    assert count(zoo.TDMNIST3, include_top=False).macs < count(zoo.TDMNIST3).macs
    with pytest.raises(ValueError, match=r"images have shape \(None, 50, 50, 1\)|side of"):
        count(zoo.TDMNIST3, input_shape=(50, 50, 1))


def test_data_format_does_not_matter():
    expected = count(zoo.RPMGSEG, channel_ratios=(1, 2, 0.3), input_shape=(33, 47, 2))
    keras.config.set_image_data_format("channels_first")  # a fixture sets it back
    first = count(zoo.RPMGSEG, channel_ratios=(1, 2, 0.3), input_shape=(2, 33, 47))
    assert sizes(first) == sizes(expected)


def test_what_computes_an_input_tensor_is_counted():
    before = keras.layers.Conv2D(8, 3, padding="same")(keras.Input((16, 12, 2)))
    counted = count(zoo.SGSEG, input_tensor=before, width_multiplier=0.1)
    alone = count(zoo.SGSEG, input_shape=(16, 12, 8), width_multiplier=0.1)
    assert counted.trainable_params == alone.trainable_params + 3 * 3 * 2 * 8 + 8
    assert counted.macs == alone.macs + 16 * 12 * 3 * 3 * 2 * 8


def test_weights_are_not_read():
    assert count(zoo.SGSEG, weights="nowhere.weights.h5") == count(zoo.SGSEG)


def test_repeats():
    assert sizes(count(zoo.RMG34, repeats=2)) == sizes(count(zoo.RMG18))
    assert sizes(count(zoo.MG, repeats=2)) == sizes(count(zoo.MG, depth=11))
    assert sizes(count(zoo.RPMG, repeats=1)) == sizes(count(zoo.RPMG, depth=16))
    assert sizes(count(zoo.PMGSEG, repeats=3)) == sizes(count(zoo.PMGSEG))
    assert sizes(count(zoo.RPMG30SEG, repeats=2)) == sizes(count(zoo.RPMG30SEG))


def test_repeats_do_not_change_where_grids_are_dropped():
    rows = count(zoo.PMGSEG, repeats=5).rows
    names = [row.name for row in rows if row.name.endswith("_conv")]
    units = [name.removesuffix("_conv") for name in names if not name.startswith("input")]
    full = [f"full_unit{step}" for step in range(1, 6)]
    phases = [f"progressive{phase}_unit1" for phase in range(1, 5)]
    assert units == [*phases, *full, "drop_unit3", "drop_unit2", "output"]


def test_unknown_sides():
    with pytest.raises(ValueError, match=r"\(None, 64, 1\).*expected 3 known sizes\. Pass"):
        count(zoo.PMGSEG, input_shape=(None, 64, 1))


def test_wrong_arguments_are_told_as_by_the_constructor():
    with pytest.raises(ValueError, match="width_multiplier is 0; expected a positive number"):
        count(zoo.PMGSEG, width_multiplier=0)
    with pytest.raises(TypeError, match="class_count"):
        count(zoo.PMGSEG, class_count=3)
