"""What can be flipped, what not, and what a user teaches."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_multigrid as kmg
from keras_multigrid.flipping import rules
from tests.flipping.networks import difference, images_for, multigrid_layers, randomize


class Scaled(layers.Layer):
    """A scale for each of a number of channels."""

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, shape):
        self.scale = self.add_weight(shape=(self.channels,), initializer="ones")

    def call(self, x):
        return x * self.scale

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


def network(*middle, channels=4):
    x = image = keras.Input((8, 8, 3))
    for layer in (layers.Conv2D(channels, 3, padding="same"), *middle):
        x = layer(x)
    if len(x.shape) == 4:
        x = layers.Conv2D(2, 3, padding="same", name="last")(x)
    return randomize(keras.Model(image, x))


@pytest.fixture
def forgotten(monkeypatch):
    """Forgets afterwards what a test teaches."""
    monkeypatch.setattr(rules, "RULES", dict(rules.RULES))


def test_layers_of_ones_own(forgotten):
    old = network(Scaled(4, name="mine"))
    with pytest.raises(ValueError, match=r"Scaled 'mine' cannot be flipped: .*kmg.flip.register"):
        kmg.flip(old)
    kmg.flip.register(Scaled, lambda layer, width: Scaled(width(layer.channels)))
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert [each.channels for each in new.layers if isinstance(each, Scaled)] == [4, 2]
    assert len(multigrid_layers(new)) == 1


class Sharper(layers.ReLU):
    pass


def test_a_subclass_has_a_rule_of_its_own(forgotten):
    old = network(Sharper(6.0))
    with pytest.raises(ValueError, match="Sharper"):
        kmg.flip(old)
    kmg.flip.register(Sharper, layers.ReLU)
    assert difference(old, kmg.flip(old), images_for(old)) < 1e-5


@pytest.mark.parametrize(
    ("kind", "rule", "sentence"),
    [
        (int, lambda layer, width: layer, "kind is .*; expected a class of Keras layers"),
        (Scaled(2), lambda layer, width: layer, "kind is .*; expected a class of Keras layers"),
        (Scaled, "ReLU", "rule is 'ReLU'; expected a function"),
        (Scaled, layers.LSTM, "rule is LSTM, which has none"),
    ],
)
def test_what_is_not_a_rule_is_refused(kind, rule, sentence, forgotten):
    with pytest.raises(ValueError, match=sentence):
        kmg.flip.register(kind, rule)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.Reshape((64, 4)), "tokens"),
        (layers.Permute((2, 1, 3)), "tokens"),
        (layers.Lambda(lambda x: 2 * x), "Lambda"),
        (layers.TimeDistributed(layers.Dense(2)), "recurrent"),
        (layers.ConvLSTM1D(2, 3, return_sequences=True), "recurrent"),
        (layers.Cropping2D(1), "kmg.flip.register"),
        (layers.Normalization(), "kmg.flip.register"),
        (layers.Concatenate(axis=1), "along axis 1; expected the channels"),
        (layers.Rescaling([1.0, 2.0, 3.0, 4.0]), "one number on maps"),
    ],
)
def test_what_cannot_be_flipped_is_named(layer, reason):
    x = image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(x)
    layer.name = "culprit"
    x = layer([x, x] if isinstance(layer, layers.Concatenate) else x)
    if len(x.shape) == 4:
        x = layers.Conv2D(2, 3, padding="same")(x)
    with pytest.raises(ValueError, match=reason) as caught:
        kmg.flip(keras.Model(image, x))
    assert "cannot be flipped: " in str(caught.value) and "\n" not in str(caught.value)


def test_attention_is_refused_on_maps_and_left_alone_in_heads():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(image)
    attention = layers.MultiHeadAttention(1, 2, attention_axes=(1, 2), name="attention")
    with pytest.raises(ValueError, match=r"MultiHeadAttention 'attention' .* it is attention"):
        kmg.flip(keras.Model(image, attention(x, x)))
    vector = layers.Reshape((2, 2))(layers.GlobalAveragePooling2D()(x))
    old = randomize(keras.Model(image, layers.LSTM(3)(layers.Attention()([vector, vector]))))
    assert difference(old, kmg.flip(old), images_for(old) / 255) < 1e-5


def test_a_vector_of_the_head_cannot_go_back_into_maps():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(image)
    gate = Scaled(4)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    model = keras.Model(image, layers.Conv2D(2, 1)(layers.Multiply(name="gated")([x, gate])))
    with pytest.raises(ValueError, match=r"Multiply 'gated' .* not one for each grid"):
        kmg.flip(model)


@pytest.mark.parametrize("operation", [lambda x: x[:, 1:], lambda x: keras.ops.mean(x, axis=3)])
def test_operations_that_are_not_known(operation):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, operation(layers.Conv2D(4, 3)(image)))
    with pytest.raises(ValueError, match=r"cannot be flipped: .*keras\.ops"):
        kmg.flip(model)


def test_constants_of_channels_are_refused():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, layers.Conv2D(4, 3)(image) * np.arange(4.0))
    with pytest.raises(ValueError, match=r"Multiply .* a constant of several numbers"):
        kmg.flip(model)


def test_a_layer_shared_by_pyramids_of_several_numbers_of_grids():
    image = keras.Input((4, 4, 3))
    x = layers.Conv2D(3, 3, padding="same")(image)
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = shared(layers.MaxPooling2D(4)(shared(x)))
    with pytest.raises(ValueError, match=r"Conv2D 'shared' .* called twice"):
        kmg.flip(keras.Model(image, layers.Conv2D(2, 1)(x)))


def test_a_convolution_shared_by_the_image_and_a_map():
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    with pytest.raises(ValueError, match=r"Conv2D 'shared' .* called twice"):
        kmg.flip(keras.Model(image, shared(shared(image))))


def test_a_convolution_shared_by_maps_with_several_zeros_around_them():
    image = keras.Input((9, 9, 3))
    x = layers.Conv2D(3, 3)(image)
    shared = layers.Conv2D(3, 3, name="shared")
    padded = [shared(layers.ZeroPadding2D(zeros)(x)) for zeros in (1, 2)]
    vectors = [layers.GlobalAveragePooling2D()(each) for each in padded]
    with pytest.raises(ValueError, match=r"Conv2D 'shared' .* called twice"):
        kmg.flip(keras.Model(image, vectors))


def test_channels_first_is_refused():
    image = keras.Input((3, 8, 8))
    model = keras.Model(image, layers.Conv2D(4, 3, data_format="channels_first")(image))
    with pytest.raises(ValueError, match="expected data_format='channels_last'"):
        kmg.flip(model)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (keras.Sequential([layers.Conv2D(2, 3)]), "is not built; give it a keras.Input"),
        (keras.Sequential([keras.Input((4,)), layers.Dense(2)]), "no convolution that reads"),
        (object(), "model is .* expected a keras.Model"),
        (
            kmg.applications.RMG18(input_shape=(32, 32, 3), width_multiplier=0.05),
            "multigrid already",
        ),
    ],
)
def test_models_that_cannot_be_flipped(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        kmg.flip(model)


@pytest.mark.parametrize(
    "arguments",
    [
        {"ratios": ()},
        {"ratios": (2, 1)},
        {"ratios": (1, "half")},
        {"ratios": (1, 0)},
        {"pyramid_outputs": "yes"},
        {"one_pixel_kernels": 1},
        {"kernel_initializer": "nothing"},
    ],
    ids=str,
)
def test_wrong_arguments_are_named(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=name):
        kmg.flip(network(), **arguments)
