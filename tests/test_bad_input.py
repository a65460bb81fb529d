"""Every mistake gets a ValueError that says where, what came and what was expected."""

import re

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.layers import (
    ChannelPadding,
    ImagePyramid,
    MultigridConv2D,
    MultigridConv2DTranspose,
    MultigridMaxPooling2D,
    PerGrid,
    SkipConcatenate,
)

zoo = kmg.applications


def grid(height, width, channels=2, batch=1):
    return np.zeros((batch, height, width, channels), "float32")


def built_for(layer, *shapes):
    """Returns the layer, built for a pyramid of these (height, width, channels)."""
    layer.build([(None, *shape) for shape in shapes])
    return layer


def conv(filters=(2, 2), **options):
    return MultigridConv2D(filters, name="conv", **options)


# (what is done, what the message must say), by what is wrong.
ARGUMENTS = {
    "filters: an integer": (lambda: conv(4), "filters is 4; expected a list"),
    "filters: empty": (lambda: conv([]), r"filters is \[\]; expected a list"),
    "filters: zero": (
        lambda: conv([8, 0]),
        r"filters is \[8, 0\]; expected a list of positive integers, one per grid, the finest",
    ),
    "filters: negative": (lambda: conv([-8]), r"filters is \[-8\]; expected a list of positive"),
    "filters: fraction": (lambda: conv([8, 4.0]), r"filters is \[8, 4.0\]; expected a list of"),
    "filters: boolean": (lambda: conv([True]), r"filters is \[True\]; expected a list of positive"),
    "filters: text": (lambda: conv("64"), "filters is '64'; expected a list"),
    "kernel_size: too few": (
        lambda: conv([8, 4, 2], kernel_size=[3, 1]),
        r"kernel_size is \[3, 1\]; expected a positive integer, or a list of 3, one per grid",
    ),
    "kernel_size: zero": (
        lambda: conv([8, 4], kernel_size=0),
        "kernel_size is 0; expected a positive integer",
    ),
    "kernel_size: pair": (
        lambda: conv([8, 4], kernel_size=[3, (3, 3)]),
        r"kernel_size is \[3, \(3, 3\)\]; expected a positive integer",
    ),
    "strides: per grid": (
        lambda: conv(strides=[2, 2]),
        r"strides is \[2, 2\]; expected a positive integer",
    ),
    "dilation_rate: zero": (
        lambda: conv(dilation_rate=0),
        "dilation_rate is 0; expected a positive integer",
    ),
    "strides and dilation": (
        lambda: conv(strides=2, dilation_rate=3),
        "conv': strides is 2 and dilation_rate is 3; expected at least one of them to be 1",
    ),
    "activation": (lambda: conv(activation="relu7"), "relu7"),
    "padding": (
        lambda: conv(padding="causal"),
        "padding is 'causal'; expected 'same', 'valid'",
    ),
    "data_format": (
        lambda: conv(data_format="NHWC"),
        "data_format is 'NHWC'; expected 'channels_last' or 'channels_first'",
    ),
    "num_grids: zero": (lambda: ImagePyramid(0), "num_grids is 0; expected a positive integer"),
    "num_grids: fraction": (lambda: ImagePyramid(2.5), "num_grids is 2.5; expected a positive"),
    "transpose: filters": (
        lambda: MultigridConv2DTranspose(8),
        "filters is 8; expected a list of positive integers, one per grid",
    ),
    "transpose: strides": (
        lambda: MultigridConv2DTranspose([8], strides=0),
        "strides.* is 0; expected a positive integer",
    ),
    "transpose: kernel_size": (
        lambda: MultigridConv2DTranspose([8], kernel_size=-1),
        "kernel_size.* is -1; expected a positive integer",
    ),
    "transpose: kernel sizes": (
        lambda: MultigridConv2DTranspose([8], kernel_size=[2, 2]),
        r"kernel_size is \[2, 2\]; expected a positive integer, or a list of 1, one per grid",
    ),
    "per grid: a function": (lambda: PerGrid(np.tanh), "layer is .*; expected a Keras layer"),
    "per grid: a class": (
        lambda: PerGrid(keras.layers.ReLU),
        r"layer is <class .*; expected a Keras layer, for example PerGrid\(keras.layers.ReLU",
    ),
    "channel padding: filters": (
        lambda: ChannelPadding("8"),
        "filters is '8'; expected a positive integer",
    ),
}

INPUTS = {
    "one tensor": (
        lambda: conv()(grid(4, 4)),
        r"takes a pyramid.* finest grid first, but got one tensor of shape \(1, 4, 4, 2\)",
    ),
    "empty list": (lambda: conv()([]), "empty pyramid; expected a list of at least one"),
    "three dimensions": (
        lambda: conv()([grid(4, 4), np.zeros((2, 2, 2), "float32")]),
        r"grid 1 has shape \(2, 2, 2\); expected 4 dimensions: .*batch.*height.*width.*channels",
    ),
    "no pixels": (
        lambda: conv()([grid(4, 4), grid(0, 2)]),
        "grid 1 is 0x2; expected at least 1x1",
    ),
    "another batch": (
        lambda: conv()([grid(4, 4, batch=3), grid(2, 2, batch=2)]),
        "grid 1 has a batch of 2; expected 3, as grid 0",
    ),
    "coarse first": (
        lambda: conv()([grid(2, 2), grid(4, 4)]),
        "grid 1 is 4x4; expected 1x1, half of grid 0's 2x2, rounded up. Order the list from",
    ),
    "odd side rounded down": (
        lambda: conv()([grid(7, 8), grid(3, 4)]),
        "grid 1 is 3x4; expected 4x4, half of grid 0's 7x8, rounded up",
    ),
    "wrong width at the end": (
        lambda: conv()([grid(8, 8), grid(4, 4), grid(2, 1)]),
        "grid 2 is 2x1; expected 2x2, half of grid 1's 4x4",
    ),
    "more filters than grids": (
        lambda: conv([2, 2, 2])([grid(4, 4), grid(2, 2)]),
        "filters has 3 entries but the pyramid has 2 grids; expected at most one entry per grid",
    ),
    "fewer grids than at build": (
        lambda: built_for(conv(), (4, 4, 2), (2, 2, 2))([grid(4, 4)]),
        "conv' was built for 2 grids but got 1; expected as many grids as at build",
    ),
    "other channels than at build": (
        lambda: built_for(conv(), (4, 4, 2), (2, 2, 3))([grid(4, 4), grid(2, 2, 5)]),
        "grid 1 has 5 channels; expected 3, as at build",
    ),
    "unknown channels": (
        lambda: conv().build([(None, 4, 4, 2), (None, 2, 2, None)]),
        "the number of channels of grid 1 is None; expected an integer",
    ),
    "tied filters of other shapes": (
        lambda: conv([2] * 4, tie_filters=True)([grid(8 >> k, 8 >> k, 2 + k) for k in range(4)]),
        r"tie_filters, grid 2 would need a kernel of shape \(3, 3, 12, 2\); expected "
        r"\(3, 3, 9, 2\) as grid 1's",
    ),
    "valid padding on a grid smaller than the kernel": (
        lambda: conv(padding="valid")([grid(4, 4), grid(2, 2)]),
        r"grid 1 of shape \(1, 2, 2, 2\) is smaller than the 3x3 pixels that its kernel covers",
    ),
    "valid padding on a grid smaller than the dilated kernel": (
        lambda: conv([2], padding="valid", dilation_rate=2)([grid(4, 4)]),
        r"grid 0 of shape \(1, 4, 4, 2\) is smaller than the 5x5 pixels that its kernel covers",
    ),
    "image pyramid: one image without batch": (
        lambda: ImagePyramid(2)(np.zeros((8, 8, 3), "float32")),
        r"one image tensor of 4 dimensions, but got shape\(s\) \(8, 8, 3\).* image\[None\]",
    ),
    "image pyramid: a pyramid": (
        lambda: ImagePyramid(2)([grid(8, 8), grid(4, 4)]),
        "ImagePyramid .*takes one image tensor",
    ),
    "transpose: number of grids": (
        lambda: MultigridConv2DTranspose([8])([grid(4, 4), grid(2, 2)]),
        "filters has 1 entries but the pyramid has 2 grids; expected one entry per grid",
    ),
    "transpose: coarse first": (
        lambda: MultigridConv2DTranspose([8, 8])([grid(2, 2), grid(4, 4)]),
        "grid 1 is 4x4; expected 1x1",
    ),
    "merge of one grid": (
        lambda: MultigridMaxPooling2D(merge=True)([grid(4, 4)]),
        "merge=True needs a pyramid of at least 2 grids, but got 1",
    ),
    "pooling: one tensor": (
        lambda: MultigridMaxPooling2D()(grid(4, 4)),
        "takes a pyramid.* Wrap a single grid as",
    ),
    "per grid: one tensor": (
        lambda: PerGrid(keras.layers.ReLU())(grid(4, 4)),
        "PerGrid .*takes a pyramid",
    ),
    "per grid: other channels than at build": (
        lambda: built_for(PerGrid(keras.layers.Conv2D(2, 1)), (4, 4, 2))([grid(4, 4, 1)]),
        "grid 0 has 1 channels; expected 2, as at build",
    ),
    "channel padding: too many channels": (
        lambda: ChannelPadding(2)(grid(4, 4, 5)),
        "got 5 channels; expected at most filters=2",
    ),
    "channel padding: three dimensions": (
        lambda: ChannelPadding(2)(np.zeros((4, 4, 1), "float32")),
        r"got shape \(4, 4, 1\); expected 4 dimensions",
    ),
    "skip: more grids on the way up": (
        lambda: SkipConcatenate()([grid(4, 4)], [grid(4, 4), grid(2, 2)]),
        "second pyramid has 2 grids; expected at most 1",
    ),
    "skip: smaller on the way up": (
        lambda: SkipConcatenate()([grid(8, 8)], [grid(7, 8)]),
        r"grid 0 of the second pyramid has shape \(1, 7, 8, 2\); expected sides no smaller",
    ),
}

CONSTRUCTORS = {
    "classes: zero": (
        lambda: zoo.MG(depth=6, classes=0),
        "classes is 0; expected a positive integer",
    ),
    "classes: fraction": (lambda: zoo.PMGSEG(classes=1.5), "classes is 1.5; expected a positive"),
    "pooling": (
        lambda: zoo.RMG18(include_top=False, pooling="mean"),
        "pooling is 'mean'; expected None, 'avg' or 'max'",
    ),
    "channel_ratios: empty": (
        lambda: zoo.MG(depth=6, channel_ratios=()),
        "channel_ratios has 0 entries; expected 1 to 6, one per grid, for example",
    ),
    "channel_ratios: too many": (
        lambda: zoo.RMG18(channel_ratios=[1, 1, 1, 1, 1]),
        "channel_ratios has 5 entries; expected 1 to 4",
    ),
    "channel_ratios: first": (
        lambda: zoo.PMGSEG(channel_ratios=[0.5, 0.25]),
        "channel_ratios of grid 0 is 0.5; expected 1: the ratios are relative to the finest",
    ),
    "channel_ratios: negative": (
        lambda: zoo.UMGSEG(channel_ratios=[1, 0.5, -0.25]),
        "channel_ratios of grid 2 is -0.25; expected a positive number",
    ),
    "width_multiplier: zero": (
        lambda: zoo.MG(depth=6, width_multiplier=0),
        "width_multiplier is 0; expected a positive number",
    ),
    "width_multiplier: not a number": (
        lambda: zoo.RPMG30SEG(width_multiplier=float("nan")),
        "width_multiplier is nan; expected a positive number",
    ),
    "repeats: zero": (
        lambda: zoo.MG(repeats=0),
        "repeats is 0; expected a positive integer",
    ),
    "depth: not in the paper": (
        lambda: zoo.PMG(depth=11),
        r"depth is 11; expected one of 9, 16, 30, those of the paper's PMG.*repeats",
    ),
    "depth: fraction": (lambda: zoo.MG(depth=6.5), "depth is 6.5; expected one of 6, 11, 16, 21"),
    "depth: and repeats": (
        lambda: zoo.MG(depth=6, repeats=2),
        "depth is 6 and repeats is 2; expected one of them",
    ),
    "depth: of a name": (
        lambda: zoo.create_model("MG-6", depth=11),
        "depth of MG-6 is 6; leave it out",
    ),
    "small: text": (lambda: zoo.MG(small="yes"), "small is 'yes'; expected"),
    "repeats: fraction": (lambda: zoo.PMGSEG(repeats=1.5), "repeats is 1.5; expected a positive"),
    "repeats: boolean": (lambda: zoo.RMG34(repeats=True), "repeats is True; expected a positive"),
    "repeats: text": (lambda: zoo.RPMG30SEG(repeats="2"), "repeats is '2'; expected a positive"),
    "input_shape: two sides": (
        lambda: zoo.MG(depth=6, input_shape=(32, 32)),
        r"input_shape is \(32, 32\); expected 3 positive integers such as \(32, 32, 3\)",
    ),
    "input_shape: zero": (
        lambda: zoo.PMGSEG(input_shape=(64, 0, 1)),
        r"input_shape is \(64, 0, 1\); expected 3 positive integers",
    ),
    "input_shape: unknown channels": (
        lambda: zoo.PMGSEG(input_shape=(64, 64, None)),
        r"input_shape is \(64, 64, None\); expected .*(channels|height and width possibly None)",
    ),
    "input_tensor: an array": (
        lambda: zoo.MG(depth=6, input_tensor=grid(32, 32, 3)),
        "input_tensor is ndarray; expected the output of keras.Input",
    ),
    "input_tensor: against input_shape": (
        lambda: zoo.MG(depth=6, input_tensor=keras.Input((32, 32, 3)), input_shape=(64, 64, 3)),
        r"input_shape is \(64, 64, 3\) but input_tensor has \(32, 32, 3\)",
    ),
    "weights: unknown name": (
        lambda: zoo.RMG34(weights="imagenet", width_multiplier=0.05),
        "weights is 'imagenet'; expected None, a file .*or a name of shipped weights",
    ),
    "weights: missing file": (
        lambda: zoo.MG(depth=6, weights="nowhere/model.weights.h5"),
        "weights is 'nowhere/model.weights.h5'; expected None, a file",
    ),
    "model: near miss": (
        lambda: zoo.create_model("RMG-34"),
        "no network 'RMG-34'; nearest: .*R-MG-34",
    ),
    "model: case": (lambda: zoo.create_model("pmg-11"), "no network 'pmg-11'; nearest: .*PMG-11"),
    "model: nothing like it": (
        lambda: zoo.create_model("zzzzzz"),
        r"no network 'zzzzzz'; nearest: none.*list_models\(\)",
    ),
}

CASES = {**ARGUMENTS, **INPUTS, **CONSTRUCTORS}


@pytest.mark.parametrize("attempt, message", CASES.values(), ids=CASES.keys())
def test_message(attempt, message):
    with pytest.raises(ValueError) as raised:
        attempt()
    assert re.search(message, str(raised.value), re.DOTALL), str(raised.value)


def test_messages_name_the_layer():
    with pytest.raises(ValueError, match="MultigridConv2D 'block1_conv'"):
        MultigridConv2D([1], name="block1_conv")(grid(4, 4))


def test_symbolic_calls_are_checked_as_well():
    inputs = [keras.Input((8, 8, 2)), keras.Input((8, 8, 2))]
    for layer in (conv(), MultigridMaxPooling2D(), PerGrid(keras.layers.ReLU())):
        with pytest.raises(ValueError, match="grid 1 is 8x8; expected 4x4"):
            layer(inputs)


def test_weights_of_another_network(tmp_path):
    """A file that does not fit must not load in part."""
    zoo.MG(depth=6, width_multiplier=0.05).save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"weights|shape|layer"):
        zoo.MG(depth=6, width_multiplier=0.1, weights=tmp_path / "model.weights.h5")


def test_weights_without_the_classifier(tmp_path):
    """A network with top must not go on with a random classifier in silence."""
    features = zoo.MG(depth=6, width_multiplier=0.05, include_top=False)
    features.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=r"have no output layer \(logits\)"):
        zoo.MG(depth=6, width_multiplier=0.05, weights=tmp_path / "model.weights.h5")


def test_a_file_that_is_no_weights_file(tmp_path):
    (tmp_path / "notes.weights.h5").write_text("not HDF5")
    with pytest.raises((ValueError, OSError), match=r"notes\.weights.h5|signature"):
        zoo.MG(depth=6, width_multiplier=0.05, weights=tmp_path / "notes.weights.h5")


def test_unknown_keyword():
    with pytest.raises(TypeError, match="class_count"):
        zoo.create_model("MG-6", class_count=10)
