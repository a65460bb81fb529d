"""Strides and margins, by hand-sized numbers and by changing what lies beyond."""

import math

import keras
import numpy as np
import pytest
from keras import layers

import keras_multigrid as kmg
from keras_multigrid.prediction.geometry import SeenMargin
from tests.prediction import networks


def chain(*each):
    image = x = keras.Input((None, None, 2))
    for layer in each:
        x = layer(x)
    return keras.Model(image, x)


def same(kernel_size, strides=1, **options):
    return layers.Conv2D(3, kernel_size, strides, padding="same", **options)


@pytest.mark.parametrize(
    ("model", "stride"),
    [
        (lambda: chain(same(3)), 1),
        (lambda: chain(same(3, 2), same(3, 3), layers.UpSampling2D(6)), 6),
        (lambda: chain(layers.UpSampling2D(2), layers.MaxPooling2D(2)), 1),
        (lambda: chain(chain(layers.MaxPooling2D(2)), layers.UpSampling2D(2)), 2),
        (lambda: chain(layers.ZeroPadding2D(1), layers.Conv2D(3, 3)), 1),
        (lambda: kmg.applications.PMGSEG(width_multiplier=0.05), 8),  # four grids
        (lambda: kmg.applications.UMGSEG(width_multiplier=0.05), 16),  # of which two go down thrice
        (lambda: networks.multigrid(), 8),
        (lambda: networks.seeing_everything(), None),
    ],
)
def test_total_stride(model, stride):
    assert kmg.prediction.total_stride(model()) == stride


@pytest.mark.parametrize(
    ("layers", "side", "margin"),
    [
        ([same(3)], 8, 1),
        ([same(4)], 8, 2),  # one pixel before, two after
        ([same((1, 7))], 8, 3),
        ([same(3, dilation_rate=5), same(3)], 8, 6),
        ([same(1, activation="softmax")], 8, 0),
        ([same(3, activation="sigmoid"), same(3, activation="softmax")], 8, 2),
        # Of an even side, coarse pixel i reads 2 i to 2 i + 2, for the pixels 2 i and 2 i + 1.
        ([same(3, 2), layers.UpSampling2D(2)], 8, 2),
        # Of an odd side it reads 2 i - 1 to 2 i + 1: one less before a tile's end, one more after
        # its start.
        ([same(3, 2), layers.UpSampling2D(2)], 9, 2),
        ([same(3) for _ in range(120)], 8, 120),  # where gradients would underflow
        ([layers.AveragePooling2D(8), same(3), layers.UpSampling2D(8)], 8, 8),
        ([layers.DepthwiseConv2D(5, padding="same"), layers.BatchNormalization()], 8, 2),
        ([layers.LayerNormalization(), layers.Activation("gelu"), same(3)], 8, 1),
        ([layers.GroupNormalization(1)], 8, math.inf),
    ],
)
def test_margin(layers, side, margin):
    model = chain(*layers)
    assert SeenMargin(model, kmg.prediction.total_stride(model))(side) == margin


def test_a_difference_sees_both_sides():
    image = keras.Input((None, None, 1))
    blurred = layers.AveragePooling2D(3, 1, padding="same")(image)
    assert SeenMargin(keras.Model(image, layers.Subtract()([image, blurred])), 1)(9) == 1


@pytest.mark.parametrize("make", [networks.strided, networks.multigrid])
@pytest.mark.parametrize("rest", [0, 1, 3])
def test_no_less_would_do(make, rest):
    """Changes beyond a tile's end reach as far into it as is said, and those before its start."""
    model = make()
    stride = kmg.prediction.total_stride(model)
    margin = SeenMargin(model, stride)(rest)
    side = -(-margin // stride + 1) * stride * 2
    image = networks.noise(2 * side + rest, 4 * stride + rest, 3)

    def reach(changed):
        other = image.copy()
        other[changed] += networks.noise(*other[changed].shape, seed=2) * 10
        outputs = [model.predict_on_batch(each[None])[0] for each in (image, other)]
        rows = np.flatnonzero((outputs[0] != outputs[1]).any(axis=(1, 2)))
        return rows.max() + 1 - side, side + rest - rows.min()

    after, _ = reach(slice(None, side))
    _, before = reach(slice(side + rest, None))
    assert max(after, before) == margin
