"""Norms and shares: of kernels by hand, of activations against the oracle."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from keras_multigrid.routing import exchanges, measure
from tests import oracle
from tests.routing.networks import network, read_by
from tests.routing.oracle import contributions

pytestmark = pytest.mark.usefixtures("eagerly")

CASES = {
    "two_grids": {"filters": [2, 1]},
    "odd_sizes": {"filters": [1, 3, 2, 2], "size": (11, 7)},
    "one_pixel": {"filters": [1, 2, 1], "size": (2, 1), "kernel_size": 2},
    "kernel_1": {"filters": [3, 1, 2], "size": (5, 6), "kernel_size": 1},
    "kernels_differ": {"filters": [2, 2, 1], "size": (9, 8), "kernel_size": [1, 2, 3]},
    "grid_drop": {"filters": [2, 2], "size": (9, 5), "grids": 4},
    "no_bias": {"filters": [2, 2], "use_bias": False},
    "valid": {"filters": [2, 1], "size": (8, 8), "padding": "valid"},
}


def images(size=(8, 8), count=3, channels=2):
    return np.random.default_rng(1).normal(size=(count, *size, channels)).astype("float32")


def rows_of(measured, layer):
    return [row for row in measured.rows if row.exchange.layer == layer]


def shares_by_grid(measured, field):
    sums = {}
    for row in measured.rows:
        grid = (row.exchange.layer, row.exchange.grid)
        sums[grid] = sums.get(grid, 0) + getattr(row, field)
    return [*sums.values()]


def test_norms_of_kernels_by_hand():
    model = network([1, 1], widths=(1, 1), kernel_size=1, use_bias=False)
    fine, coarse = np.array([3, 4]), np.array([-2, 0])  # own, coarser; finer, own
    model.get_layer("conv").set_weights([part.reshape(1, 1, 2, 1) for part in (fine, coarse)])
    rows = rows_of(measure(model), "conv")
    assert [row.kernel_norm for row in rows] == [3, 4, 2, 0]
    assert [row.kernel_share for row in rows] == pytest.approx([9 / 25, 16 / 25, 1, 0])
    assert rows[0].activation_norm is None and rows[0].activation_share is None


def test_norms_of_activations_by_hand():
    model = network([1, 1], widths=(1, 1), kernel_size=1)
    kernel, bias = np.zeros((1, 1, 4, 1)), np.zeros(1)
    own, pooled = kernel.copy(), kernel.copy()
    own[0, 0, 0], pooled[0, 0, 2] = 1, 1  # each grid is the image's first channel
    model.get_layer("widen").set_weights([own, bias, pooled, bias])
    parts = [np.array(part).reshape(1, 1, 2, 1) for part in ([3, 4], [-2, 1])]
    model.get_layer("conv").set_weights([parts[0], bias + 7, parts[1], bias + 7])
    ones = np.ones((2, 8, 8, 2))
    ones[1] *= 3  # the root of the mean of 1 and 9 is the root of 5
    rows = rows_of(measure(model, ones, verbose=0), "conv")
    expected = np.sqrt(5) * np.array([3, 4, 2, 1])
    np.testing.assert_allclose([row.activation_norm for row in rows], expected, rtol=1e-6)
    shares = [row.activation_share for row in rows]
    np.testing.assert_allclose(shares, [9 / 25, 16 / 25, 4 / 5, 1 / 5], rtol=1e-6)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_activations_equal_the_oracle(case):
    model, batch = network(**case), images(case.get("size", (8, 8)))
    layer = model.get_layer("conv")
    pyramid = read_by(model, "conv").predict(batch, verbose=0)
    kernels = [kernel.numpy() for kernel in layer.kernels]
    added = contributions(pyramid, kernels, layer.padding)

    outputs = model.predict(batch, verbose=0)  # what is added is all there is, but for the bias
    for grid, output in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        total = sum(values for (reader, _), values in added.items() if reader == grid)
        bias = layer.biases[grid].numpy() if layer.use_bias else 0
        np.testing.assert_allclose(output, total + bias, atol=1e-5)

    measured = measure(model, batch, verbose=0)
    assert [row.exchange for row in measured.rows] == exchanges(model)
    rows = rows_of(measured, "conv")
    assert [(row.exchange.grid, row.exchange.source) for row in rows] == [*added]
    norms = [np.sqrt(np.mean(values**2)) for values in added.values()]
    np.testing.assert_allclose([row.activation_norm for row in rows], norms, rtol=1e-5)
    np.testing.assert_allclose(shares_by_grid(measured, "activation_share"), 1)
    np.testing.assert_allclose(shares_by_grid(measured, "kernel_share"), 1)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_batch_size_does_not_matter(batch_size):
    model = network([2, 2])
    expected = measure(model, images(), batch_size=3, verbose=0)
    measured = measure(model, images(), batch_size, verbose=0)
    for row, other in zip(measured.rows, expected.rows):
        assert row.activation_norm == pytest.approx(other.activation_norm, rel=1e-6)


def test_all_calls_of_a_layer_count():
    image = keras.Input((8, 8, 2))
    layer = MultigridConv2D([2, 2], name="conv")
    first = layer(ImagePyramid(2)(image))
    model = keras.Model(image, layer(first))
    pyramids = [
        oracle.image_pyramid(images(), 2),
        keras.Model(image, first).predict(images(), verbose=0),
    ]
    kernels = [kernel.numpy() for kernel in layer.kernels]
    calls = [contributions(pyramid, kernels) for pyramid in pyramids]
    measured = measure(model, images(), verbose=0)
    for row in measured.rows:
        key = row.exchange.grid, row.exchange.source
        square = np.mean([np.mean(added[key] ** 2) for added in calls])
        assert row.activation_norm == pytest.approx(np.sqrt(square), rel=1e-5)


def test_models_within_the_model_are_measured():
    inner = network([2, 2])
    image = keras.Input((8, 8, 2))
    model = keras.Model(image, inner(keras.layers.Rescaling(2.0)(image)))
    measured = measure(model, images(), verbose=0)
    expected = measure(inner, 2 * images(), verbose=0)
    for row, other in zip(measured.rows, expected.rows):
        assert row.exchange.layer == f"net/{other.exchange.layer}"
        assert row.activation_norm == pytest.approx(other.activation_norm, rel=1e-6)


def test_images_give_the_size_that_the_model_leaves_open():
    measured = measure(network([1, 1], size=(None, None)), images((6, 4)), verbose=0)
    assert [row.exchange.size for row in measured.rows[-4:]] == [(6, 4)] * 2 + [(3, 2)] * 2


def test_half_precision_is_measured_in_single():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = network([2, 2])
    half = measure(model, images(), verbose=0)
    keras.config.set_dtype_policy("float32")
    single = network([2, 2])
    single.set_weights(model.get_weights())
    for row, other in zip(half.rows, measure(single, images(), verbose=0).rows):
        assert row.activation_norm == pytest.approx(other.activation_norm, rel=2e-2)


def test_the_model_stays_as_it_was():
    model = network([2, 2])
    model.compile("sgd", ["mse", "mse"])
    before, weights = model.optimizer, model.get_weights()
    outputs = model.predict(images(), verbose=0)
    measure(model, images(), verbose=0)
    assert model.optimizer is before and model.get_layer("conv").output[0] is model.output[0]
    for weight, value in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(weight, value)
    for output, value in zip(model.predict(images(), verbose=0), outputs):
        np.testing.assert_array_equal(output, value)


def test_nothing_read_is_no_share():
    model = network([1, 1])
    model.get_layer("conv").set_weights([0 * w for w in model.get_layer("conv").get_weights()])
    for row in rows_of(measure(model, images(), verbose=0), "conv"):
        assert row.kernel_share == row.activation_share == row.activation_norm == 0


def test_mean_shares_are_of_grids_with_a_choice():
    model = network([1, 1], widths=(1, 1), kernel_size=1, use_bias=False)
    for name in ("widen", "conv"):
        weights = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([np.ones_like(weight) for weight in weights])
    image = keras.Input((8, 8, 2))
    last = MultigridConv2D([1], name="last")
    measured = measure(keras.Model(image, last(model(image))))
    # widen reads two channels of its own and two of the neighbour, conv one and one; last itself.
    assert measured.rows[-1].kernel_share == 1
    assert measured.mean_shares() == {source: (0.5, None) for source in ("finer", "own", "coarser")}


def test_the_table_has_a_line_per_exchange_and_the_means():
    measured = measure(network([1, 1]), images(), verbose=0)
    header, *lines = str(measured).splitlines()
    assert (
        header.split() == "layer grid size source kernel norm share activation norm share".split()
    )
    assert len(lines) == 8 + 3 and len({len(line) for line in [header, *lines]}) == 1
    row = measured.rows[0]
    values = [f"{row.kernel_norm:.4g}", f"{row.kernel_share:.3f}"]
    values += [f"{row.activation_norm:.4g}", f"{row.activation_share:.3f}"]
    assert lines[0].split() == ["widen", "0", "8x8", "own", *values]
    assert "activation" not in str(measure(network([1, 1])))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda model: measure(keras.Sequential()), "is a Sequential; expected a functional"),
        (lambda model: measure(model, images()[0]), "images have shape .8, 8, 2.; expected"),
        (lambda model: measure(model, images(channels=3)), "shape .3, 8, 8, 3.; expected"),
        (lambda model: measure(model, images() * np.nan), "not finite"),
        (lambda model: measure(model, images(), 0), "batch_size is 0; expected an integer from 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(network([1, 1]))
    assert "\n" not in str(caught.value)
