"""Zeros around maps, wherever they come from, and the coarser grids beneath."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_multigrid as kmg
from tests.flipping.networks import difference, images_for, kernels_without_gradient, randomize

pytestmark = pytest.mark.usefixtures("eagerly")


def test_zeros_around_what_no_window_reads_next():
    x = image = keras.Input((9, 8, 3))
    for zeros, padding in ((1, "valid"), (((0, 1), (2, 0)), "same"), (2, "valid")):
        x = layers.ReLU()(layers.ZeroPadding2D(zeros)(x))
        x = layers.Conv2D(4, 3, padding=padding)(layers.ZeroPadding2D(zeros)(x))
    x = layers.MaxPooling2D(2)(layers.ZeroPadding2D(3)(x))
    old = randomize(keras.Model(image, layers.ZeroPadding2D(1)(x)))
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert difference(randomize(new), kmg.stock.rewrite(new), images_for(new)) < 1e-5


def test_padding_by_operations():
    image = keras.Input((9, 8, 3))
    x = layers.Conv2D(4, 3)(keras.ops.pad(image, [(0, 0), (1, 1), (1, 2), (0, 0)]))
    x = keras.ops.pad(keras.ops.cast(x, "float32"), [(0, 0), (0, 0), (0, 0), (0, 2)])
    x = layers.ReLU()(x)
    old = randomize(keras.Model(image, layers.Conv2D(2, 3, padding="same")(x)))
    new = kmg.flip(old)
    assert difference(old, new, images_for(old)) < 1e-5
    assert kernels_without_gradient(new, images_for(old) / 255) == set()
    x = keras.ops.pad(image, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    assert difference(*_flipped(keras.Model(image, layers.Conv2D(4, 3)(x)))) < 1e-5
    x = keras.ops.pad(layers.Conv2D(4, 3)(x), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    with pytest.raises(ValueError, match=r"Pad .* cannot be flipped"):
        kmg.flip(keras.Model(image, x))


@pytest.mark.parametrize("value", [float("-inf"), 2.0])
def test_padding_by_other_numbers_than_zero(value):
    x = image = keras.Input((9, 8, 3))
    around = [(0, 0), (1, 1), (1, 1), (0, 0)]
    for strides in (1, 2, 2):
        x = layers.Conv2D(4, 3, padding="same")(x)
        x = keras.ops.pad(x, around, constant_values=value)
        x = layers.MaxPooling2D(3, strides)(x)
    if value == 2:
        x = layers.Conv2D(4, 3)(keras.ops.pad(x, around, constant_values=value))
    assert difference(*_flipped(keras.Model(image, layers.Conv2D(2, 1)(x)))) < 1e-5


def _flipped(model):
    model = randomize(model)
    return model, kmg.flip(model), images_for(model)


def test_coarser_grids_lie_over_the_finer_ones():
    """Where kernels only pass the image on, coarser grids show what the finest does."""
    for zeros, strides in [((0, 0), 1), ((1, 1), 2), ((0, 1), 2), ((3, 3), 2)]:
        size = 7 if zeros == (3, 3) else 3
        image = keras.Input((33, 33, 1))
        x = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(image)
        x = layers.ZeroPadding2D((zeros, zeros))(x)
        x = layers.Conv2D(1, size, strides=strides, use_bias=False, name="window")(x)
        new = kmg.flip(keras.Model(image, x), (1, 1, 1), pyramid_outputs=True)
        for layer in new.layers:
            for kernel in layer.weights:
                kernel.assign(np.ones(kernel.shape))
        window = new.get_layer("window")
        for grid, kernel in enumerate(window.kernels):
            middle = np.zeros(kernel.shape)
            middle[size // 2, size // 2, window.sources(grid)["own"]] = 1
            kernel.assign(middle)
        rows, columns = np.mgrid[:33, :33].astype("float32")
        finest, *coarser = map(np.asarray, new((rows + 100 * columns)[None, ..., None]))
        for step, grid in enumerate(coarser, start=1):
            means = np.asarray(kmg.layers.ImagePyramid(3)(finest)[step])
            shift = np.abs(grid - means)[:, 1:-1, 1:-1].max()  # by a row 1, by a column 100
            assert shift <= 101 * 2**step / 2 + 1, (zeros, step)
