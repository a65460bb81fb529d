"""PerGrid: the copies are independent, and each does what the pattern would."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras.src.saving.serialization_lib import ObjectSharingScope

from keras_multigrid.layers import FusedBatchNormalization, PerGrid
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of


@pytest.fixture
def pyramid():
    return oracle.random_pyramid(np.random.default_rng(0), 7, 5, [3, 3, 3])


def test_activation(pyramid):
    outputs = PerGrid(keras.layers.ReLU())(pyramid)
    assert_pyramids_close(outputs, [np.maximum(grid, 0) for grid in pyramid], tolerance=0)


@pytest.mark.parametrize("layer", [keras.layers.BatchNormalization, FusedBatchNormalization])
def test_batch_normalization_has_statistics_per_grid(layer, pyramid):
    pyramid[1] += 10
    normalize = PerGrid(layer(momentum=0.5, epsilon=1e-5))
    outputs = normalize(pyramid, training=True)
    expected = [oracle.batch_norm_training(grid, epsilon=1e-5) for grid in pyramid]
    assert_pyramids_close(outputs, [grid for grid, _, _ in expected], tolerance=1e-4)
    for grid_layer, (_, mean, _) in zip(normalize.grid_layers, expected):
        assert_close(grid_layer.moving_mean.numpy(), mean / 2, tolerance=1e-4)


def test_batch_normalization_at_inference_uses_moving_statistics(pyramid):
    outputs = PerGrid(keras.layers.BatchNormalization())(pyramid, training=False)
    assert_pyramids_close(outputs, [oracle.batch_norm_inference(grid, 0, 1) for grid in pyramid])


def test_dropout_honours_training(pyramid):
    dropout = PerGrid(keras.layers.Dropout(0.5))
    assert_pyramids_close(dropout(pyramid), pyramid, tolerance=0)
    assert_pyramids_close(dropout(pyramid, training=False), pyramid, tolerance=0)
    for grid, dropped in zip(pyramid, dropout(pyramid, training=True)):
        dropped = keras.ops.convert_to_numpy(dropped)
        kept = dropped != 0
        assert 0 < kept.mean() < 1
        assert_close(dropped[kept], 2 * grid[kept])


def test_training_reaches_the_copies_through_a_model(pyramid):
    inputs = [keras.Input(grid.shape[1:]) for grid in pyramid]
    model = keras.Model(inputs, PerGrid(keras.layers.Dropout(0.5))(inputs))
    assert_pyramids_close(model(pyramid, training=False), pyramid, tolerance=0)
    assert all(
        (keras.ops.convert_to_numpy(grid) == 0).any() for grid in model(pyramid, training=True)
    )


def test_copies_start_with_different_weights(pyramid):
    initializer = keras.initializers.GlorotUniform()
    layer = PerGrid(keras.layers.Conv2D(4, 3, padding="same", kernel_initializer=initializer))
    outputs = layer(pyramid)
    first, second, third = (copy.kernel.numpy() for copy in layer.grid_layers)
    assert np.abs(first - second).max() > 0.01 and np.abs(second - third).max() > 0.01
    kernels = [copy.kernel.numpy() for copy in layer.grid_layers]
    expected = [oracle.conv(grid, kernel) for grid, kernel in zip(pyramid, kernels)]
    assert_pyramids_close(outputs, expected)


def test_pattern_is_neither_built_nor_shared(pyramid):
    pattern = keras.layers.Conv2D(2, 1)
    first, second = PerGrid(pattern), PerGrid(pattern)
    first(pyramid)
    assert not pattern.built and not pattern.weights
    assert len(first.weights) == 6
    assert not second.weights


def test_a_built_pattern_lends_its_options_only(pyramid):
    pattern = keras.layers.Conv2D(2, 1, use_bias=False)
    pattern.build((None, 4, 4, 9))  # other channels than the pyramid's
    layer = PerGrid(pattern)
    assert shapes_of(layer(pyramid)) == [(2, 7, 5, 2), (2, 4, 3, 2), (2, 2, 2, 2)]
    assert len(layer.weights) == 3
    assert "build_config" not in layer.get_config()["layer"]


def test_weight_names():
    layer = PerGrid(keras.layers.BatchNormalization(name="bn"), name="norm")
    layer.build([(1, 2, 2, 1), (1, 1, 1, 1)])
    assert [weight.path for weight in layer.trainable_variables] == [
        "norm/grid_0/gamma",
        "norm/grid_0/beta",
        "norm/grid_1/gamma",
        "norm/grid_1/beta",
    ]


def test_trainable_false_freezes_the_copies(pyramid):
    layer = PerGrid(keras.layers.BatchNormalization())
    layer(pyramid)
    layer.trainable = False
    assert not layer.trainable_variables
    layer(pyramid, training=True)
    assert all(not copy.moving_mean.numpy().any() for copy in layer.grid_layers)


def test_a_frozen_pattern_gives_frozen_copies(pyramid):
    layer = PerGrid(keras.layers.Conv2D(2, 1, trainable=False))
    layer(pyramid)
    assert not layer.trainable_variables and len(layer.weights) == 6


def test_losses_of_the_copies_are_collected(pyramid):
    layer = PerGrid(keras.layers.Conv2D(1, 1, kernel_initializer="ones", kernel_regularizer="l1"))
    layer(pyramid)
    assert len(layer.losses) == 3
    assert float(sum(layer.losses)) == pytest.approx(3 * 0.01 * 3)


def test_the_policy_is_the_patterns_unless_given(pyramid):
    inherited = PerGrid(keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16"))
    given = PerGrid(keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16"), dtype="float32")
    for layer, name in ((inherited, "mixed_bfloat16"), (given, "float32")):
        layer(pyramid)
        assert layer.dtype_policy.name == name
        assert {copy.dtype_policy.name for copy in layer.grid_layers} == {name}


def test_nested_layer_in_the_configuration():
    layer = PerGrid(keras.layers.Conv2D(2, 3, strides=2, name="pattern"), name="outer")
    config = layer.get_config()
    copy = PerGrid.from_config(config)
    assert copy.get_config() == layer.get_config()
    assert copy.compute_output_shape([(1, 8, 8, 1), (1, 4, 4, 1)]) == [(1, 3, 3, 2), (1, 1, 1, 2)]
    assert config == layer.get_config(), "from_config changed the dict it was given"


def test_patterns_of_a_saved_model_are_not_mixed_up(tmp_path):
    """Keras marks equal addresses as one object, and loads the first for all of them."""
    outputs = [keras.Input((4, 4, 2)), keras.Input((2, 2, 2))]
    inputs = list(outputs)
    for _ in range(10):
        outputs = PerGrid(keras.layers.BatchNormalization())(outputs)
        outputs = PerGrid(keras.layers.ReLU())(outputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "model.keras").read("config.json"))
    layers = [layer["config"] for layer in config["config"]["layers"]]
    patterns = [layer["layer"] for layer in layers if "layer" in layer]
    assert len(patterns) == 20
    assert "shared_object_id" not in json.dumps(patterns)


def test_files_with_mixed_up_patterns_load_right():
    first = PerGrid(keras.layers.BatchNormalization(), name="first").get_config()
    second = PerGrid(keras.layers.ReLU(), name="second").get_config()
    first["layer"]["shared_object_id"] = second["layer"]["shared_object_id"] = 1
    with ObjectSharingScope():
        layers = [PerGrid.from_config(config) for config in (first, second)]
    classes = [layer.get_config()["layer"]["class_name"] for layer in layers]
    assert classes == ["BatchNormalization", "ReLU"]


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1)])
def test_unknown_height_and_width(size):
    inputs = [keras.Input((None, None, 2)), keras.Input((None, None, 3))]
    layer = PerGrid(keras.layers.Conv2D(4, 1))
    outputs = layer(inputs)
    assert shapes_of(outputs) == [(None, None, None, 4)] * 2
    pyramid = oracle.random_pyramid(np.random.default_rng(0), *size, [2, 3])
    kernels = [copy.kernel.numpy() for copy in layer.grid_layers]
    expected = [oracle.conv(grid, kernel) for grid, kernel in zip(pyramid, kernels)]
    assert_pyramids_close(keras.Model(inputs, outputs)(pyramid), expected)


def test_input_list_stays_as_it_is(pyramid):
    before = list(pyramid)
    PerGrid(keras.layers.ReLU())(pyramid)
    assert len(pyramid) == 3 and all(one is other for one, other in zip(pyramid, before))
