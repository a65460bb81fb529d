"""The six networks of the paper's Tables 2 and 3: an image in, a map of the same size out."""

from keras_multigrid.applications.common import (
    channels,
    check_options,
    checked_ratios,
    checked_repeats,
    classification_head,
    finish_model,
    image_input,
    input_convolutions,
    output_activation,
    with_own_names,
    with_signature_of,
)
from keras_multigrid.blocks import plain_unit, progressive_start, residual_unit, u_shape
from keras_multigrid.blocks.units import PLAIN_EPSILON, RESIDUAL_EPSILON

IMAGE_SHAPE = (64, 64, 1)
WIDTH = 64
FULL_PYRAMID_UNITS = 3
U_LEVELS = (1, 2, 4, 8)  # width of each level, relative to the first


@with_own_names
def progressive_network(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=10,
    classifier_activation="sigmoid",
    name=None,
    channel_ratios=None,
    width_multiplier=1.0,
    pyramid_outputs=False,
    repeats=None,
    *,
    ratios,
    residual,
    paper_name,
):
    """Builds a network that keeps its pyramid, and drops grids only where they end.

    Args:
        include_top: Whether to end with the output layer on the finest grid.
        weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The head is left
            out if `classes` differs; both that and an image of other channels are said.
        input_tensor: Keras tensor to use as the image.
        input_shape: Shape of the image; default (64, 64, 1). Any size works, also None.
        pooling: Without top: None for the finest feature map, `"avg"` or `"max"` for a vector.
        classes: Number of output channels.
        classifier_activation: Activation of the output; None for logits. The default suits
            classes that overlap.
        name: Name of the model; default the paper's. Given with `input_tensor`, it begins the names
            of the layers, too, so that a network can be there several times.
        channel_ratios: Width of each grid relative to the finest; its length is the number of
            grids, at most 8.
        width_multiplier: Factor on all widths.
        pyramid_outputs: Whether to return instead the last pyramid before the output layer.
        repeats: Layers or residual units on the full pyramid; None is the paper's, 3.

    Returns:
        A functional `keras.Model` from images to maps of the same height and width.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(classes=1, input_shape=(None, None, 1))
    >>> model.output_shape
    (None, None, None, 1)

    Design:
        ratios: Default of `channel_ratios`.
        residual: Whether made of residual units.
        paper_name: The paper's name.
    """
    check_options(include_top, pooling, classes)
    repeats = checked_repeats(repeats, FULL_PYRAMID_UNITS)
    ratios = checked_ratios(channel_ratios, ratios, max_grids=8)
    unit = residual_unit if residual else plain_unit
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)

    widths = channels(WIDTH, ratios, width_multiplier)
    grids = len(widths)
    pyramid = input_convolutions(image, widths, RESIDUAL_EPSILON if residual else PLAIN_EPSILON)
    phases = [widths[grid:] for grid in reversed(range(grids))]
    pyramid = progressive_start(pyramid, unit, phases, 1, "progressive")
    for step in range(repeats):
        pyramid = unit(pyramid, widths, f"full_unit{step + 1}")
    # Coarse grids that are too few layers away to reach the output are dropped, one a layer.
    for left in range(max(grids - 1, FULL_PYRAMID_UNITS), 1, -1):
        pyramid = unit(pyramid, widths[:left], f"drop_unit{left}")

    outputs = pyramid
    if not pyramid_outputs:
        kernel_size = 1 if residual else 3
        if include_top:
            pyramid = unit(pyramid, [classes], "output", kernel_size, relu=False)
        outputs = _dense_head(pyramid[0], include_top, pooling, classifier_activation)
    return finish_model(inputs, outputs, name, weights, paper_name)


@with_own_names
def u_network(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=10,
    classifier_activation="sigmoid",
    name=None,
    channel_ratios=None,
    width_multiplier=1.0,
    pyramid_outputs=False,
    *,
    ratios,
    paper_name,
):
    """Builds a U-shaped network of four levels, going down and up again.

    Args:
        include_top: Whether to end with the output layer on the finest grid.
        weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The head is left
            out if `classes` differs; both that and an image of other channels are said.
        input_tensor: Keras tensor to use as the image.
        input_shape: Shape of the image; default (64, 64, 1). Any size works, also None.
        pooling: Without top: None for the finest feature map, `"avg"` or `"max"` for a vector.
        classes: Number of output channels.
        classifier_activation: Activation of the output; None for logits. The default suits
            classes that overlap.
        name: Name of the model; default the paper's. Given with `input_tensor`, it begins the names
            of the layers, too, so that a network can be there several times.
        channel_ratios: Width of each grid relative to the finest; its length is the number of
            grids, at most 8.
        width_multiplier: Factor on all widths.
        pyramid_outputs: Whether to return instead the last pyramid before the output layer.

    Returns:
        A functional `keras.Model` from images to maps of the same height and width.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras_multigrid as kmg
    >>> kmg.applications.UMGSEG(width_multiplier=0.1, input_shape=(49, 30, 1)).output_shape
    (None, 49, 30, 10)

    Design:
        ratios: Default of `channel_ratios`.
        paper_name: The paper's name.
    """
    check_options(include_top, pooling, classes)
    ratios = checked_ratios(channel_ratios, ratios, max_grids=8)
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)

    widths = [channels(WIDTH * factor, ratios, width_multiplier) for factor in U_LEVELS]
    for level, dropped in ((2, 1), (3, 2)):
        widths[level] = widths[level][: max(1, len(ratios) - dropped)]
    pyramid = u_shape(input_convolutions(image, widths[0], PLAIN_EPSILON), widths)

    outputs = pyramid
    if not pyramid_outputs:
        if include_top:
            # As in the paper's parameter count, the coarser grids have outputs too, read by nobody.
            pyramid = plain_unit(pyramid, [classes] * len(pyramid), "output", 1, relu=False)
        outputs = _dense_head(pyramid[0], include_top, pooling, classifier_activation)
    return finish_model(inputs, outputs, name, weights, paper_name)


def _dense_head(features, include_top, pooling, activation):
    if include_top:
        return output_activation(features, activation)
    return classification_head(features, False, pooling, None, None)


@with_signature_of(progressive_network)
def PMGSEG(*args, **kwargs):
    """Progressive multigrid network PMG-11 (paper, Tables 2 and 3)."""
    return progressive_network(
        *args, **kwargs, ratios=(1, 1 / 2, 1 / 4, 1 / 8), residual=False, paper_name="PMG-11"
    )


@with_signature_of(progressive_network)
def RPMGSEG(*args, **kwargs):
    """Residual progressive multigrid network R-PMG-20 (paper, Tables 2 and 3)."""
    return progressive_network(
        *args, **kwargs, ratios=(1, 1 / 2, 1 / 4, 1 / 8), residual=True, paper_name="R-PMG-20"
    )


@with_signature_of(progressive_network)
def SGSEG(*args, **kwargs):
    """Single-grid counterpart SG-11 of PMG-11 (paper, Tables 2 and 3)."""
    return progressive_network(*args, **kwargs, ratios=(1,), residual=False, paper_name="SG-11")


@with_signature_of(progressive_network)
def RSGSEG(*args, **kwargs):
    """Single-grid counterpart R-SG-20 of R-PMG-20 (paper, Tables 2 and 3)."""
    return progressive_network(*args, **kwargs, ratios=(1,), residual=True, paper_name="R-SG-20")


@with_signature_of(u_network)
def UNETSEG(*args, **kwargs):
    """The U-shaped baseline U-NET-11 (paper, Tables 2 and 3)."""
    return u_network(*args, **kwargs, ratios=(1,), paper_name="U-NET-11")


@with_signature_of(u_network)
def UMGSEG(*args, **kwargs):
    """U-MG-11: U-NET-11 on pyramids (paper, Table 2)."""
    return u_network(*args, **kwargs, ratios=(1, 1 / 2, 1 / 4), paper_name="U-MG-11")
