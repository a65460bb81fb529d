"""Counts of parameters and multiply-adds: exact for every network of the paper, from the model."""

import csv
import pathlib

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.applications.paper import paper_model
from keras_multigrid.complexity import count, macs_of, profile

TABLES = pathlib.Path(__file__).parent / "tables"


def table_rows():
    for name in ("table1.csv", "table2.csv"):  # the paper does not count all of the others
        text = (TABLES / name).read_text()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            yield row["method"], int(row["our_params"]), int(row["our_macs"])


ROWS = [
    *table_rows(),
    ("R-MG-34", 32_899_176, 5_760_277_760),
    ("R-PMG-30-SEG", 31_905_432, 9_521_356_256),
]


def counted(name, **options):
    row = paper_model(name)
    return count(row.constructor, **row.arguments_with(**options))


def test_all_networks_of_tables_1_and_2_are_counted():
    assert len(list(table_rows())) == 42


@pytest.mark.parametrize(("name", "params", "macs"), ROWS)
def test_exact_counts(name, params, macs):
    counts = counted(name)
    assert (counts.name, counts.trainable_params, counts.macs) == (name, params, macs)


@pytest.mark.parametrize(("name", "params", "macs"), ROWS)
def test_our_parameters_are_the_papers_as_printed(name, params, macs):
    (model,) = [model for model in kmg.applications.PAPER_MODELS if model.name == name]
    digits = 1 if model.table == "4" else 2
    assert params / 1e6 == pytest.approx(model.params, abs=0.51 * 10**-digits)


def test_hand_sized_convolutions():
    image = keras.Input((5, 6, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(image)  # 5*6 * 3*3*3*4
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)  # 5*6 * 3*3*4
    x = keras.layers.SeparableConv2D(2, 3, padding="same", name="separable")(x)  # 5*6*(3*3*4 + 4*2)
    x = keras.layers.Conv2DTranspose(7, 2, strides=2, name="transpose")(x)  # 5*6 * 2*2*2*7
    x = keras.layers.Conv2D(4, 1, strides=2, groups=1, name="strided")(x)  # 5*6 * 7*4
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(11, name="dense")(x)  # 120 * 11
    rows = {row.name: row.macs for row in profile(keras.Model(image, outputs)).rows}
    assert rows["conv"] == 30 * 108
    assert rows["depthwise"] == 30 * 36
    assert rows["separable"] == 30 * (36 + 8)
    assert rows["transpose"] == 30 * 56
    assert rows["strided"] == 30 * 28
    assert rows["dense"] == 120 * 11


def test_multigrid_convolution_by_hand():
    image = keras.Input((4, 4, 1))
    pyramid = kmg.layers.ImagePyramid(2)(image)
    outputs = kmg.layers.MultigridConv2D([2, 3], name="conv")(pyramid)
    (row,) = [row for row in profile(keras.Model(image, outputs)).rows if row.name == "conv"]
    assert row.macs == 16 * 9 * 2 * 2 + 4 * 9 * 2 * 3
    assert row.trainable_params == 9 * 2 * 2 + 2 + 9 * 2 * 3 + 3
    assert row.output_shape == [(4, 4, 2), (2, 2, 3)]


def test_a_layer_called_twice_counts_twice():
    image = keras.Input((8, 8, 2))
    conv = keras.layers.Conv2D(2, 3, padding="same")
    once = profile(keras.Model(image, conv(image)))
    twice = profile(keras.Model(image, conv(conv(image))))
    assert twice.macs == 2 * once.macs
    assert twice.trainable_params == once.trainable_params


def test_nested_models_are_counted():
    inner = kmg.applications.SGSEG(width_multiplier=0.05)
    image = keras.Input((64, 64, 1))
    assert profile(keras.Model(image, inner(image))).macs == profile(inner).macs


def test_the_model_is_left_as_it_was():
    model = kmg.applications.PMGSEG(width_multiplier=0.05)
    profile(model)
    layer = model.get_layer("full_unit1_conv")
    assert len(layer._inbound_nodes) == 1


def test_input_shape_of_a_model_of_any_size():
    model = kmg.applications.PMGSEG(input_shape=(None, None, 1))
    assert profile(model, input_shape=(64, 64, 1)).macs == 1_606_537_728
    assert profile(model, input_shape=(128, 64, 1)).macs == 2 * 1_606_537_728
    with pytest.raises(
        ValueError, match=r"expected 3 known sizes\. Pass, for example, input_shape"
    ):
        profile(model)


def test_no_functional_model():
    with pytest.raises(ValueError, match=r"takes a functional keras\.Model; got Dense"):
        profile(keras.layers.Dense(3))


def test_frozen_weights_do_not_count_as_trainable():
    model = kmg.applications.SGSEG(width_multiplier=0.05)
    before = profile(model).trainable_params
    layer = model.get_layer("full_unit1_conv")
    layer.trainable = False
    assert profile(model).trainable_params == before - layer.count_params()


def test_unknown_kernels_are_said_not_to_be_counted_until_taught():
    class Gram(keras.layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 3), name="kernel")

        def call(self, inputs):
            return inputs @ self.kernel

    image = keras.Input((5,))
    model = keras.Model(image, Gram()(image))
    assert "not counted" in str(profile(model))
    macs_of.register(Gram, lambda layer, inputs, outputs: 15)
    assert profile(model).macs == 15


def test_a_compiled_model_is_counted_as_it_was_before():
    model = kmg.applications.SGSEG(width_multiplier=0.05)
    before = profile(model)
    model.compile(kmg.optimizers.SGD(), "mse")
    assert profile(model) == before


# Parameters and multiply-adds of one use, of the second paper's Tables 1 to 5.
COMMON_MNIST = [(36_928, 36_864), (8_256, 8_192), (650, 640)]
COMMON_IMAGENET = [(590_080, 589_824), (131_328, 131_072), (257_000, 256_000)]
MODULES = {
    "M3-MNIST": [(55_744, 1_291_392), (5_193, 5_184), *COMMON_MNIST],
    "M2-MNIST": [(18_816, 959_616), (28_233, 28_224), *COMMON_MNIST],
    "M1-MNIST": [(640, 112_896), (28_233, 28_224), *COMMON_MNIST],
    "M2-ImageNet": [(960_896, 48_955_392), (36_873, 36_864), *COMMON_IMAGENET],
    "M1-ImageNet": [(370_816, 39_518_208), (147_465, 147_456), *COMMON_IMAGENET],
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_top_down_networks(name):
    counts = counted(name)
    assert [(row.trainable_params, row.macs) for row in counts.rows] == MODULES[name]
    assert counts.trainable_params == sum(params for params, _ in MODULES[name])
    assert counts.macs == sum(macs for _, macs in MODULES[name])


def test_macs_of_a_traversal():
    # The root has two children that share no window but have one in common below them.
    below = np.zeros([1, 81], bool)
    below[0, [0 * 9 + 2, 1 * 9 + 1, 1 * 9 + 5]] = True
    attended = (np.ones([1, 1], bool), np.arange(9)[None] < 2, below)
    attention = kmg.top_down.Attention(attended, (), 14)
    features, location, aggregation, merging, classification = (
        macs for _, macs in MODULES["M3-MNIST"]
    )
    merged = 3 * (aggregation + merging) + classification
    model = kmg.applications.TDMNIST3()
    plain = kmg.complexity.traversal_macs(model, attention)
    assert plain == [6 * features + 3 * location + merged]
    shared = kmg.complexity.traversal_macs(model, attention, shared_windows=True)
    assert attention.window_counts().tolist() == [[1, 2, 3]]
    below[0, 1 * 9 + 0] = True  # starts at column 2, as candidate 2 of the other child does
    attention = kmg.top_down.Attention(attended, (), 14)
    assert attention.window_counts().tolist() == [[1, 2, 3]]
    assert kmg.complexity.traversal_macs(model, attention, shared_windows=True) == shared
    assert kmg.complexity.traversal_macs(model, attention) == plain + features


def test_all_windows_once_are_284_of_820():
    every = tuple(np.ones([1, 9**level], bool) for level in range(4))
    attention = kmg.top_down.Attention(every, (), 32)
    assert attention.counts().sum() == 820
    assert attention.window_counts().sum() == 284


def test_only_a_top_down_network_traverses():
    attention = kmg.top_down.Attention([np.ones((1, 1), bool)], (), base_size=14)
    with pytest.raises(ValueError, match="takes a TopDown model; got Functional"):
        kmg.complexity.traversal_macs(kmg.applications.BLMNIST1(), attention)
