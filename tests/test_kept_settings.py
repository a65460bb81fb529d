"""What users set on a layer, outside and inside, is there again after saving and cloning.

The oracle is Keras: what `Conv2D` keeps, layers made of layers have to keep as well.
"""

import copy
import dataclasses

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from tests.conformance import LAYERS, MODELS, Case, random_inputs
from tests.random_weights import randomize
from tests.test_conformance import each

PAIR = [(8, 6, 3), (4, 3, 3)]


def per_grid(name, *patterns):
    def make(**options):
        pattern = keras.Sequential([pattern() for pattern in patterns])
        return kmg.layers.PerGrid(pattern if len(patterns) > 1 else pattern.layers[0], **options)

    return Case(f"PerGrid-{name}", make, (PAIR,))


KERAS = [Case("Conv2D", lambda **o: keras.layers.Conv2D(2, 3, **o), ((8, 6, 3),))]
PATTERNS = [
    per_grid("Dense", lambda: keras.layers.Dense(4)),
    per_grid("Dropout", lambda: keras.layers.Dropout(0.5, seed=3)),
    per_grid("BatchNormalization", keras.layers.BatchNormalization),
    per_grid("TimeDistributed", lambda: keras.layers.TimeDistributed(keras.layers.Dense(2))),
    per_grid("Sequential", lambda: keras.layers.Dense(4), keras.layers.BatchNormalization),
    per_grid("Input", lambda: keras.Input((None, None, 3)), lambda: keras.layers.Dense(2)),
]
TOP_DOWN = [case for case in MODELS if case.name.startswith("TD")]
# By default one of each shape, with and without transposed convolutions.
OTHERS = [
    dataclasses.replace(case, slow=case.slow or case.name not in ("RES", "UMGSEG"))
    for case in MODELS
    if case not in TOP_DOWN
]


def loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def cloned(model, folder):
    return keras.models.clone_model(model)


def from_config(model, folder):
    again = type(model).from_config(copy.deepcopy(model.get_config()))
    again.build_from_config(model.get_build_config())
    return again


WAYS = (loaded, cloned, from_config)
ways = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])


def sublayers(model):
    return [layer for layer in model._flatten_layers() if layer.path]


def leaves(model):
    return [layer for layer in sublayers(model) if not layer._layers]


def settings(model):
    """Returns what a copy has to have, too, without the values of weights."""
    layers = sublayers(model)
    return {
        "names": [layer.name for layer in layers],
        "paths": [layer.path for layer in layers],
        # Of a Sequential within, Keras keeps what its layers are set to.
        "trainable": [x.trainable for x in layers if not isinstance(x, keras.Sequential)],
        "policies": [layer.dtype_policy.name for layer in layers],
        "lora": [getattr(layer, "lora_rank", None) for layer in layers],
        "quantized": [layer.quantization_mode for layer in layers],
        "weights": [(weight.path, weight.dtype, weight.trainable) for weight in model.weights],
        "trained": [weight.path for weight in model.trainable_weights],
    }


def freeze_outside(model):
    for layer in model.layers:
        layer.trainable = False


def freeze_every_other_inside(model):
    for layer in leaves(model)[::2]:
        layer.trainable = False


def freeze_all_but_one(model):
    """Frozen outside, and one sublayer released again."""
    freeze_outside(model)
    leaves(model)[-1].trainable = True


def compute_in_half_precision_inside(model):
    leaves(model)[0].dtype_policy = "mixed_bfloat16"


CHANGES = (
    freeze_outside,
    freeze_every_other_inside,
    freeze_all_but_one,
    compute_in_half_precision_inside,
)


@ways
@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
@each(KERAS + LAYERS + PATTERNS)
def test_layers_keep_what_is_set(case, change, way, tmp_path):
    model = case.model()
    change(model)
    expected = settings(model)
    assert settings(way(way(model, tmp_path), tmp_path)) == expected


@ways
@each(TOP_DOWN)
def test_top_down_networks_keep_what_is_frozen_inside(case, way, tmp_path):
    for model in (case.model(), network_of(case)):
        freeze_every_other_inside(model)
        assert settings(way(model, tmp_path)) == settings(model)


def network_of(case):
    """Returns the `TopDown` alone, which is trained, without the model around it."""
    (network,) = [x for x in case.model().layers if isinstance(x, kmg.top_down.TopDown)]
    return network


@each(OTHERS)
def test_networks_keep_what_is_frozen_inside(case, tmp_path):
    model = case.model()
    freeze_every_other_inside(model)
    assert settings(loaded(model, tmp_path)) == settings(model)


@each(KERAS + LAYERS + PATTERNS)
def test_a_layer_made_frozen_is_frozen_inside(case):
    layer = case.make(trainable=False)
    model = Case(case.name, lambda: layer, case.inputs).model()
    assert not model.trainable_weights
    assert not any(each.trainable for each in layer._flatten_layers())


@each(KERAS + LAYERS + PATTERNS)
@pytest.mark.parametrize("last", [False, True])
def test_a_layer_frozen_before_it_is_built(case, last):
    layer = case.make(trainable=last)
    layer.trainable = not last
    layer.trainable = last
    Case(case.name, lambda: layer, case.inputs).model()
    assert {each.trainable for each in layer._flatten_layers()} == {last}
    assert last or not layer.trainable_weights


@each(KERAS + LAYERS + PATTERNS)
def test_layers_keep_lora(case, tmp_path):
    model = case.model()
    able = [layer for layer in leaves(model) if hasattr(layer, "enable_lora")]
    for layer in able[:1]:
        layer.enable_lora(2, lora_alpha=3)
    randomize(model)
    again = loaded(model, tmp_path)
    assert settings(again) == settings(model)
    assert_same_outputs(again, model, 1e-5)


@each(KERAS + LAYERS + PATTERNS)
def test_layers_keep_quantization(case, tmp_path):
    model = case.model()
    randomize(model)
    model.quantize("int8")
    again = loaded(model, tmp_path)
    assert settings(again) == settings(model)
    assert_same_outputs(again, model, 1e-6)


def assert_same_outputs(model, other, tolerance):
    inputs = random_inputs(model)
    pairs = zip(*(keras.tree.flatten(each(inputs, training=False)) for each in (model, other)))
    for one, two in pairs:
        np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def test_the_patterns_have_something_to_keep():
    able = [hasattr(each, "enable_lora") for case in PATTERNS for each in leaves(case.model())]
    assert sum(able) > 6
    model = PATTERNS[0].model()
    model.quantize("int8")
    assert settings(model)["quantized"].count("int8") == 2


@ways
def test_seeds_are_kept(way, tmp_path):
    model = per_grid("Dropout", lambda: keras.layers.Dropout(0.5, seed=3)).model()
    again = way(way(model, tmp_path), tmp_path)
    assert [layer.seed for layer in leaves(again) if hasattr(layer, "seed")] == [3, 3]


@keras.saving.register_keras_serializable("tests")
class MadeInCall(keras.layers.Layer):
    """A layer as in Keras' guides: of another layer, without `build` and `compute_output_shape`."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(2, name="inner")

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return super().get_config()


def test_a_layer_made_in_call_is_built_with_the_others(tmp_path):
    case = per_grid("MadeInCall", MadeInCall)
    model = case.model()
    paths = [weight.path.partition("/")[2] for weight in model.weights]
    inner = [f"grid_{grid}/inner" for grid in (0, 1)]
    assert paths == [f"{path}/{name}" for path in inner for name in ("kernel", "bias")]
    assert_same_outputs(loaded(model, tmp_path), model, 0)


def test_configurations_of_earlier_versions_load():
    """They have no settings of sublayers; those that were frozen outside are so inside, too."""
    layer = kmg.layers.PerGrid(keras.layers.Dense(2))
    layer.build([(None, 4, 4, 3)])
    layer.trainable = False
    config = layer.get_config()
    del config["grid_layers"]
    again = kmg.layers.PerGrid.from_config(config)
    again.build([(None, 4, 4, 3)])
    assert not again.trainable_weights and not again.grid_layers[0].trainable
    network = network_of(TOP_DOWN[0])
    config = network.get_config()
    del config["modules"]
    again = type(network).from_config(config)
    again.build_from_config(network.get_build_config())
    assert settings(again) == settings(network)


def test_what_happens_to_a_pattern_counts_until_the_copies_are_made():
    pattern = keras.layers.Dense(2)
    before, after = kmg.layers.PerGrid(pattern), kmg.layers.PerGrid(pattern)
    after.build([(None, 4, 4, 1)])
    pattern.trainable = False
    before.build([(None, 4, 4, 1)])
    for layer, trained in ((before, 0), (after, 2)):
        again = kmg.layers.PerGrid.from_config(layer.get_config())
        again.build([(None, 4, 4, 1)])
        assert len(layer.trainable_weights) == len(again.trainable_weights) == trained


def test_a_quantized_pattern_gives_quantized_copies():
    layer = kmg.layers.PerGrid(keras.layers.Dense(2, dtype="int8_from_mixed_bfloat16"))
    again = kmg.layers.PerGrid.from_config(layer.get_config())
    for one in (layer, again):
        one([np.ones((1, 4, 4, 3), "float32"), np.ones((1, 2, 2, 3), "float32")])
        assert [copy.quantization_mode for copy in one.grid_layers] == ["int8", "int8"]


def test_settings_of_other_grids_do_not_get_in_the_way():
    layer = kmg.layers.PerGrid(keras.layers.Dense(2))
    layer.build([(None, 4, 4, 3), (None, 2, 2, 3)])
    layer.trainable = False
    again = kmg.layers.PerGrid.from_config(layer.get_config())
    again.build([(None, 4, 4, 3)])
    assert len(again.weights) == 2 and not again.trainable_weights
