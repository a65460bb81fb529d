"""The ImageNet networks of the paper's Table 4: R-MG-34, R-PMG-30-SEG, and plain baselines."""

import keras
from keras import layers

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
from keras_multigrid.applications.pretrained import load_weights
from keras_multigrid.blocks import progressive_start, residual_unit
from keras_multigrid.blocks.units import RESIDUAL_EPSILON

IMAGE_SHAPE = (224, 224, 3)
STAGES = (1, 2, 4, 8)  # width of each stage of R-MG, relative to the first
PROGRESSIVE_UNITS = 2  # n of R-PMG-30-SEG

# `# fmt: skip` keeps the constructors' arguments, which they share, on lines that can be compared.


def RMG18(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Multigrid analogue of ResNet-18; not in the paper, built by the rule of its R-MG-34."""
    return _residual_multigrid_network(**locals(), units=(2, 2, 2, 2), paper_name="R-MG-18")


def RMG34(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """Multigrid analogue of ResNet-34 (paper, section 4.4 and Table 4)."""
    return _residual_multigrid_network(**locals(), units=(3, 4, 6, 3), paper_name="R-MG-34")


def RPMG30SEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, pyramid_outputs=False,
):  # fmt: skip
    """The segmentation design as an ImageNet classifier (paper, section 4.4 and Table 4)."""
    check_options(include_top, pooling, classes)
    repeats = checked_repeats(repeats, PROGRESSIVE_UNITS)
    ratios = checked_ratios(channel_ratios, (1, 2, 4, 8), max_grids=4)
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)
    prefix = layer_prefix(name, input_tensor)

    grids = len(ratios)
    # Phase k works on k grids, all as wide as its finest, the one just added: 8, 16, 32, 64.
    finest = [64 / 2 ** (grids - phase) for phase in range(1, grids + 1)]
    phases = [
        channels(width, [1] * (phase + 1), width_multiplier) for phase, width in enumerate(finest)
    ]
    pyramid = _stem(image, [phase[0] for phase in reversed(phases)], prefix)
    pyramid = progressive_start(pyramid, residual_unit, phases, repeats, f"{prefix}progressive")
    # The stages approach the ratios from the coarse side, one grid a stage.
    for stage in range(1, grids):
        approached = [ratios[max(0, grid - (grids - 1 - stage))] for grid in range(grids)]
        widths = channels(64, approached, width_multiplier)
        for step in range(repeats):
            pyramid = residual_unit(pyramid, widths, f"{prefix}stage{stage}_unit{step + 1}")

    outputs = pyramid
    if not pyramid_outputs:
        outputs = classification_head(
            pyramid[-1], include_top, pooling, classes, classifier_activation, prefix
        )
    return finish_model(inputs, outputs, name, weights, "R-PMG-30-SEG")


ARGUMENTS = """

Args:
    include_top: Whether to end with the classifier.
    weights: None, a name of `list_weights`, a file, or `hf://user/repo/file`. The classifier is
        left out if `classes` differs; a line says so, as for images of other channels.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the image; default (224, 224, 3). Any size works, also None.
    pooling: Without top: None for the coarsest feature map, `"avg"` or `"max"` for a vector.
    classes: Number of classes.
    classifier_activation: Activation of the classifier; None for logits.
    name: Name of the model; default the paper's. Given with `input_tensor`, the names of the layers
        begin with it, too, so that a model can contain the network several times.
    repeats: Residual units of every stage (RPMG30SEG: and phase); None is the network's own.
    channel_ratios: Width of each grid relative to the finest (RPMG30SEG: at the end); its length is
        the number of grids, at most 4. The default is (1, 1/2, 1/4), of RPMG30SEG (1, 2, 4, 8).
    width_multiplier: Factor on all widths.
    pyramid_outputs: Whether to return instead the pyramid after the last stage, which has a single
        grid by default; RPMG30SEG keeps its pyramid throughout.

Returns:
    A functional `keras.Model` from images prepared by `preprocess_input` to probabilities.

Raises:
    ValueError: If an argument is invalid.

Example:

>>> import keras_multigrid as kmg
>>> kmg.applications.RMG18(width_multiplier=0.1, classes=7).output_shape
(None, 7)
>>> model = kmg.applications.RPMG30SEG(width_multiplier=0.1, pyramid_outputs=True)
>>> [shape[1:] for shape in model.output_shape]
[(56, 56, 6), (28, 28, 13), (14, 14, 26), (7, 7, 51)]
"""
for _constructor in (RMG18, RMG34, RPMG30SEG):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{ARGUMENTS}"


def _residual_multigrid_network(
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
    repeats,
    channel_ratios,
    width_multiplier,
    pyramid_outputs,
    units,
    paper_name,
):
    """Builds a multigrid analogue of a ResNet with basic blocks, `units` of them per stage."""
    check_options(include_top, pooling, classes)
    units = [checked_repeats(repeats, count) for count in units]
    ratios = checked_ratios(channel_ratios, (1, 1 / 2, 1 / 4), max_grids=4)
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)
    prefix = layer_prefix(name, input_tensor)

    pyramid = _stem(image, channels(64, ratios, width_multiplier), prefix)
    for stage, (factor, count) in enumerate(zip(STAGES, units), start=1):
        if stage > 1:
            pools_left = len(STAGES) - stage + 1
            pyramid = pool_pyramid(pyramid, pools_left, f"{prefix}stage{stage}_pool")
        widths = channels(64 * factor, ratios[: len(pyramid)], width_multiplier)
        for step in range(count):
            pyramid = residual_unit(pyramid, widths, f"{prefix}stage{stage}_unit{step + 1}")

    outputs = pyramid
    if not pyramid_outputs:
        (features,) = pyramid
        outputs = classification_head(
            features, include_top, pooling, classes, classifier_activation, prefix
        )
    return finish_model(inputs, outputs, name, weights, paper_name)


def _stem(image, widths, prefix):
    pyramid = input_convolutions(image, widths, RESIDUAL_EPSILON, prefix, kernel_size=7, strides=2)
    return [
        layers.MaxPooling2D(3, strides=2, padding="same", name=f"{prefix}input_{grid}_pool")(
            features
        )
        for grid, features in enumerate(pyramid)
    ]


def ResNet50(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name="ResNet-50",
):  # fmt: skip
    """Keras' own ResNet-50, a plain baseline of Table 4, without pretrained weights by default."""
    return _keras_own(**locals(), network=keras.applications.ResNet50, paper_name="ResNet-50")


def VGG16ImageNet(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=1000, classifier_activation="softmax", name="VGG-16-ImageNet",
):  # fmt: skip
    """Keras' own VGG16, a plain baseline of Table 4; `VGG(depth=16)` is the paper's for CIFAR."""
    return _keras_own(**locals(), network=keras.applications.VGG16, paper_name="VGG-16-ImageNet")


KERAS_ARGUMENTS = """

Args:
    include_top: As for the network in `keras.applications`, like all that follow.
    weights: None, `"imagenet"` (Keras downloads them), or as for the other networks.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the image.
    pooling: None, `"avg"` or `"max"`.
    classes: Number of classes.
    classifier_activation: Activation of the classifier.
    name: Name of the model.

Returns:
    A functional `keras.Model`.

Raises:
    ValueError: As Keras raises it.

Example:

>>> import keras_multigrid as kmg
>>> kmg.applications.ResNet50().count_params()
25636712
>>> kmg.applications.VGG16ImageNet(include_top=False).count_params()
14714688
"""
for _constructor in (ResNet50, VGG16ImageNet):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{KERAS_ARGUMENTS}"


def _keras_own(weights, network, paper_name, **arguments):
    model = network(weights="imagenet" if weights == "imagenet" else None, **arguments)
    if weights != "imagenet":  # which Keras has loaded
        load_weights(model, weights, paper_name)
    return model
