"""FusedBatchNormalization: nobody can tell it from Keras' own, whatever kernel it runs on."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import FusedBatchNormalization
from tests import oracle
from tests.asserts import assert_close

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="takes gradients by tf.GradientTape"
)


def make_pair(shape, **options):
    """Returns the two layers, built, with equal random weights."""
    rng = np.random.default_rng(1)
    layers = [
        layer_class(**options)
        for layer_class in (FusedBatchNormalization, keras.layers.BatchNormalization)
    ]
    for layer in layers:
        layer.build(shape)
    weights = [
        rng.uniform(0.5, 1.5, value.shape).astype(value.dtype) for value in layers[0].get_weights()
    ]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def random_input(shape, dtype="float32"):
    return np.random.default_rng(0).normal(1.0, 2.0, shape).astype(dtype)


def assert_same(fused, reference, inputs, training, tolerance=1e-5):
    assert_close(fused(inputs, training=training), reference(inputs, training=training), tolerance)
    for value, expected in zip(fused.get_weights(), reference.get_weights()):
        assert_close(value, expected, tolerance)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": False},
        {"center": False},
        {"scale": False, "center": False},
        {"epsilon": 1e-5, "momentum": 0.5},
        {"axis": 3},
        {"trainable": False},
        {"renorm": True},
    ],
    ids=str,
)
def test_equals_keras(options, training):
    shape = (3, 5, 4, 6)
    fused, reference = make_pair(shape, **options)
    assert_same(fused, reference, random_input(shape), training)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "shape, options",
    [
        ((4, 6), {}),
        ((2, 5, 3), {}),
        ((2, 2, 3, 2, 4), {}),
        ((2, 5, 4, 6), {"axis": 1}),
        ((2, 5, 4, 6), {"axis": -2}),
        ((2, 5, 4, 6), {"dtype": "float64"}),
    ],
    ids=str,
)
def test_equals_keras_where_the_kernel_does_not_apply(shape, options, training):
    fused, reference = make_pair(shape, **options)
    assert_same(fused, reference, random_input(shape), training)


@pytest.mark.parametrize("training", [False, True])
def test_equals_keras_with_a_mask(training):
    shape = (2, 5, 4, 6)
    fused, reference = make_pair(shape)
    mask = np.random.default_rng(2).uniform(size=shape[:3]) > 0.5
    outputs, expected = (
        layer(random_input(shape), training=training, mask=mask) for layer in (fused, reference)
    )
    assert_close(outputs, expected)
    assert_close(fused.moving_mean.numpy(), reference.moving_mean.numpy())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_equals_keras_in_mixed_precision(policy, training):
    shape = (3, 5, 4, 6)
    fused, reference = make_pair(shape, dtype=policy)
    inputs = random_input(shape)
    outputs = fused(inputs, training=False)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    # Both compute in float32 and round once at the end.
    assert_same(fused, reference, inputs, training, 1e-2 if "bfloat16" in policy else 2e-3)
    if policy.startswith("mixed"):
        assert {weight.dtype for weight in fused.weights} == {"float32"}


def test_mixed_precision_statistics_do_not_overflow():
    # The squares exceed float16's 65504.
    inputs = random_input((2, 8, 8, 3)) * 500
    fused, reference = make_pair(inputs.shape, dtype="mixed_float16", momentum=0.0)
    assert_same(fused, reference, inputs, True, 2e-3)
    assert fused.moving_variance.numpy().min() > 65504


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 1, 1, 3), (1, 1, 2, 3)])
def test_equals_keras_on_one_or_two_pixels(shape, training):
    # The fused kernel's variance is divided by n - 1, which is 0 here.
    fused, reference = make_pair(shape)
    assert_same(fused, reference, random_input(shape), training)
    assert np.isfinite(fused.moving_variance.numpy()).all()


def test_equals_keras_on_integers():
    inputs = np.arange(24, dtype="int32").reshape(2, 2, 2, 3)
    fused, reference = make_pair(inputs.shape)
    assert_same(fused, reference, inputs, True)


def test_equals_keras_with_a_large_mean():
    inputs = random_input((4, 8, 8, 3)) + 1000
    fused, reference = make_pair(inputs.shape)
    assert_same(fused, reference, inputs, True, 1e-3)


@tensorflow_only
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"scale": False}, {"center": False}, {"trainable": False}, {"dtype": "mixed_float16"}],
    ids=str,
)
def test_gradients_equal_keras(options, training):
    import tensorflow as tf

    shape = (3, 5, 4, 2)
    inputs = tf.constant(random_input(shape))
    probe = tf.constant(np.random.default_rng(3).normal(size=shape), "float32")
    gradients = []
    for layer in make_pair(shape, **options):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.cast(layer(inputs, training=training), "float32") * probe)
        sources = [inputs] + [variable.value for variable in layer.trainable_variables]
        gradients.append(tape.gradient(loss, sources))
    tolerance = 1e-2 if "dtype" in options else 1e-4
    assert len(gradients[0]) == len(gradients[1]) > 0
    for actual, expected in zip(*gradients):
        assert_close(actual, expected, tolerance)


@pytest.mark.parametrize("shape", [(4, 4, 4, 2), (4, 1, 1, 2)])
def test_training_equals_keras(shape):
    """Several steps of `fit` inside a compiled graph, with a batch size unknown to it."""
    models = []
    for layer in make_pair(shape, momentum=0.8):
        inputs = keras.Input((None, None, shape[-1]))
        model = keras.Model(inputs, layer(inputs))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(
            random_input(shape),
            -random_input(shape),
            batch_size=3,
            epochs=3,
            shuffle=False,
            verbose=0,
        )
        models.append(model)
    for value, expected in zip(models[0].get_weights(), models[1].get_weights()):
        assert_close(value, expected, 1e-4)


def test_equals_the_oracle():
    inputs = random_input((3, 5, 4, 2))
    fused, _ = make_pair(inputs.shape, momentum=0.9)
    gamma, beta, old_mean, old_variance = fused.get_weights()
    expected = oracle.batch_norm_inference(inputs, old_mean, old_variance, gamma, beta)
    assert_close(fused(inputs), expected)
    expected, mean, variance = oracle.batch_norm_training(inputs, gamma, beta)
    assert_close(fused(inputs, training=True), expected)
    assert_close(fused.moving_mean.numpy(), 0.9 * old_mean + 0.1 * mean)
    assert_close(fused.moving_variance.numpy(), 0.9 * old_variance + 0.1 * variance)


def test_golden():
    inputs = np.array([1, 3, 5, 7], "float32").reshape(1, 2, 2, 1)  # mean 4, variance 5
    layer = FusedBatchNormalization(epsilon=4.0, momentum=0.0)
    outputs = layer(inputs, training=True)
    assert_close(outputs, np.array([-1, -1 / 3, 1 / 3, 1]).reshape(1, 2, 2, 1))
    assert_close(layer.moving_mean.numpy(), np.array([4]))
    assert_close(layer.moving_variance.numpy(), np.array([5]))


@tensorflow_only
def test_compiles_with_xla():
    import tensorflow as tf

    inputs = random_input((2, 3, 3, 2))
    fused, reference = make_pair(inputs.shape)
    compiled = tf.function(lambda x: fused(x, training=True), jit_compile=True)
    assert_close(compiled(inputs), reference(inputs, training=True))
    assert_close(fused.moving_variance.numpy(), reference.moving_variance.numpy())


def test_is_a_batch_normalization():
    # Keras itself, and tools that fold or freeze such layers, ask by isinstance.
    assert isinstance(FusedBatchNormalization(), keras.layers.BatchNormalization)


def test_saved_under_its_own_name(tmp_path):
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, FusedBatchNormalization(epsilon=1e-5, momentum=0.7)(inputs))
    model.save(tmp_path / "model.keras")
    (_, layer) = keras.models.load_model(tmp_path / "model.keras").layers
    assert type(layer) is FusedBatchNormalization
    assert (layer.epsilon, layer.momentum) == (1e-5, 0.7)
    name = keras.saving.get_registered_name(FusedBatchNormalization)
    assert name == "keras_multigrid>FusedBatchNormalization"
