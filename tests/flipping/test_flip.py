"""A flipped network equals the old one, and learns what it did not have."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_multigrid as kmg
from tests.flipping.networks import (
    difference,
    everything,
    images_for,
    kernels_without_gradient,
    merging,
    multigrid_layers,
    randomize,
    u_shaped,
)

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def old():
    return everything()


@pytest.fixture(scope="module")
def new(old):
    keras.utils.set_random_seed(0)
    return kmg.flip(old)


@pytest.fixture(scope="module")
def any_size():
    old = everything((None, None))
    return old, kmg.flip(old)


def test_outputs_are_equal(old, new):
    assert difference(old, new, images_for(old)) < 1e-5
    assert [each.name for each in new.inputs] == ["photo"]
    assert new.output_shape == old.output_shape and new.name == old.name


@pytest.mark.parametrize("size", [(64, 64), (33, 50), (26, 27)])
def test_outputs_are_equal_at_any_size(any_size, size):
    old, new = any_size
    assert difference(old, new, images_for(old, size)) < 1e-5


def test_the_finest_grid_has_the_old_weights_and_zeros_for_coarser_grids(old, new):
    convolutions = multigrid_layers(new)
    assert {"expand", "project", "shortcut", "valid"} < {each.name for each in convolutions}
    for layer in convolutions:
        before = next((each for each in old.layers if each.name == layer.name), None)
        kernels = [np.asarray(kernel) for kernel in layer.kernels]
        sources = layer.sources(0)
        assert not kernels[0][:, :, sources["coarser"]].any()
        if isinstance(before, layers.Conv2D):
            np.testing.assert_array_equal(kernels[0][:, :, sources["own"]], before.kernel)
            np.testing.assert_array_equal(layer.biases[0], before.bias)
        assert all(np.count_nonzero(kernel) > 0.9 * kernel.size for kernel in kernels[1:])


def test_what_the_coarser_grids_see_counts_as_soon_as_zeros_move(old):
    new, images = kmg.flip(old), images_for(old)
    assert kernels_without_gradient(new, images / 10) == set()
    assert difference(old, new, images) > 1e-3


def test_the_old_network_stays_as_it_is(old):
    before = [weight.copy() for weight in old.get_weights()]
    names = [layer.name for layer in old.layers]
    new = kmg.flip(old)
    for weight in new.weights:
        weight.assign(weight + 1)
    for weight, kept in zip(old.get_weights(), before):
        np.testing.assert_array_equal(weight, kept)
    assert names == [layer.name for layer in old.layers]


def test_saved_and_loaded(old, tmp_path):
    new = randomize(kmg.flip(old), seed=1)  # so that coarser grids are read
    new.save(tmp_path / "new.keras")
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    assert difference(new, loaded, images_for(new)) < 1e-6


def test_it_computes_what_stock_layers_do(old):
    """`stock.rewrite` has another way to each grid: an oracle of what is joined and padded."""
    new = randomize(kmg.flip(old), seed=1)
    assert difference(new, kmg.stock.rewrite(new), images_for(new)) < 1e-5


def test_it_is_counted_and_its_exchanges_are_listed(new):
    counted = kmg.complexity.profile(new)
    assert {row.type for row in counted.rows if row.macs is None} == {"PReLU"}
    exchanges = kmg.routing.exchanges(new)
    assert kmg.routing.Exchange("expand", 0, "coarser") in exchanges
    measured = kmg.routing.measure(new, images_for(new), verbose=0)
    read = {row.exchange: row.activation_norm for row in measured.rows}
    assert read[kmg.routing.Exchange("expand", 0, "coarser")] == 0
    assert read[kmg.routing.Exchange("valid", 0, "own")] > 0


@pytest.mark.slow
def test_it_trains(old):
    new, images = kmg.flip(old), images_for(old)
    new.compile(keras.optimizers.SGD(1e-3), "mse")
    history = new.fit(images, np.zeros((2, 3)), epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    old = everything()
    keras.config.set_dtype_policy("float32")
    new = kmg.flip(old)
    policies = {layer.dtype_policy.name for layer in new.layers if layer.weights}
    assert policies == {"mixed_bfloat16"}
    assert {weight.dtype for weight in new.trainable_weights} == {"float32"}
    images = images_for(old)
    one, two = (np.asarray(keras.ops.cast(each(images), "float32")) for each in (old, new))
    np.testing.assert_allclose(one, two, atol=0.02 * np.abs(one).max())


def test_pyramid_outputs(old):
    model = keras.Model(old.input, old.get_layer("valid").output)
    new = kmg.flip(model, pyramid_outputs=True)
    shapes = [tuple(each.shape[1:]) for each in new.outputs]
    assert shapes == [(7, 9, 6), (4, 5, 3), (2, 3, 2)]
    finest = keras.Model(new.input, new.outputs[0])
    assert difference(model, finest, images_for(old)) < 1e-5
    assert kernels_without_gradient(new, images_for(old) / 10) == set()


def test_heads_do_not_count_for_pyramid_outputs(old):
    new = kmg.flip(old, (1, 1 / 2), pyramid_outputs=True)
    assert [tuple(each.shape[1:]) for each in new.outputs] == [(3, 4, 6), (2, 2, 3)]


def test_merged_channels_reach_the_head():
    old = merging()
    new = kmg.flip(old)
    images = images_for(old) / 255
    assert difference(old, new, images) < 1e-5
    # 8 x 8 pixels, grids of 8, 4, 2; 4, 2, 1; then 2, 1; then 1.
    grids = {layer.name: len(layer.filters) for layer in multigrid_layers(new)}
    assert grids == {"conv_1": 3, "conv_2": 2}
    assert new.get_layer("conv_2").filters == (8, 4 + 2)
    kernel = np.asarray(new.get_layer("logits").kernel)
    np.testing.assert_array_equal(kernel[:8], old.get_layer("logits").kernel)
    assert kernel.shape == (8 + 4 + 2, 5) and not kernel[8:].any()
    assert kernels_without_gradient(new, images) == set()
    last = kmg.flip(old, pyramid_outputs=True)
    assert last.output_shape == (None, 1, 1, 8 + 4 + 2)


def test_pixels_may_keep_their_kernels():
    old = merging()
    small, large = kmg.flip(old), kmg.flip(old, one_pixel_kernels=False)
    assert small.get_layer("conv_1").kernel_size == (3, 3, 1)
    assert large.get_layer("conv_1").kernel_size == (3, 3, 3)


def test_u_shaped():
    old = u_shaped(32)
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert kernels_without_gradient(new, images_for(old) / 255) == set()


def test_several_inputs_and_outputs():
    photo, number = keras.Input((9, 8, 3), name="photo"), keras.Input((2,), name="number")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(photo)
    x = layers.Concatenate()([x, photo])
    x = layers.Conv2D(4, 3, padding="same")(x)
    vector = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.Dense(3)(number)])
    outputs = {"map": x, "score": layers.Dense(1)(vector)}
    old = randomize(keras.Model({"photo": photo, "number": number}, outputs))
    new = kmg.flip(old)
    rng = np.random.default_rng(0)
    data = {"photo": rng.normal(size=(2, 9, 8, 3)), "number": rng.normal(size=(2, 2))}
    assert difference(old, new, data) < 1e-5
    assert set(new.output) == {"map", "score"}


def test_a_head_may_go_back_to_maps():
    """An autoencoder: what is made of a vector is an image again."""
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(layers.Reshape((4, 4, 2))(x))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    old = randomize(keras.Model(image, layers.Conv2D(1, 3, padding="same")(x)))
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert len(multigrid_layers(new)) == 2


def test_sequential_networks():
    old = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Conv2D(2, 3), layers.Flatten()]
    )
    new = kmg.flip(old, (1, 2))
    assert difference(old, new, images_for(old)) < 1e-5
    assert [layer.filters for layer in multigrid_layers(new)] == [(2,)]
    assert new.layers[2].name.endswith("_grid1") or any("grid1" in x.name for x in new.layers)


def test_oblong_and_grouped_convolutions_read_each_grid_by_itself():
    image = keras.Input((12, 11, 3))
    x = layers.Conv2D(6, 3, padding="same")(image)
    x = layers.Conv2D(8, (1, 5), padding="same", activation="relu", name="oblong")(x)
    x = layers.Conv2D(8, 3, groups=4, strides=2, activation="relu", name="grouped")(x)
    old = randomize(keras.Model(image, layers.Conv2D(2, 1)(x)))
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert new.get_layer("oblong_grid1").filters == 4
    assert new.get_layer("grouped_grid1").groups == 4
    assert kernels_without_gradient(new, images_for(old) / 255) == set()


def test_what_is_fixed_for_a_model_within_is_fixed_in_it():
    parts = [keras.Input((4, 4, 3)), layers.Conv2D(8, 3), layers.Dropout(0.5)]
    inner = keras.Sequential(parts)
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, layers.Conv2D(2, 1)(inner(image, training=True)))
    for each in (model, kmg.flip(model)):
        once, again = (np.asarray(each(images_for(model))) for _ in range(2))
        assert np.abs(once - again).max() > 1e-3  # for the dropout is on
