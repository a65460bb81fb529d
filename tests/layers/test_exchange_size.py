"""MultigridConv2D with kernels of their own for what grids exchange: values, counts, files."""

import keras
import numpy as np
import pytest

from keras_multigrid.complexity import profile
from keras_multigrid.layers import MultigridConv2D
from tests import oracle
from tests.asserts import assert_close, assert_pyramids_close, shapes_of
from tests.random_weights import randomize


def built(channels=(2, 3, 1), size=(11, 8), filters=(4, 3, 2), **options):
    """Returns a layer with random weights, and a pyramid for it."""
    pyramid = oracle.random_pyramid(np.random.default_rng(0), *size, channels)
    layer = MultigridConv2D(list(filters), **options)
    layer.build(shapes_of(pyramid))
    randomize(layer)
    return layer, pyramid


def expected_outputs(layer, pyramid):
    """Each source convolved by itself, the coarser one repeated before, and added up."""
    options = {"strides": layer.strides, "dilation": layer.dilation_rate}
    outputs = []
    for grid, (own, exchange) in enumerate(zip(layer.kernels, layer.exchange_kernels)):
        output = oracle.conv(pyramid[grid], own.numpy(), layer.biases[grid].numpy(), **options)
        if "finer" in exchange:
            pooled = oracle.max_pool(pyramid[grid - 1])
            output = output + oracle.conv(pooled, exchange["finer"].numpy(), **options)
        if "coarser" in exchange:
            repeated = oracle.upsample(pyramid[grid + 1], *pyramid[grid].shape[1:3])
            output = output + oracle.conv(repeated, exchange["coarser"].numpy(), **options)
        outputs.append(output)
    return outputs


@pytest.mark.parametrize("steps", [{}, {"strides": 2}, {"dilation_rate": 2}], ids=str)
@pytest.mark.parametrize("exchange_size", [0, 1, 3, (0, 1), (2, 0), (3, 1)], ids=str)
def test_equals_the_oracle(exchange_size, steps):
    layer, pyramid = built(kernel_size=(3, 5, 3), exchange_size=exchange_size, **steps)
    outputs = layer(pyramid)
    assert_pyramids_close(outputs, expected_outputs(layer, pyramid))
    assert layer.compute_output_shape(shapes_of(pyramid)) == shapes_of(outputs)


@pytest.mark.parametrize("formulation", ["textbook", "transposed", "phases"])
def test_formulations_are_equal(formulation):
    layer, pyramid = built(size=(16, 8), exchange_size=1, formulation=formulation)
    assert_pyramids_close(layer(pyramid), expected_outputs(layer, pyramid))


def test_channels_first():
    layer, pyramid = built(exchange_size=1)
    first = MultigridConv2D([4, 3, 2], exchange_size=1, data_format="channels_first")
    turned = [grid.transpose(0, 3, 1, 2) for grid in pyramid]
    first.build(shapes_of(turned))
    first.set_weights(layer.get_weights())
    outputs = [np.asarray(grid).transpose(0, 2, 3, 1) for grid in first(turned)]
    assert_pyramids_close(outputs, expected_outputs(layer, pyramid))


def test_golden():
    fine = np.array([[1, 2], [3, 4]], "float32").reshape(1, 2, 2, 1)
    coarse = np.array([[10]], "float32").reshape(1, 1, 1, 1)
    layer = MultigridConv2D([1, 1], exchange_size=1, use_bias=False)
    layer.build([fine.shape, coarse.shape])
    middle = np.zeros((3, 3, 1, 1))
    middle[1, 1] = 5
    one = np.ones((1, 1, 1, 1))
    named = {"kernel_0": middle, "kernel_0_coarser": 2 * one}
    named |= {"kernel_1": middle, "kernel_1_finer": 3 * one}
    for weight in layer.weights:
        weight.assign(named.pop(weight.name))
    fine_output, coarse_output = layer([fine, coarse])
    assert not named
    assert_close(fine_output, 5 * fine + 20)
    assert_close(coarse_output, np.array(50 + 12).reshape(1, 1, 1, 1))


def test_kernels_by_source():
    layer, _ = built(exchange_size=(0, 1))
    assert [tuple(kernel.shape) for kernel in layer.kernels] == [
        (3, 3, 2, 4),
        (3, 3, 3, 3),
        (3, 3, 1, 2),
    ]
    shapes = [{name: tuple(k.shape) for name, k in each.items()} for each in layer.exchange_kernels]
    assert shapes == [{"coarser": (1, 1, 3, 4)}, {"coarser": (1, 1, 1, 3)}, {}]
    assert layer.sources(1) == {"own": slice(0, 3), "coarser": slice(0, 1)}
    kernel, channels = layer.parts(1)["coarser"]
    assert kernel is layer.exchange_kernels[1]["coarser"] and channels == slice(0, 1)


def test_one_kernel_for_all_sources_by_default():
    layer, _ = built()
    assert layer.exchange_kernels == [{}, {}, {}]
    assert all(kernel is layer.kernels[1] for kernel, _ in layer.parts(1).values())


def test_multiply_adds():
    pyramid = [keras.Input((8, 6, 2)), keras.Input((4, 3, 5))]
    outputs = MultigridConv2D([7, 11], exchange_size=1)(pyramid)
    own = 8 * 6 * 9 * 2 * 7 + 4 * 3 * 9 * 5 * 11
    # What a 1x1 kernel reads of the coarser grid is convolved before it is repeated.
    exchanged = 4 * 3 * 5 * 7 + 4 * 3 * 2 * 11
    (row,) = [row for row in _joined(pyramid, outputs).rows if row.type == "MultigridConv2D"]
    assert row.macs == own + exchanged


def _joined(pyramid, outputs):
    image = keras.Input((8, 6, 2))
    coarse = keras.layers.Conv2D(5, 2, strides=2)(image)
    return profile(keras.Model(image, keras.Model(pyramid, outputs)([image, coarse])))


def test_tied_filters():
    options = {"exchange_size": 1, "tie_filters": True}
    layer, pyramid = built([2] * 5, (16, 16), [3, 2, 2, 2, 4], **options)
    assert layer.kernels[1] is layer.kernels[2] is layer.kernels[3]
    assert layer.exchange_kernels[1]["finer"] is layer.exchange_kernels[3]["finer"]
    assert_pyramids_close(layer(pyramid), expected_outputs(layer, pyramid))
    with pytest.raises(ValueError, match="grid 2 would need a kernel of shape"):
        built([2, 2, 2, 3], (16, 16), [3, 2, 2, 4], **options)


def test_a_file_keeps_it(tmp_path):
    layer, pyramid = built(exchange_size=(1, 3))
    inputs = [keras.Input(grid.shape[1:]) for grid in pyramid]
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert again.layers[-1].exchange_size == (1, 3)
    assert_pyramids_close(again(pyramid), model(pyramid), tolerance=0)


def test_kernels_of_equal_shapes_start_unlike():
    initializer = keras.initializers.RandomNormal(seed=1)
    options = {"kernel_size": 1, "exchange_size": 1, "kernel_initializer": initializer}
    layer = MultigridConv2D([2, 2], **options)
    layer.build([(1, 8, 8, 2), (1, 4, 4, 2)])
    kernels = [weight.numpy() for weight in layer.weights if weight.name.startswith("kernel")]
    assert len(kernels) == 4
    assert len({kernel.tobytes() for kernel in kernels}) == 4


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"exchange_size": -1}, "exchange_size is -1; expected an integer of at least 0"),
        ({"exchange_size": (1, 1, 1)}, "a pair of"),
        ({"exchange_size": 1.5}, "exchange_size is 1.5"),
        ({"exchange_size": 1, "padding": "valid"}, "need padding 'same'"),
    ],
)
def test_errors(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        MultigridConv2D([2, 2], **options)
