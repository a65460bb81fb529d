"""MultigridConv2D: gradients, initial values, regularizers, what stays untouched."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_multigrid.layers import MultigridConv2D
from tests import oracle
from tests.asserts import shapes_of

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="takes gradients by tf.GradientTape"
)


def loss_and_arrays(layer, pyramid, probes):
    """Returns a function of the arrays [grids, weights] that gives a random projection."""

    def loss(arrays):
        layer.set_weights(arrays[len(pyramid) :])
        outputs = layer([ops.convert_to_tensor(grid) for grid in arrays[: len(pyramid)]])
        return float(sum(ops.sum(grid * probe) for grid, probe in zip(outputs, probes)))

    return loss, list(pyramid) + layer.get_weights()


def finite_differences(loss, arrays, step=1e-6):
    """Returns the central differences of `loss` by every entry of every array."""
    gradients = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for entry in np.ndindex(array.shape):
            value = array[entry]
            array[entry] = value + step
            above = loss(arrays)
            array[entry] = value - step
            gradient[entry] = (above - loss(arrays)) / (2 * step)
            array[entry] = value
        gradients.append(gradient)
    return gradients


@tensorflow_only
@pytest.mark.parametrize(
    "size, filters, options",
    [
        ((3, 4), [1, 2, 1], {"kernel_size": [3, 2, 1]}),
        ((4, 3), [2, 1], {"kernel_size": 3}),
        ((3, 3), [1], {"use_bias": False}),
        ((5, 3), [1, 1], {"padding": "valid", "kernel_size": 2}),
        ((5, 5), [1, 1, 1, 1], {"kernel_size": 1, "tie_filters": True}),
    ],
)
def test_gradients_equal_finite_differences(size, filters, options):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    num_grids = max(3, len(filters))
    pyramid = oracle.random_pyramid(rng, *size, [2] * num_grids, batch=1)
    pyramid = [grid.astype("float64") for grid in pyramid]
    layer = MultigridConv2D(filters, dtype="float64", **options)
    layer.build(shapes_of(pyramid))
    probes = [rng.normal(size=grid.shape) for grid in layer(pyramid)]

    grids = [tf.constant(grid) for grid in pyramid]
    with tf.GradientTape() as tape:
        tape.watch(grids)
        outputs = layer(grids)
        loss = sum(ops.sum(grid * probe) for grid, probe in zip(outputs, probes))
    sources = grids + [variable.value for variable in layer.trainable_variables]
    gradients = tape.gradient(loss, sources, unconnected_gradients="zero")

    expected = finite_differences(*loss_and_arrays(layer, pyramid, probes))
    assert len(gradients) == len(expected)
    for actual, reference in zip(gradients, expected):
        np.testing.assert_allclose(actual.numpy(), reference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "initializer",
    [
        None,
        "glorot_uniform",
        keras.initializers.HeNormal(),
        keras.initializers.HeNormal(seed=3),
        keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(3)),
    ],
    ids=["default", "name", "unseeded", "seeded", "seed_generator"],
)
def test_grids_of_equal_shape_start_with_different_kernels(initializer):
    layer = MultigridConv2D([4, 4, 4, 4], kernel_initializer=initializer)
    layer.build([(1, 8, 8, 2), (1, 4, 4, 2), (1, 2, 2, 2), (1, 1, 1, 2)])
    kernels = [kernel.numpy() for kernel in layer.kernels]
    assert kernels[1].shape == kernels[2].shape and kernels[0].shape == kernels[3].shape
    assert np.abs(kernels[1] - kernels[2]).max() > 0.01
    assert np.abs(kernels[0] - kernels[3]).max() > 0.01


def test_a_seeded_initializer_repeats_from_layer_to_layer():
    first, second = (
        MultigridConv2D([4, 4], kernel_initializer=keras.initializers.HeNormal(seed=3))
        for _ in range(2)
    )
    for layer in (first, second):
        layer.build([(1, 4, 4, 2), (1, 2, 2, 2)])
    for one, other in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_default_initial_values():
    layer = MultigridConv2D([200, 100], kernel_size=[3, 1])
    layer.build([(1, 4, 4, 30), (1, 2, 2, 30)])
    # The paper's He initialization by fan-out: std = sqrt(2 / (k k filters)), not truncated.
    for kernel, fan_out in zip(layer.kernels, (9 * 200, 100)):
        values = kernel.numpy()
        std = np.sqrt(2 / fan_out)
        assert abs(values.std() / std - 1) < 0.05
        assert abs(values.mean()) < 0.1 * std
        assert np.abs(values).max() > 2.5 * std
    assert all(not bias.numpy().any() for bias in layer.biases)


def test_regularizers_and_constraints_apply_to_each_grid():
    layer = MultigridConv2D(
        [1, 1],
        kernel_size=1,
        kernel_initializer="ones",
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(1.0),
        bias_regularizer=keras.regularizers.L1(10.0),
        kernel_constraint="non_neg",
        bias_constraint="non_neg",
    )
    layer.build([(1, 2, 2, 1), (1, 1, 1, 1)])
    assert len(layer.losses) == 4
    assert float(sum(layer.losses)) == 2 + 2 + 10 + 10
    assert all(variable.constraint is not None for variable in layer.weights)


def test_tied_kernels_are_regularized_once():
    layer = MultigridConv2D(
        [1, 1, 1, 1],
        kernel_size=1,
        tie_filters=True,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L1(1.0),
    )
    layer.build([(1, 8, 8, 1), (1, 4, 4, 1), (1, 2, 2, 1), (1, 1, 1, 1)])
    assert float(sum(layer.losses)) == 2 + 3 + 2


def test_weight_names_and_order():
    layer = MultigridConv2D([1, 1], name="conv")
    layer.build([(1, 2, 2, 1), (1, 1, 1, 1)])
    assert [weight.path for weight in layer.weights] == [
        "conv/kernel_0",
        "conv/bias_0",
        "conv/kernel_1",
        "conv/bias_1",
    ]


def test_input_list_stays_as_it_is():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 5, 5, [1, 1, 1])
    before, values = list(pyramid), [grid.copy() for grid in pyramid]
    outputs = MultigridConv2D([2, 2])(pyramid)
    assert len(pyramid) == 3 and all(one is other for one, other in zip(pyramid, before))
    assert all((grid == value).all() for grid, value in zip(pyramid, values))
    assert outputs is not pyramid


def test_a_tuple_is_a_pyramid_too():
    pyramid = oracle.random_pyramid(np.random.default_rng(0), 4, 4, [1, 1])
    layer = MultigridConv2D([2, 2])
    for one, other in zip(layer(tuple(pyramid)), layer(pyramid)):
        np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_build_does_not_change_the_configuration():
    layer = MultigridConv2D([2, 3], kernel_size=[3, 1])
    before = layer.get_config()
    layer.build([(1, 4, 4, 1), (1, 2, 2, 1), (1, 1, 1, 1)])
    assert layer.get_config() == before
    assert before["filters"] == [2, 3] and before["kernel_size"] == [3, 1]
