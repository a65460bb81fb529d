"""The modules of a top-down traversal (second paper, appendix A.2, Tables 1 to 5)."""

from typing import NamedTuple

import keras

from keras_multigrid.top_down.geometry import CANDIDATES, GRID

LEAKY_SLOPE = 0.2


class Convolution(NamedTuple):
    """A 3x3 convolution with zero padding, and a leaky ReLU."""

    filters: int


class MaxPool(NamedTuple):
    """A max-pool of stride 2 without padding."""

    size: int


class Design(NamedTuple):
    """A column of the paper's tables.

    Attributes:
        base_size: Side of what the feature extraction reads, in pixels.
        channels: Of the images.
        features: Length of the feature vectors.
        classes: Their number.
        layers: The feature extraction.
    """

    base_size: int
    channels: int
    features: int
    classes: int
    layers: tuple


MNIST_3 = Design(
    14, 1, 64, 10, (Convolution(32), MaxPool(2), Convolution(64), MaxPool(3), Convolution(64))
)
MNIST_2 = MNIST_3._replace(layers=(Convolution(32), MaxPool(2), Convolution(64)))
MNIST_1 = MNIST_3._replace(layers=(Convolution(64), MaxPool(2)))
IMAGENET_1 = Design(
    32, 3, 256, 1000, (Convolution(64), MaxPool(2), Convolution(128), MaxPool(2), Convolution(256))
)
IMAGENET_2 = IMAGENET_1._replace(layers=(*IMAGENET_1.layers, MaxPool(2), Convolution(256)))


def leaky_relu(name, dtype=None):
    """Returns a layer."""
    return keras.layers.LeakyReLU(LEAKY_SLOPE, dtype=dtype, name=name)


def feature_maps(image, layers, width_multiplier=1.0):
    """Applies the layers of a `Design` to an image of any size; returns the last feature map."""
    convolutions = pools = 0
    for layer in layers:
        if isinstance(layer, MaxPool):
            pools += 1
            image = keras.layers.MaxPooling2D(
                layer.size, 2, data_format="channels_last", name=f"pool{pools}"
            )(image)
        else:
            convolutions += 1
            image = keras.layers.Conv2D(
                scaled(layer.filters, width_multiplier),
                3,
                padding="same",
                data_format="channels_last",
                name=f"conv{convolutions}",
            )(image)
            image = leaky_relu(f"conv{convolutions}_relu")(image)
    return image


def scaled(width, width_multiplier):
    """Returns a number of channels, at least one."""
    return max(1, round(width * width_multiplier))


def location_module(shape, **options):
    """Returns the module from a feature map to the logits of the 9 candidates."""
    height, width, _ = shape
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(
                CANDIDATES, (height, width), data_format="channels_last", name="conv", **options
            ),
            keras.layers.Reshape((CANDIDATES,), name="logits", **options),
        ],
        name="location",
    )


def aggregation_module(features, **options):
    """Returns the module from the vectors of a 3x3 grid to one vector."""
    return keras.Sequential(
        [
            keras.Input((GRID, GRID, features)),
            keras.layers.Conv2D(
                features, GRID, data_format="channels_last", name="conv", **options
            ),
            keras.layers.Reshape((features,), name="vector", **options),
            leaky_relu("relu", options.get("dtype")),
        ],
        name="aggregation",
    )


def merging_module(features, **options):
    """Returns the module from a node's own and its aggregated vector, concatenated, to one."""
    return keras.Sequential(
        [
            keras.Input((2 * features,)),
            keras.layers.Dense(features, name="dense", **options),
            leaky_relu("relu", options.get("dtype")),
        ],
        name="merging",
    )
