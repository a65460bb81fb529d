"""A multigrid neck and head on backbones."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_multigrid as kmg
from keras_multigrid.complexity import profile

SCALING = {"scale": 1 / 255}


def small_backbone(side=64, top=True):
    """Maps at the strides 2 to 32, the one of stride 4 named; an operation that is not a layer."""
    x = image = keras.Input((side, side, 3))
    for step in range(5):
        x = layers.Conv2D(4 + step, 3, strides=2, padding="same", name=f"down_{step}")(x)
        x = layers.BatchNormalization(name=f"norm_{step}")(x)
        x = x + 1.0
        x = layers.ReLU(name=f"act_{step}")(x)
    if top:
        x = layers.Dense(7, name="top")(layers.Flatten()(x))
    return keras.Model(image, x, name="small")


def segmenter(backbone=None, **options):
    options = {"budget": 3e6, "preprocessing": layers.Rescaling(**SCALING), "units": 1, **options}
    return kmg.applications.segmenter(backbone or small_backbone(), 5, **options)


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(0)
    return small_backbone()


@pytest.fixture(scope="module")
def model(backbone):
    return segmenter(backbone)


def test_maps_have_the_images_size(model):
    for size in ((1, 1), (45, 71), (64, 32)):
        outputs = np.asarray(model(np.zeros((2, *size, 3), "float32")))
        assert outputs.shape == (2, *size, 5)
        np.testing.assert_allclose(outputs.sum(axis=-1), 1, rtol=1e-5)


def test_the_last_layers_of_the_strides_are_read_with_their_weights(backbone, model):
    images = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    names = [f"act_{step}" for step in (1, 2, 3, 4)]
    maps = keras.Model(backbone.input, [backbone.get_layer(name).output for name in names])
    found = model.get_layer("backbone")(images / 255)
    for map_, expected in zip(found, maps(images / 255)):
        np.testing.assert_allclose(map_, expected, rtol=1e-5)
    extract = keras.Model(model.input, model.get_layer("padding").output)
    np.testing.assert_allclose(extract(images), images / 255, rtol=1e-5)


def test_the_given_model_stays_as_it_is(backbone, model):
    before = [weight.copy() for weight in backbone.get_weights()]
    for weight in model.get_layer("backbone").weights:
        weight.assign(weight + 1)
    for weight, kept in zip(backbone.get_weights(), before):
        np.testing.assert_array_equal(weight, kept)


def test_the_backbone_is_frozen_by_its_name():
    model = segmenter()
    neck = len(model.get_layer("multigrid").trainable_weights)
    model.get_layer("backbone").trainable = False
    assert len(model.trainable_weights) == neck > 0


@pytest.mark.parametrize("budget", [2e6, 6e6])
def test_neck_and_head_fill_the_budget(budget):
    neck = segmenter(budget=budget).get_layer("multigrid")
    inputs = [
        keras.Input((56 // 2**grid, 56 // 2**grid, each.shape[-1]))
        for grid, each in enumerate(neck.inputs)
    ]
    counted = profile(keras.Model(inputs, keras.tree.flatten(neck(inputs))[0])).macs
    assert 0.8 * budget < counted <= budget


def test_layers_by_name():
    model = segmenter(features=["act_0", "norm_1"], channel_ratios=(1, 2))
    assert [each.shape[-1] for each in model.get_layer("backbone").outputs] == [4, 5]
    assert model(np.zeros((1, 33, 31, 3), "float32")).shape == (1, 33, 31, 5)


def test_grey_images_are_repeated(backbone):
    keras.utils.set_random_seed(1)
    grey = segmenter(backbone, image_channels=1)
    keras.utils.set_random_seed(1)
    colour = segmenter(backbone)
    image = np.random.default_rng(0).uniform(0, 255, (1, 40, 40, 1)).astype("float32")
    np.testing.assert_allclose(grey(image), colour(np.repeat(image, 3, -1)), atol=1e-6)


def test_a_backbone_that_prepares_images_itself():
    x = image = keras.Input((None, None, 3))
    x = layers.Rescaling(**SCALING)(x)
    core = small_backbone(None, top=False)
    x = layers.Conv2D(4, 3, strides=4, padding="same", name="four")(x)
    model = kmg.applications.segmenter(
        keras.Model(image, x), 2, budget=1e6, channel_ratios=(1,), units=1
    )
    assert model.output_shape == (None, None, None, 2)
    with pytest.raises(ValueError, match="does not say how its images are to be prepared"):
        kmg.applications.segmenter(core, 2)


def test_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).uniform(0, 255, (1, 37, 50, 3)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(image), model(image), atol=1e-6)


def test_it_can_be_predicted_in_tiles(model):
    image = np.random.default_rng(0).uniform(0, 255, (70, 90, 3))
    assert kmg.prediction.total_stride(model) == 32
    assert kmg.prediction.predict_image(model, image).shape == (70, 90, 5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"channel_ratios": (1, 2, 2, 2, 2)}, "expected 4, 8, 16, 32, one for each of 5 grids"),
        ({"features": ["act_1"]}, "expected names of 4 layers"),
        ({"features": ["act_1", "x"], "channel_ratios": (1, 2)}, r"at the strides \[4, None\]"),
        ({"features": ["act_1", "act_3"], "channel_ratios": (1, 2)}, "each of twice the stride"),
        ({"image_channels": 4}, "image_channels is 4; expected 1 or 3"),
        ({"budget": 10.0}, "over the budget"),
        ({"units": 0}, "units"),
    ],
)
def test_errors(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        segmenter(**options)
