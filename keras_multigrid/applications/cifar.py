"""The CIFAR-100 networks of the paper's Table 1: six families, each in several depths."""

import dataclasses

from keras_multigrid import checks
from keras_multigrid.applications.common import (
    channels,
    check_options,
    checked_ratios,
    checked_repeats,
    classification_head,
    finish_model,
    image_input,
    input_convolutions,
    layer_prefix,
    pool_pyramid,
)
from keras_multigrid.blocks import plain_unit, progressive_start, residual_unit
from keras_multigrid.blocks.units import PLAIN_EPSILON, RESIDUAL_EPSILON

IMAGE_SIDE = 32
SECTIONS = (1, 2, 4, 8, 8)  # width of each section, relative to the first
WIDTH, SMALL_WIDTH = 64, 40  # channels of the finest grid in the first section
DEFAULT_REPEATS = 2


@dataclasses.dataclass(frozen=True)
class Family:
    """What tells the families of Table 1 apart.

    Attributes:
        name: The paper's name, without "sm" and depth.
        depths: The depths in the paper's names, of 1, 2, 3, ... layers or units per section.
        ratios: Default width of each grid relative to the finest; one entry is a plain CNN.
        residual: Whether the sections are made of residual units.
        progressive: Whether the first section starts on the coarsest grid alone.
    """

    name: str
    depths: tuple
    ratios: tuple = (1, 1 / 2, 1 / 4)
    residual: bool = False
    progressive: bool = False


# The families share their arguments; `# fmt: skip` keeps them on lines that can be compared.


def VGG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Plain CNN, a baseline on a single grid (paper, Table 1): depth 6, 11, 16 or 21."""
    family = Family("VGG", (6, 11, 16, 21), ratios=(1,))
    return _network(**locals())


def RES(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Residual CNN, a baseline on a single grid (paper, Table 1): depth 12, 22, 32 or 42."""
    family = Family("RES", (12, 22, 32, 42), ratios=(1,), residual=True)
    return _network(**locals())


def MG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, small=False, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Multigrid CNN (paper, Table 1): depth 6, 11, 16 or 21."""
    family = Family("MG", (6, 11, 16, 21))
    return _network(**locals())


def RMG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, small=False, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Residual multigrid CNN (paper, Table 1): depth 12, 22, 32 or 42."""
    family = Family("R-MG", (12, 22, 32, 42), residual=True)
    return _network(**locals())


def PMG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, small=False, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Progressive multigrid CNN (paper, Table 1): depth 9, 16 or 30."""
    family = Family("PMG", (9, 16, 30), progressive=True)
    return _network(**locals())


def RPMG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=100, classifier_activation="softmax", name=None, depth=None, small=False, repeats=None,
    channel_ratios=None, width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Residual progressive multigrid CNN (paper, Table 1): depth 16, 30 or 44."""
    family = Family("R-PMG", (16, 30, 44), residual=True, progressive=True)
    return _network(**locals())


ARGUMENTS = """

Args:
    include_top: Whether to end with the classifier.
    weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The classifier is
        left out if `classes` differs; a line says so, as for images of other channels.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the image; default (32, 32, 3). Any size works.
    pooling: Without top: None for the feature map, `"avg"` or `"max"` for a vector.
    classes: Number of classes.
    classifier_activation: Activation of the classifier; None for logits.
    name: Name of the model; default the paper's. Given with `input_tensor`, the names of the layers
        begin with it, too, so that a model can contain the network several times.
    depth: The number in the paper's name; None is the second smallest.
    small: Whether to build the paper's "sm" network, with 40 in place of 64 channels. VGG and RES
        have no such argument.
    repeats: In place of `depth`, the layers or residual units per section, the paper's n.
    channel_ratios: Width of each grid relative to the finest, such as (1, 1/2, 1/4); its length is
        the number of grids, at most 6.
    width_multiplier: Factor on all widths.
    pyramid_outputs: Whether to return the pyramid after the last section instead.

Returns:
    A functional `keras.Model` from images, whitened as in section 4.1, to probabilities.

Raises:
    ValueError: If an argument is invalid.

Example:

>>> import keras_multigrid as kmg
>>> model = kmg.applications.MG(depth=11, classes=10, width_multiplier=0.1)
>>> model.name, model.output_shape
('MG-11', (None, 10))
"""
for _constructor in (VGG, RES, MG, RMG, PMG, RPMG):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{ARGUMENTS}"


def _network(
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
    depth,
    repeats,
    channel_ratios,
    width_multiplier,
    pyramid_outputs,
    family,
    small=False,
):
    """Builds five sections of n layers or units, a pool after each."""
    check_options(include_top, pooling, classes)
    n, paper_name = _size(family, depth, repeats, small)
    width = SMALL_WIDTH if small else WIDTH
    ratios = checked_ratios(channel_ratios, family.ratios, max_grids=6)
    unit = residual_unit if family.residual else plain_unit
    epsilon = RESIDUAL_EPSILON if family.residual else PLAIN_EPSILON
    image, inputs = image_input(input_tensor, input_shape, (IMAGE_SIDE, IMAGE_SIDE, 3))
    prefix = layer_prefix(name, input_tensor)

    widths = channels(width, ratios, width_multiplier)
    pyramid = input_convolutions(image, widths, epsilon, prefix)
    for section, factor in enumerate(SECTIONS):
        if section:
            pools_left = len(SECTIONS) - section + 1
            pyramid = pool_pyramid(pyramid, pools_left, f"{prefix}section{section}_pool")
            if len(pyramid) < len(ratios):  # the merged grid is as wide as both were
                ratios = (*ratios[:-2], ratios[-2] + ratios[-1])
        widths = channels(width * factor, ratios, width_multiplier)
        if family.progressive and section == 0:
            phases = [widths[grid:] for grid in reversed(range(len(widths)))]
            pyramid = progressive_start(pyramid, unit, phases, n, f"{prefix}section1_phase")
            continue
        # In the plain families, the input convolution is the first of the first section's layers.
        first = 1 if section == 0 and not family.residual else 0
        kernels = [_kernel_size(section, grid) for grid in range(len(widths))]
        for step in range(first, n):
            unit_name = f"{prefix}section{section + 1}_unit{step + 1}"
            pyramid = unit(pyramid, widths, unit_name, kernels)

    outputs = pyramid
    if not pyramid_outputs:
        (features,) = pool_pyramid(pyramid, 1, f"{prefix}section{len(SECTIONS)}_pool")
        # At 32x32 pixels the features are 1x1: the average is the paper's flattening.
        outputs = classification_head(
            features, include_top, pooling, classes, classifier_activation, prefix
        )
    return finish_model(inputs, outputs, name, weights, paper_name)


def _size(family, depth, repeats, small):
    """Returns the paper's n and the network's name: the family's if the paper has no such depth."""
    checks.flags(small=small)
    if depth is not None and repeats is not None:
        raise ValueError(f"depth is {depth!r} and repeats is {repeats!r}; expected one of them.")
    if depth is not None and (isinstance(depth, bool) or depth not in family.depths):
        raise ValueError(
            f"depth is {depth!r}; expected one of {', '.join(map(str, family.depths))}, those of "
            f"the paper's {family.name}. For others, give repeats, the units per section."
        )
    if depth is not None:
        repeats = family.depths.index(depth) + 1
    n = checked_repeats(repeats, DEFAULT_REPEATS)
    name = f"{family.name}-sm" if small else family.name
    return n, f"{name}-{family.depths[n - 1]}" if n <= len(family.depths) else name


def _kernel_size(section, grid):
    """Returns 1 where the paper's grid is one pixel, and 3 elsewhere."""
    return 3 if IMAGE_SIDE >> (section + grid) > 1 else 1
