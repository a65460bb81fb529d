"""Taking exchanges away: against the oracle, restored, and what it does to a metric."""

import keras
import numpy as np
import pytest

from keras_multigrid.layers import ImagePyramid, MultigridConv2D
from keras_multigrid.routing import Exchange, ablate, exchanges, without
from tests import oracle
from tests.routing.networks import network, read_by
from tests.routing.oracle import contributions

FROM_COARSER = Exchange("conv", 0, "coarser")


def images(size=(8, 8)):
    return np.random.default_rng(1).normal(size=(2, *size, 2)).astype("float32")


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_without_an_exchange_its_source_is_zero(kernel_size):
    model, batch = network([2, 1, 2], (7, 6), kernel_size), images((7, 6))
    layer = model.get_layer("conv")
    pyramid = read_by(model, "conv").predict(batch, verbose=0)
    added = contributions(pyramid, [kernel.numpy() for kernel in layer.kernels])
    for exchange in exchanges(model)[-7:]:
        with without(model, exchange):
            outputs = model.predict(batch, verbose=0)
        for grid, output in enumerate(outputs):
            expected = layer.biases[grid].numpy() + sum(
                values
                for (reader, source), values in added.items()
                if reader == grid and (reader, source) != (exchange.grid, exchange.source)
            )
            np.testing.assert_allclose(output, expected, atol=1e-5)


def test_without_several_exchanges():
    model, batch = network([1, 1]), images()
    chosen = [FROM_COARSER, Exchange("conv", 1, "finer"), FROM_COARSER]
    layer = model.get_layer("conv")
    pyramid = read_by(model, "conv").predict(batch, verbose=0)
    with without(model, *chosen):
        outputs = model.predict(batch, verbose=0)
    for grid, kernel in enumerate(layer.kernels):
        own = kernel.numpy()[:, :, layer.sources(grid)["own"]]
        expected = oracle.conv(pyramid[grid], own, layer.biases[grid].numpy())
        np.testing.assert_allclose(outputs[grid], expected, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_kernels_are_restored_to_the_bit(policy):
    keras.config.set_dtype_policy(policy)
    model = network([2, 2])
    before = model.get_weights()
    with pytest.raises(KeyError), without(model, FROM_COARSER, Exchange("conv", 0, "own")):
        kernel = model.get_layer("conv").kernels[0]
        assert not keras.ops.convert_to_numpy(kernel).any()
        with without(model, FROM_COARSER):
            pass
        kernel.assign(kernel + 3)
        raise KeyError
    for weight, value in zip(model.get_weights(), before):
        assert weight.tobytes() == value.tobytes()


def test_an_evaluation_that_fails_leaves_the_network_whole():
    model = network([2, 2])
    before, calls = model.get_weights(), []

    def evaluate(model):
        calls.append(model)
        if len(calls) > 1:
            raise OSError
        return 1.0

    with pytest.raises(OSError):
        ablate(model, evaluate, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), before))


def routed():
    """Returns a model that repeats the coarse grid alone: what `use` reads of the fine is zero."""
    image = keras.Input((8, 8, 1))
    pyramid = MultigridConv2D([1, 1], 1, use_bias=False, name="make")(ImagePyramid(2)(image))
    output = MultigridConv2D([1, 1], 1, use_bias=False, name="use")(pyramid)[0]
    model = keras.Model(image, output, name="routed")
    fine, coarse = (np.array(part, "float32").reshape(1, 1, 2, 1) for part in ([1, 0], [0, 1]))
    model.get_layer("make").set_weights([fine, coarse])
    fine, coarse = (np.array(part, "float32").reshape(1, 1, 2, 1) for part in ([0, 1], [1, 1]))
    model.get_layer("use").set_weights([fine, coarse])
    return model


def test_a_metric_falls_where_an_exchange_matters_alone():
    model, batch = routed(), images()[..., :1]
    targets = model.predict(batch, verbose=0)
    model.compile(loss="mse", metrics=["mae"])

    def evaluate(model):
        return -model.evaluate(batch, targets, verbose=0, return_dict=True)["mae"]

    done = ablate(model, evaluate, verbose=0)
    assert done.name == "routed" and done.baseline == 0
    changes = {(row.exchange.layer, row.exchange.grid): row.change for row in done.rows}
    assert changes.pop(("use", 0)) == pytest.approx(-np.abs(targets).mean(), rel=1e-5)
    assert changes == {("make", 0): 0, ("make", 1): 0, ("use", 1): 0}


def test_no_step_is_traced_anew():
    model, batch = network([1, 1]), images()
    seen = []

    def error(truth, output):
        seen.append(output)
        return keras.ops.mean(keras.ops.abs(output - truth))

    fine = keras.Model(model.input, model.output[0])
    fine.compile(loss=error)
    targets = np.zeros((2, 8, 8, 1))
    fine.evaluate(batch, targets, verbose=0)
    traces = len(seen)
    done = ablate(fine, lambda model: model.evaluate(batch, targets, verbose=0), verbose=0)
    assert len(seen) == traces and len({row.value for row in done.rows}) > 1


def test_all_between_grids_are_taken_in_order_of_computation():
    model = network([1, 1])
    names = [(row.exchange.layer, row.exchange.source) for row in constant(model).rows]
    assert names == [
        (layer, source) for layer in ("widen", "conv") for source in ("coarser", "finer")
    ]


def test_chosen_ones_are_sorted():
    model = network([1, 1])
    chosen = [FROM_COARSER, Exchange("widen", 1, "own")]
    rows = constant(model, chosen).rows
    assert [row.exchange for row in rows] == chosen[::-1]
    assert rows[0].exchange.size == (4, 4)


def constant(model, chosen=None):
    return ablate(model, lambda model: 0.5, chosen, verbose=0)


def test_the_table_has_a_line_per_exchange_and_the_baseline():
    values = iter([0.5, 0.25, 0.75])
    chosen = [FROM_COARSER, Exchange("widen", 1, "own")]
    done = ablate(network([1, 1]), lambda model: next(values), chosen, verbose=0)
    assert [line.split() for line in str(done).splitlines()] == [
        "layer grid size source value change".split(),
        "widen 1 4x4 own 0.25 -0.25".split(),
        "conv 0 8x8 coarser 0.75 +0.25".split(),
        "net, whole 0.5".split(),
    ]


def test_progress_is_shown(capsys):
    ablate(network([1, 1]), lambda model: 0.5, verbose=2)
    assert "5/5" in capsys.readouterr().out


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda model: constant(keras.Sequential()), "is a Sequential; expected a functional"),
        (lambda model: constant(tied()), "Grids 1, 2 of 'conv' share a kernel by tie_filters"),
        (lambda model: constant(model, [Exchange("con", 0, "own")]), "no MultigridConv2D 'con';"),
        (lambda model: constant(model, [Exchange("a/b", 0, "own")]), "no MultigridConv2D 'a/b';"),
        (
            lambda model: constant(model, [Exchange("conv", 0, "finer")]),
            "Grid 0 of 'conv' does not read 'finer'; expected 'own' or 'coarser'",
        ),
        (lambda model: constant(model, [Exchange("conv", 2, "own")]), "grid is 2; expected 0 to 1"),
        (lambda model: constant(model, ["conv"]), "exchange is 'conv'; expected an Exchange"),
        (
            lambda model: ablate(model, lambda model: {"iou": 1}, verbose=0),
            "evaluate returned {'iou': 1}; expected a number",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call(network([1, 1]))
    assert "\n" not in str(caught.value)


def tied():
    return network([2] * 4, widths=[1] * 4, tie_filters=True)


def test_grids_of_tied_filters_that_have_their_own_kernel_can_be_without():
    with without(tied(), FROM_COARSER, Exchange("conv", 3, "finer")):
        pass
