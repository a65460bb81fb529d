"""The networks of the second paper: top-down ones, and the convolutional ones they are compared to.

Convolutions and dense layers start with Glorot's initialization and zero biases, Keras' default.
"""

import keras
import numpy as np
from keras import layers

from keras_multigrid import checks
from keras_multigrid.applications.common import (
    check_options,
    finish_model,
    image_input,
    layer_prefix,
    output_activation,
    pool_features,
)
from keras_multigrid.applications.preprocessing import rescaled
from keras_multigrid.applications.pretrained import load_weights
from keras_multigrid.top_down import TopDown
from keras_multigrid.top_down.geometry import check_images, check_levels
from keras_multigrid.top_down.modules import (
    IMAGENET_1,
    IMAGENET_2,
    MNIST_1,
    MNIST_2,
    MNIST_3,
    feature_maps,
    leaky_relu,
    scaled,
)

FULL_RESOLUTION = {MNIST_1.base_size: 3, IMAGENET_1.base_size: 4}  # levels to 56 and 256 pixels

# `# fmt: skip` keeps the constructors' arguments, which they share, on lines that can be compared.


def TDMNIST1(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, classes=10,
    classifier_activation="softmax", name=None, levels=None, sample=True, seed=None,
    width_multiplier=1.0,
):  # fmt: skip
    """Top-down network M1 for located digits (second paper, Table 3)."""
    return _top_down_network(**locals(), design=MNIST_1, paper_name="M1-MNIST")


def TDMNIST2(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, classes=10,
    classifier_activation="softmax", name=None, levels=None, sample=True, seed=None,
    width_multiplier=1.0,
):  # fmt: skip
    """Top-down network M2 for located digits (second paper, Table 2)."""
    return _top_down_network(**locals(), design=MNIST_2, paper_name="M2-MNIST")


def TDMNIST3(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, classes=10,
    classifier_activation="softmax", name=None, levels=None, sample=True, seed=None,
    width_multiplier=1.0,
):  # fmt: skip
    """Top-down network M3 for located digits (second paper, Table 1)."""
    return _top_down_network(**locals(), design=MNIST_3, paper_name="M3-MNIST")


def TDImageNet1(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, classes=1000,
    classifier_activation="softmax", name=None, levels=None, sample=True, seed=None,
    width_multiplier=1.0,
):  # fmt: skip
    """Top-down network M1 for ImageNet (second paper, Table 5)."""
    return _top_down_network(**locals(), design=IMAGENET_1, paper_name="M1-ImageNet")


def TDImageNet2(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, classes=1000,
    classifier_activation="softmax", name=None, levels=None, sample=True, seed=None,
    width_multiplier=1.0,
):  # fmt: skip
    """Top-down network M2 for ImageNet (second paper, Table 4)."""
    return _top_down_network(**locals(), design=IMAGENET_2, paper_name="M2-ImageNet")


def BLMNIST1(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="softmax", name=None, width_multiplier=1.0,
):  # fmt: skip
    """Convolutional baseline BL1 for located digits (second paper, Table 3)."""
    return _baseline_network(**locals(), design=MNIST_1, paper_name="BL1-MNIST")


def BLMNIST2(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="softmax", name=None, width_multiplier=1.0,
):  # fmt: skip
    """Convolutional baseline BL2 for located digits (second paper, Table 2)."""
    return _baseline_network(**locals(), design=MNIST_2, paper_name="BL2-MNIST")


def BLMNIST3(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="softmax", name=None, width_multiplier=1.0,
):  # fmt: skip
    """Convolutional baseline BL3 for located digits (second paper, Table 1)."""
    return _baseline_network(**locals(), design=MNIST_3, paper_name="BL3-MNIST")


def BLImageNet1(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name=None, width_multiplier=1.0,
):  # fmt: skip
    """Convolutional baseline BL1 for ImageNet (second paper, Table 5)."""
    return _baseline_network(**locals(), design=IMAGENET_1, paper_name="BL1-ImageNet")


def BLImageNet2(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name=None, width_multiplier=1.0,
):  # fmt: skip
    """Convolutional baseline BL2 for ImageNet (second paper, Table 4)."""
    return _baseline_network(**locals(), design=IMAGENET_2, paper_name="BL2-ImageNet")


TOP_DOWN_ARGUMENTS = """

Args:
    include_top: Whether to classify; if not, the features, a vector, are returned.
    weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`; the same weights
        serve any number of levels.
    input_tensor: Keras tensor of images. With it a functional model of fixed size is returned, for
        inference, which can be exported; without it a `TopDown`.
    input_shape: Shape of the images; default is what `levels` needs. Larger ones, by a power of
        two, are downscaled.
    classes: Number of classes.
    classifier_activation: Activation of the outputs.
    name: Name of the model.
    levels: Number of levels, each with twice the resolution of the one before; None is the
        paper's: 3 for MNIST, up to 56 pixels, and 4 for ImageNet, up to 256.
    sample: Whether candidates are attended at random, as in training; if not, those of a
        probability above one half are.
    seed: Seed of what is drawn.
    width_multiplier: Factor on all widths.

Returns:
    A `TopDown`, or with `input_tensor` a functional `keras.Model`; their images have values from 0
    to 1, those of the ImageNet networks are prepared by `top_down.preprocess_input`.

Raises:
    ValueError: If an argument is out of its range.

Example:

>>> import numpy as np
>>> import keras_multigrid as kmg
>>> model = kmg.applications.TDMNIST3(levels=2)
>>> model.count_params()
106771
>>> model(np.zeros([5, 28, 28, 1])).shape
TensorShape([5, 10])
"""
BASELINE_ARGUMENTS = """

Args:
    include_top: Whether to end with the dense layers and the classification.
    weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`; the same weights
        serve any size of images.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the images, sides possibly None; default is the paper's largest.
    pooling: Without top: None for the feature map, `"avg"` or `"max"` for a vector.
    classes: Number of classes.
    classifier_activation: Activation of the outputs.
    name: Name of the model. Given with `input_tensor`, the names of the layers begin with it, too.
    width_multiplier: Factor on all widths.

Returns:
    A functional `keras.Model` of the same images as the top-down network.

Raises:
    ValueError: If an argument is out of its range.

Example:

>>> import keras_multigrid as kmg
>>> model = kmg.applications.BLMNIST3(input_shape=(None, None, 1))
>>> model.count_params()
64714
"""
for _constructor in (TDMNIST1, TDMNIST2, TDMNIST3, TDImageNet1, TDImageNet2):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{TOP_DOWN_ARGUMENTS}"
for _constructor in (BLMNIST1, BLMNIST2, BLMNIST3, BLImageNet1, BLImageNet2):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{BASELINE_ARGUMENTS}"


def _top_down_network(
    include_top,
    weights,
    input_tensor,
    input_shape,
    classes,
    classifier_activation,
    name,
    levels,
    sample,
    seed,
    width_multiplier,
    design,
    paper_name,
):
    levels = FULL_RESOLUTION[design.base_size] if levels is None else levels
    _check_data_format(name or paper_name)
    check_options(include_top, None, classes)
    check_levels(levels)
    side = design.base_size * 2 ** (levels - 1)
    default = (side, side, design.channels)
    channels = input_shape[-1] if input_shape else design.channels
    if input_shape is not None:
        check_images((None, *input_shape), design.base_size, channels, levels)
    window = keras.Input((design.base_size, design.base_size, channels), name="window")
    maps = feature_maps(window, design.layers, width_multiplier)
    network = TopDown(
        keras.Model(window, maps, name="feature_extraction"),
        classes if include_top else None,
        levels,
        sample,
        classifier_activation,
        seed,
        name=name or paper_name,
    )
    network.build((None, *(input_shape or default)))
    load_weights(network, weights, paper_name)
    if input_tensor is None:
        return network
    image, inputs = image_input(input_tensor, input_shape, default)
    return finish_model(inputs, network(image), name, None, paper_name)


def _baseline_network(
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
    width_multiplier,
    design,
    paper_name,
):
    _check_data_format(name or paper_name)
    check_options(include_top, pooling, classes)
    side = design.base_size * 2 ** (FULL_RESOLUTION[design.base_size] - 1)
    image, inputs = image_input(input_tensor, input_shape, (side, side, design.channels))
    prefix = layer_prefix(name, input_tensor)
    outputs = feature_maps(image, design.layers, width_multiplier, prefix)
    outputs = pool_features(outputs, "avg" if include_top else pooling, prefix)
    if include_top:
        for number in (1, 2):
            width = scaled(design.features, width_multiplier)
            outputs = layers.Dense(width, name=f"{prefix}dense{number}")(outputs)
            outputs = leaky_relu(f"{prefix}dense{number}_relu")(outputs)
        outputs = layers.Dense(classes, name=f"{prefix}logits")(outputs)
        outputs = output_activation(outputs, classifier_activation, prefix)
    return finish_model(inputs, outputs, name, weights, paper_name)


def _check_data_format(name):
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{name} reads images whose channels come last, but Keras' image_data_format is "
            "'channels_first'. Call keras.config.set_image_data_format('channels_last') first."
        )


def preprocess_input(images):
    """Prepares images for the top-down ImageNet networks and their baselines (second paper).

    Args:
        images: RGB images with values from 0 to 255, batched or not: an array or a tensor of any
            number type, also within `tf.data`.

    Returns:
        The images scaled to [-1, 1].

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> images = kmg.applications.top_down.preprocess_input(np.full((1, 32, 32, 3), 255.0))
    >>> float(images.min())
    1.0
    """
    checks.arrays(images=images)
    images = np.array(images) if isinstance(images, list) else images
    if isinstance(images, np.ndarray):
        return images.astype("float32") / 127.5 - 1
    return rescaled(images, 1 / 127.5, -1.0)
