"""The modules of a top-down traversal (second paper, appendix A.2, Tables 1 to 5)."""

from typing import NamedTuple

import keras
from keras.layers import Conv2D, Dense, LeakyReLU, MaxPooling2D, Reshape

from keras_multigrid.layers import UnfusedBiasConv2D
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


def leaky_relu(name, **options):
    """Returns a layer."""
    return LeakyReLU(LEAKY_SLOPE, name=name, **options)


def feature_maps(image, layers, width_multiplier=1.0, prefix=""):
    """Applies the layers of a `Design` to an image of any size; returns the last feature map."""
    convolutions = pools = 0
    for layer in layers:
        if isinstance(layer, MaxPool):
            pools += 1
            image = MaxPooling2D(
                layer.size, 2, data_format="channels_last", name=f"{prefix}pool{pools}"
            )(image)
        else:
            convolutions += 1
            image = UnfusedBiasConv2D(
                scaled(layer.filters, width_multiplier),
                3,
                padding="same",
                data_format="channels_last",
                name=f"{prefix}conv{convolutions}",
            )(image)
            image = leaky_relu(f"{prefix}conv{convolutions}_relu")(image)
    return image


def scaled(width, width_multiplier):
    """Returns a number of channels, at least one."""
    return max(1, round(width * width_multiplier))


def modules_after(maps, classes, **options):
    """Returns the modules that work on what the feature extraction makes.

    Args:
        maps: Shape of its feature maps, (height, width, features).
        classes: Number of classes, or None.
        **options: Of the layers.

    Returns:
        Location, aggregation, merging, and classification, the last None without classes.
    """
    features = maps[-1]
    return (
        location_module(keras.Input(maps), maps[:2], **options),
        aggregation_module(keras.Input((GRID, GRID, features)), features, **options),
        merging_module(keras.Input((2 * features,)), features, **options),
        classes and classification_module(keras.Input((features,)), classes, **options),
    )


def location_module(maps, size, **options):
    """Returns the module from a feature map to the logits of the 9 candidates."""
    kernel = Conv2D(CANDIDATES, size, data_format="channels_last", name="location_conv", **options)
    flatten = _flatten("location_flatten", CANDIDATES, options)
    return _chain("location", maps, kernel, flatten)


def aggregation_module(vectors, features, **options):
    """Returns the module from the vectors of a 3x3 grid to one vector."""
    kernel = Conv2D(features, GRID, data_format="channels_last", name="aggregation_conv", **options)
    flatten = _flatten("aggregation_flatten", features, options)
    relu = leaky_relu("aggregation_relu", **options)
    return _chain("aggregation", vectors, kernel, flatten, relu)


def merging_module(vectors, features, **options):
    """Returns the module from a node's own and its aggregated vector, concatenated, to one."""
    dense = Dense(features, name="merging_dense", **options)
    return _chain("merging", vectors, dense, leaky_relu("merging_relu", **options))


def classification_module(vector, classes, **options):
    """Returns the module from a vector to the logits of the classes."""
    return _chain("classification", vector, Dense(classes, name="logits", **options))


def fitting(modules, new):
    """Returns the module of that name if there is one of the same shapes, or else the new one."""
    module = modules.get(new.name) if new else None
    if module is None or (module.input_shape, module.output_shape) != (
        new.input_shape,
        new.output_shape,
    ):
        return new
    return module


def _flatten(name, length, options):
    return Reshape((length,), name=name, **options)


def _chain(name, inputs, *layers):
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=name)


class Costs(NamedTuple):
    """Multiply-adds of one use of each module."""

    features: int
    location: int
    aggregation: int
    merging: int
    classification: int = 0

    def of(self, nodes, asked, parents):
        """Returns the multiply-adds of a traversal; works on any arrays.

        Args:
            nodes: Windows whose features are computed, the root's included.
            asked: Nodes whose candidates were considered.
            parents: Nodes with attended candidates.
        """
        return (
            nodes * self.features
            + asked * self.location
            + parents * (self.aggregation + self.merging)
            + self.classification
        )


def as_functional(feature_extractor):
    """Returns a feature extractor as a functional model, or raises a `ValueError`."""
    if not isinstance(feature_extractor, keras.Model) or not hasattr(feature_extractor, "inputs"):
        raise ValueError(
            f"The feature extractor is {type(feature_extractor).__name__}; expected a functional "
            "keras.Model, or a Sequential with an Input."
        )
    if isinstance(feature_extractor, keras.Sequential):
        (window,), (maps,) = feature_extractor.inputs, feature_extractor.outputs
        return keras.Model(window, maps, name=feature_extractor.name)
    return feature_extractor


def window_shape(feature_extractor):
    """Returns the side and the channels of what the feature extractor reads."""
    shape = feature_extractor.input_shape[1:]
    maps = feature_extractor.output_shape[1:]
    is_square = len(shape) == 3 and shape[0] == shape[1] and shape[0] is not None
    if not is_square or shape[0] % 2 or len(maps) != 3 or None in maps:
        raise ValueError(
            f"The feature extractor reads {shape} and returns {maps}; expected squares "
            "(side, side, channels) of an even side, and feature maps (height, width, features)."
        )
    return shape[0], shape[2]
