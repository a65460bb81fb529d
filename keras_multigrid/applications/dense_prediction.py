"""The six networks of the paper's Tables 2 and 3: an image in, a map of the same size out."""

import functools

from keras import layers

from keras_multigrid.applications.common import (
    channels,
    check_choices,
    check_options,
    checked_ratios,
    checked_repeats,
    concatenated_features,
    dense_head,
    finish_model,
    image_input,
    input_convolutions,
    layer_prefix,
    strided_stem,
)
from keras_multigrid.blocks import plain_unit, progressive_start, residual_unit, u_shape
from keras_multigrid.blocks.units import PLAIN_EPSILON, RESIDUAL_EPSILON

IMAGE_SHAPE = (64, 64, 1)
WIDTH = 64
FULL_PYRAMID_UNITS = 3
PYRAMID_RATIOS = (1, 1 / 2, 1 / 4, 1 / 8)
HEADS = ("finest", "concatenate")
U_LEVELS = (1, 2, 4, 8)  # width of each level, relative to the first

# `# fmt: skip` keeps the constructors' arguments, which they share, on lines that can be compared.


def PMGSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, head="finest", exchange_size=None,
    pyramid_outputs=False,
):  # fmt: skip
    """Progressive multigrid network PMG-11 (paper, Tables 2 and 3)."""
    return _progressive_network(**locals(), ratios=PYRAMID_RATIOS, paper_name="PMG-11")


def RPMGSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, head="finest", exchange_size=None,
    exchange="each", pyramid_outputs=False,
):  # fmt: skip
    """Residual progressive multigrid network R-PMG-20 (paper, Tables 2 and 3)."""
    return _progressive_network(
        **locals(), ratios=PYRAMID_RATIOS, residual=True, paper_name="R-PMG-20"
    )


def SGSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, head="finest", pyramid_outputs=False,
):  # fmt: skip
    """Single-grid counterpart SG-11 of PMG-11 (paper, Tables 2 and 3)."""
    return _progressive_network(**locals(), ratios=(1,), paper_name="SG-11")


def RSGSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, head="finest", pyramid_outputs=False,
):  # fmt: skip
    """Single-grid counterpart R-SG-20 of R-PMG-20 (paper, Tables 2 and 3)."""
    return _progressive_network(**locals(), ratios=(1,), residual=True, paper_name="R-SG-20")


def UNETSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, pyramid_outputs=False,
):  # fmt: skip
    """The U-shaped baseline U-NET-11, of four levels down and up (paper, Tables 2 and 3)."""
    return _u_network(**locals(), ratios=(1,), paper_name="U-NET-11")


def UMGSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=1, pyramid_outputs=False,
):  # fmt: skip
    """U-MG-11: U-NET-11 on pyramids (paper, Table 2)."""
    return _u_network(**locals(), ratios=(1, 1 / 2, 1 / 4), paper_name="U-MG-11")


ARGUMENTS = """

Args:
    include_top: Whether to end with the output layer on the finest grid.
    weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The output layer is
        left out if `classes` differs; a line says so, as for images of other channels.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the image; default (64, 64, 1). Any size works, also None.
    pooling: Without top: None for the finest feature map, `"avg"` or `"max"` for a vector.
    classes: Number of output channels.
    classifier_activation: Activation of the output; None for logits. The default suits classes
        that overlap.
    name: Name of the model; default the paper's. Given with `input_tensor`, the names of the layers
        begin with it, too, so that a model can contain the network several times.
    repeats: Layers or residual units on the full pyramid; None is the paper's, 3. The U-shaped
        networks have no such argument.
    channel_ratios: Width of each grid relative to the finest; its length is the number of grids, at
        most 8.
    width_multiplier: Factor on all widths.
    stem_strides: 1, 2, 4 or 8: by how much strided convolutions shrink the image before the finest
        grid, for photographs; the output is enlarged to the image's size. The paper's is 1.
    head: What the output layer reads: `"finest"`, the paper's, the finest grid alone, into which
        the others are dropped one by one, or `"concatenate"`, all grids. The U-shaped networks have
        no such argument.
    exchange_size: Of PMG-11 and R-PMG-20: side of kernels of their own for what grids read of
        finer and coarser ones, as for `MultigridConv2D`; None is the paper's.
    exchange: Of R-PMG-20: which convolutions of a unit read other grids, `"each"`, the paper's, or
        the `"first"`.
    pyramid_outputs: Whether to return instead the last pyramid before the output layer.

Returns:
    A functional `keras.Model` from images, prepared by `preprocess_digits`, to maps of the same
    height and width.

Raises:
    ValueError: If an argument is invalid.

Example:

>>> import keras_multigrid as kmg
>>> kmg.applications.PMGSEG(classes=1, input_shape=(None, None, 1)).output_shape
(None, None, None, 1)
>>> kmg.applications.UMGSEG(width_multiplier=0.1, input_shape=(49, 30, 1)).output_shape
(None, 49, 30, 10)
"""
for _constructor in (PMGSEG, RPMGSEG, SGSEG, RSGSEG, UNETSEG, UMGSEG):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{ARGUMENTS}"


def _progressive_network(
    include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name,
    repeats, channel_ratios, width_multiplier, stem_strides, head, pyramid_outputs, ratios,
    paper_name, residual=False, exchange_size=None, exchange="each",
):  # fmt: skip
    """Builds a network that keeps its pyramid up to its end."""
    check_options(include_top, pooling, classes)
    check_choices(head=(head, HEADS))
    repeats = checked_repeats(repeats, FULL_PYRAMID_UNITS)
    ratios = checked_ratios(channel_ratios, ratios, max_grids=8)
    unit = functools.partial(plain_unit, exchange_size=exchange_size)
    if residual:
        unit = functools.partial(residual_unit, exchange_size=exchange_size, exchange=exchange)
    epsilon = RESIDUAL_EPSILON if residual else PLAIN_EPSILON
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)
    prefix = layer_prefix(name, input_tensor)

    widths = channels(WIDTH, ratios, width_multiplier)
    grids = len(widths)
    stem = strided_stem(image, widths[0], stem_strides, epsilon, prefix)
    pyramid = input_convolutions(stem, widths, epsilon, prefix)
    phases = [widths[grid:] for grid in reversed(range(grids))]
    pyramid = progressive_start(pyramid, unit, phases, 1, f"{prefix}progressive")
    for step in range(repeats):
        pyramid = unit(pyramid, widths, f"{prefix}full_unit{step + 1}")
    # Coarse grids that are too few layers away to reach the output are dropped, one a layer.
    for left in range(max(grids - 1, FULL_PYRAMID_UNITS), 1, -1):
        kept = widths[:left] if head == "finest" else widths
        pyramid = unit(pyramid, kept, f"{prefix}drop_unit{left}")

    outputs = pyramid
    if not pyramid_outputs:
        if head == "concatenate":
            features = concatenated_features(pyramid, widths[0], epsilon, prefix)
            if include_top:
                features = layers.Conv2D(classes, 1, name=f"{prefix}output")(features)
        else:
            if include_top:
                kernel_size = 1 if residual else 3
                pyramid = unit(pyramid, [classes], f"{prefix}output", kernel_size, relu=False)
            features = pyramid[0]
        options = (include_top, pooling, classifier_activation, prefix)
        outputs = dense_head(features, image, stem_strides, *options)
    return finish_model(inputs, outputs, name, weights, paper_name)


def _u_network(
    include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name,
    channel_ratios, width_multiplier, stem_strides, pyramid_outputs, ratios, paper_name,
):  # fmt: skip
    """Builds a U-shaped network of four levels, going down and up again."""
    check_options(include_top, pooling, classes)
    ratios = checked_ratios(channel_ratios, ratios, max_grids=8)
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)
    prefix = layer_prefix(name, input_tensor)

    widths = [channels(WIDTH * factor, ratios, width_multiplier) for factor in U_LEVELS]
    for level, dropped in ((2, 1), (3, 2)):
        widths[level] = widths[level][: max(1, len(ratios) - dropped)]
    stem = strided_stem(image, widths[0][0], stem_strides, PLAIN_EPSILON, prefix)
    pyramid = input_convolutions(stem, widths[0], PLAIN_EPSILON, prefix)
    pyramid = u_shape(pyramid, widths, prefix)

    outputs = pyramid
    if not pyramid_outputs:
        if include_top:
            # As in the paper's parameter count, the coarser grids have outputs that nothing reads.
            filters = [classes] * len(pyramid)
            pyramid = plain_unit(pyramid, filters, f"{prefix}output", 1, relu=False)
        options = (include_top, pooling, classifier_activation, prefix)
        outputs = dense_head(pyramid[0], image, stem_strides, *options)
    return finish_model(inputs, outputs, name, weights, paper_name)
