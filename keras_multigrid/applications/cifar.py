"""The CIFAR-100 networks of the paper's Table 1: one function builds all 36 of them."""

import dataclasses

from keras_multigrid.applications.common import (
    channels,
    check_options,
    checked_depth,
    checked_ratios,
    classification_head,
    finish_model,
    image_input,
    input_convolutions,
    pool_pyramid,
    with_own_names,
)
from keras_multigrid.blocks import plain_unit, progressive_start, residual_unit
from keras_multigrid.blocks.units import PLAIN_EPSILON, RESIDUAL_EPSILON

IMAGE_SIDE = 32
SECTIONS = (1, 2, 4, 8, 8)  # width of each section, relative to the first


@dataclasses.dataclass(frozen=True)
class Design:
    """What tells the families of Table 1 apart.

    Attributes:
        ratios: Default width of each grid relative to the finest; one entry is a plain CNN.
        width: Channels of the finest grid in the first section.
        residual: Whether the sections are made of residual units.
        progressive: Whether the first section starts on the coarsest grid alone.
    """

    ratios: tuple = (1, 1 / 2, 1 / 4)
    width: int = 64
    residual: bool = False
    progressive: bool = False


@with_own_names
def cifar_network(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=100,
    classifier_activation="softmax",
    name=None,
    channel_ratios=None,
    width_multiplier=1.0,
    pyramid_outputs=False,
    depth=None,
    *,
    design,
    n,
    paper_name,
):
    """Builds a network of Table 1: five sections of n layers or units, a pool after each.

    Args:
        include_top: Whether to end with the classifier.
        weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The head is left
            out if `classes` differs; both that and an image of other channels are said.
        input_tensor: Keras tensor to use as the image.
        input_shape: Shape of the image; default (32, 32, 3). Any size works.
        pooling: Without top: None for the feature map, `"avg"` or `"max"` for a vector.
        classes: Number of classes.
        classifier_activation: Activation of the classifier; None for logits.
        name: Name of the model; default the paper's. Given with `input_tensor`, it begins the names
            of the layers, too, so that a network can be there several times.
        channel_ratios: Width of each grid relative to the finest, such as (1, 1/2, 1/4); its
            length is the number of grids, at most 6.
        width_multiplier: Factor on all widths.
        pyramid_outputs: Whether to return the pyramid after the last section instead.
        depth: Layers or residual units per section, the paper's n; None is the named network's own.

    Returns:
        A functional `keras.Model` from images, whitened as in section 4.1, to probabilities.

    Raises:
        ValueError: If an argument is invalid.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.MG11(classes=10, width_multiplier=0.1)
    >>> model.output_shape
    (None, 10)

    Design:
        design: The family.
        n: Default of `depth`.
        paper_name: The paper's name.
    """
    check_options(include_top, pooling, classes)
    n = checked_depth(depth, n)
    ratios = checked_ratios(channel_ratios, design.ratios, max_grids=6)
    unit = residual_unit if design.residual else plain_unit
    epsilon = RESIDUAL_EPSILON if design.residual else PLAIN_EPSILON
    image, inputs = image_input(input_tensor, input_shape, (IMAGE_SIDE, IMAGE_SIDE, 3))

    widths = channels(design.width, ratios, width_multiplier)
    pyramid = input_convolutions(image, widths, epsilon)
    for section, factor in enumerate(SECTIONS):
        if section:
            pyramid = pool_pyramid(pyramid, len(SECTIONS) - section + 1, f"section{section}_pool")
            if len(pyramid) < len(ratios):  # the merged grid is as wide as both were
                ratios = (*ratios[:-2], ratios[-2] + ratios[-1])
        widths = channels(design.width * factor, ratios, width_multiplier)
        if design.progressive and section == 0:
            phases = [widths[grid:] for grid in reversed(range(len(widths)))]
            pyramid = progressive_start(pyramid, unit, phases, n, "section1_phase")
            continue
        # In the plain families, the input convolution is the first of the first section's layers.
        first = 1 if section == 0 and not design.residual else 0
        kernels = [_kernel_size(section, grid) for grid in range(len(widths))]
        for step in range(first, n):
            pyramid = unit(pyramid, widths, f"section{section + 1}_unit{step + 1}", kernels)

    outputs = pyramid
    if not pyramid_outputs:
        (features,) = pool_pyramid(pyramid, 1, f"section{len(SECTIONS)}_pool")
        # At 32x32 pixels the features are 1x1: the average is the paper's flattening.
        outputs = classification_head(
            features, include_top, pooling, classes, classifier_activation
        )
    return finish_model(inputs, outputs, name, weights, paper_name)


def _kernel_size(section, grid):
    """Returns 1 where the paper's grid is one pixel, and 3 elsewhere."""
    return 3 if IMAGE_SIDE >> (section + grid) > 1 else 1
