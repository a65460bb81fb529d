"""The networks of the second paper: top-down ones, and the convolutional ones they are compared to.

Convolutions and dense layers start with Glorot's initialization and zero biases, Keras' default.
"""

import keras

from keras_multigrid.applications.common import (
    check_options,
    finish_model,
    image_input,
    output_activation,
    with_own_names,
    with_signature_of,
)
from keras_multigrid.applications.pretrained import load_weights
from keras_multigrid.blocks.counted import Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Tally
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
    modules_after,
    scaled,
)

FULL_RESOLUTION = {MNIST_1.base_size: 3, IMAGENET_1.base_size: 4}  # levels to 56 and 256 pixels


def top_down_network(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=None,
    classifier_activation="softmax",
    name=None,
    levels=None,
    sample=True,
    seed=None,
    width_multiplier=1.0,
    *,
    design,
    paper_name,
):
    """Builds a top-down network.

    Args:
        include_top: Whether to classify; if not, the features are returned.
        weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`; one set serves
            any number of levels.
        input_tensor: Keras tensor of images. With it a functional model of fixed size is returned,
            for inference, which can be exported; without it a `TopDown`.
        input_shape: Shape of the images; default is what `levels` needs. Larger ones, by a power of
            two, are downscaled.
        pooling: None, `"avg"` or `"max"`; without effect, as the features are a vector.
        classes: Number of classes; None is the paper's.
        classifier_activation: Activation of the outputs.
        name: Name of the model.
        levels: Number of levels, each with twice the resolution of the one before; None is the
            paper's: 3 for MNIST, up to 56 pixels, and 4 for ImageNet, up to 256.
        sample: Whether candidates are attended at random, as in training; if not, those of a
            probability above one half are.
        seed: Seed of what is drawn.
        width_multiplier: Factor on all widths.

    Returns:
        A `TopDown`, or with `input_tensor` a functional `keras.Model`.

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

    Design:
        design: The column of the paper's tables.
        paper_name: Default of `name`.
    """
    classes = design.classes if classes is None else classes
    levels = FULL_RESOLUTION[design.base_size] if levels is None else levels
    _check_data_format(name or paper_name)
    check_options(include_top, pooling, classes)
    check_levels(levels)
    side = design.base_size * 2 ** (levels - 1)
    default = (side, side, design.channels)
    channels = input_shape[-1] if input_shape else design.channels
    if input_shape is not None:
        check_images((None, *input_shape), design.base_size, channels, levels)
    is_counted = isinstance(input_tensor, Tally)
    source = input_tensor.input if is_counted else keras.Input
    window = source((design.base_size, design.base_size, channels), name="window")
    maps = feature_maps(window, design.layers, width_multiplier)
    if is_counted:  # one use of each module
        size = (maps.height, maps.width, maps.channels)
        modules_after(size, classes if include_top else None, source)
        return input_tensor
    extractor = keras.Model(window, maps, name="feature_extraction")
    network = TopDown(
        extractor,
        classes if include_top else None,
        levels,
        sample=sample,
        classifier_activation=classifier_activation,
        seed=seed,
        name=name or paper_name,
    )
    network.build((None, *(input_shape or default)))
    load_weights(network, weights, paper_name)
    if input_tensor is None:
        return network
    image, inputs = image_input(input_tensor, input_shape, default)
    return finish_model(inputs, network(image), name, None, paper_name)


@with_own_names
def baseline_network(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=None,
    classifier_activation="softmax",
    name=None,
    width_multiplier=1.0,
    *,
    design,
    paper_name,
):
    """Builds the fully convolutional network that a top-down one is compared to.

    Args:
        include_top: Whether to end with the dense layers and the classification.
        weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`; one set serves
            any size of images.
        input_tensor: Keras tensor to use as the image.
        input_shape: Shape of the images, sides possibly None; default is the paper's largest.
        pooling: Without top: None for the feature map, `"avg"` or `"max"` for a vector.
        classes: Number of classes; None is the paper's.
        classifier_activation: Activation of the outputs.
        name: Name of the model. Given with `input_tensor`, it begins the names of the layers, too.
        width_multiplier: Factor on all widths.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.BLMNIST3(input_shape=(None, None, 1))
    >>> model.count_params()
    64714

    Design:
        design: The column of the paper's tables.
        paper_name: Default of `name`.
    """
    classes = design.classes if classes is None else classes
    _check_data_format(name or paper_name)
    check_options(include_top, pooling, classes)
    side = design.base_size * 2 ** (FULL_RESOLUTION[design.base_size] - 1)
    image, inputs = image_input(input_tensor, input_shape, (side, side, design.channels))
    outputs = feature_maps(image, design.layers, width_multiplier)
    if include_top or pooling == "avg":
        outputs = GlobalAveragePooling2D(name="avg_pool")(outputs)
    elif pooling == "max":
        outputs = GlobalMaxPooling2D(name="max_pool")(outputs)
    if include_top:
        for number in (1, 2):
            width = scaled(design.features, width_multiplier)
            outputs = Dense(width, name=f"dense{number}")(outputs)
            outputs = leaky_relu(f"dense{number}_relu")(outputs)
        outputs = Dense(classes, name="logits")(outputs)
        outputs = output_activation(outputs, classifier_activation)
    return finish_model(inputs, outputs, name, weights, paper_name)


def _check_data_format(name):
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{name} reads images whose channels come last, but Keras' image_data_format is "
            "'channels_first'. Call keras.config.set_image_data_format('channels_last') first."
        )


@with_signature_of(top_down_network)
def TDMNIST1(*args, **kwargs):
    """Top-down network M1 for located digits (second paper, Table 3)."""
    return top_down_network(*args, **kwargs, design=MNIST_1, paper_name="M1-MNIST")


@with_signature_of(top_down_network)
def TDMNIST2(*args, **kwargs):
    """Top-down network M2 for located digits (second paper, Table 2)."""
    return top_down_network(*args, **kwargs, design=MNIST_2, paper_name="M2-MNIST")


@with_signature_of(top_down_network)
def TDMNIST3(*args, **kwargs):
    """Top-down network M3 for located digits (second paper, Table 1)."""
    return top_down_network(*args, **kwargs, design=MNIST_3, paper_name="M3-MNIST")


@with_signature_of(top_down_network)
def TDImageNet1(*args, **kwargs):
    """Top-down network M1 for ImageNet (second paper, Table 5)."""
    return top_down_network(*args, **kwargs, design=IMAGENET_1, paper_name="M1-ImageNet")


@with_signature_of(top_down_network)
def TDImageNet2(*args, **kwargs):
    """Top-down network M2 for ImageNet (second paper, Table 4)."""
    return top_down_network(*args, **kwargs, design=IMAGENET_2, paper_name="M2-ImageNet")


@with_signature_of(baseline_network)
def BLMNIST1(*args, **kwargs):
    """Convolutional baseline BL1 for located digits (second paper, Table 3)."""
    return baseline_network(*args, **kwargs, design=MNIST_1, paper_name="BL1-MNIST")


@with_signature_of(baseline_network)
def BLMNIST2(*args, **kwargs):
    """Convolutional baseline BL2 for located digits (second paper, Table 2)."""
    return baseline_network(*args, **kwargs, design=MNIST_2, paper_name="BL2-MNIST")


@with_signature_of(baseline_network)
def BLMNIST3(*args, **kwargs):
    """Convolutional baseline BL3 for located digits (second paper, Table 1)."""
    return baseline_network(*args, **kwargs, design=MNIST_3, paper_name="BL3-MNIST")


@with_signature_of(baseline_network)
def BLImageNet1(*args, **kwargs):
    """Convolutional baseline BL1 for ImageNet (second paper, Table 5)."""
    return baseline_network(*args, **kwargs, design=IMAGENET_1, paper_name="BL1-ImageNet")


@with_signature_of(baseline_network)
def BLImageNet2(*args, **kwargs):
    """Convolutional baseline BL2 for ImageNet (second paper, Table 4)."""
    return baseline_network(*args, **kwargs, design=IMAGENET_2, paper_name="BL2-ImageNet")
