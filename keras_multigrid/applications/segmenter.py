"""A multigrid neck and head on any backbone: from its feature maps to classes of pixels."""

import keras
from keras import layers

from keras_multigrid import checks
from keras_multigrid.applications.common import (
    channels,
    checked_ratios,
    concatenated_features,
    output_activation,
)
from keras_multigrid.blocks import conv_unit, residual_unit
from keras_multigrid.blocks.units import RESIDUAL_EPSILON
from keras_multigrid.budget import Budget
from keras_multigrid.complexity import profile, replay, without_weights
from keras_multigrid.copies import copy_at_size
from keras_multigrid.layers import PaddingToMultiple, UpSamplingLike

STRIDES = (4, 8, 16, 32)
UNITS = 3
COUNTED_SIDE = 224  # of the images for which multiply-adds are counted
WIDTH = 64  # of the finest grid, at a width multiplier of 1
PREPARATIONS = (layers.Normalization, layers.Rescaling)


def segmenter(
    backbone,
    classes,
    *,
    budget=150e6,
    width_multiplier=None,
    features=None,
    preprocessing=None,
    image_channels=3,
    channel_ratios=(1, 2, 3, 4),
    units=UNITS,
    classifier_activation="softmax",
    name=None,
):
    """Returns a network for segmentation: a backbone, a multigrid neck, and a head.

    The backbone's feature maps, one a grid, are narrowed by 1x1 convolutions to a pyramid, on which
    residual multigrid units (paper, Figure 2) work; the head reads all grids.

    Args:
        backbone: A functional `keras.Model` from images of three channels, as of
            `keras.applications`; what comes after its feature maps is left out. Its layers are
            copied with their weights, and are one layer of the result, `"backbone"`:
            `model.get_layer("backbone").trainable = False` freezes it.
        classes: Number of classes.
        budget: Multiply-adds of neck and head for an image of 224 x 224; widths fill it.
        width_multiplier: Factor on the widths, in place of a budget; at 1 the finest grid has 64
            channels.
        features: Names of the layers that are read, the finest grid first, each of half the sides
            of the one before it. None takes the last one at each of the strides 4, 8, 16 and 32.
        preprocessing: A layer that prepares images with the values of their files, such as
            `keras.layers.Rescaling(1 / 127.5, offset=-1)`. It must be given unless the backbone
            contains a `Rescaling` or `Normalization`; `keras.layers.Identity()` does nothing.
        image_channels: 3, or 1 for grey images, which are repeated.
        channel_ratios: Width of each grid relative to the finest.
        units: Number of residual units.
        classifier_activation: Activation of the output; None for logits.
        name: Name of the model; default the backbone's with `_multigrid`.

    Returns:
        A functional `keras.Model` from images of any size to maps of their size, `(batch, height,
        width, classes)`.

    Raises:
        ValueError: If the backbone does not have such maps, does not say how images are to be
            prepared, or an argument is wrong.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> backbone = keras.applications.MobileNetV2(
    ...     input_shape=(64, 64, 3), alpha=0.35, weights=None, include_top=False
    ... )
    >>> scaling = keras.layers.Rescaling(1 / 127.5, offset=-1)
    >>> model = kmg.applications.segmenter(backbone, 5, budget=5e6, preprocessing=scaling)
    >>> model.output_shape
    (None, None, None, 5)
    """
    checks.functional_models(backbone=backbone)
    checks.positive_integers(classes=classes, units=units)
    checks.numbers(budget=budget)
    checks.lists(channel_ratios=channel_ratios)
    checks.optional(checks.positive_numbers, width_multiplier=width_multiplier)
    checks.optional(checks.lists, features=features)
    checks.optional(checks.functions, preprocessing=preprocessing)
    checks.optional(checks.texts, name=name)
    ratios = checked_ratios(channel_ratios, STRIDES, max_grids=8)
    if image_channels not in (1, 3):
        raise ValueError(f"image_channels is {image_channels!r}; expected 1 or 3.")
    if preprocessing is None and not any(
        isinstance(layer, PREPARATIONS) for layer in backbone.layers
    ):
        raise ValueError(
            f"{backbone.name} does not say how its images are to be prepared; pass preprocessing, "
            "such as keras.layers.Rescaling(1 / 127.5, offset=-1), or keras.layers.Identity() if "
            "it takes values from 0 to 255."
        )
    maps, stride = _feature_maps(backbone, features, len(ratios))
    if width_multiplier is None:
        width_multiplier = _fill(maps, stride, ratios, units, classes, budget)
    neck = _neck_and_head(maps, stride, channels(WIDTH, ratios, width_multiplier), units, classes)
    image = keras.Input((None, None, image_channels), name="image")
    x = layers.Concatenate(name="colours")([image] * 3) if image_channels == 1 else image
    x = x if preprocessing is None else preprocessing(x)
    x = PaddingToMultiple(stride * 2 ** (len(ratios) - 1), name="padding")(x)
    logits = neck(keras.tree.flatten(copy_at_size(maps, (None, None))(x)))
    logits = UpSamplingLike(stride, "bilinear", name="enlarged")(logits, image)
    outputs = output_activation(logits, classifier_activation, "")
    return keras.Model(image, outputs, name=name or f"{backbone.name}_multigrid")


def filled_width(backbone, classes, budget, channel_ratios, units=UNITS):
    """Returns the `width_multiplier` that fills a budget, as `segmenter` finds it."""
    maps, stride = _feature_maps(backbone, None, len(channel_ratios))
    return _fill(maps, stride, channel_ratios, units, classes, budget)


def _fill(maps, stride, ratios, units, classes, budget):
    def count(width):
        widths = channels(WIDTH, ratios, width)
        return without_weights(
            lambda: profile(_neck_and_head(maps, stride, widths, units, classes, COUNTED_SIDE))
        )

    return Budget(max_macs=budget).fill(count)


def _neck_and_head(maps, stride, widths, units, classes, side=None):
    sides = [side and side // (stride * 2**grid) for grid in range(len(widths))]
    pyramid = [keras.Input((side, side, map_.shape[-1])) for side, map_ in zip(sides, maps.outputs)]
    return keras.Model(pyramid, _logits(pyramid, widths, units, classes), name="multigrid")


def _logits(pyramid, widths, units, classes):
    pyramid = [
        conv_unit(grid, width, f"input_{number}", kernel_size=1, epsilon=RESIDUAL_EPSILON)
        for number, (grid, width) in enumerate(zip(pyramid, widths))
    ]
    for step in range(units):
        pyramid = residual_unit(pyramid, widths, f"unit{step + 1}")
    features = concatenated_features(pyramid, widths[0], RESIDUAL_EPSILON, "")
    return layers.Conv2D(classes, 1, name="output")(features)


def _feature_maps(backbone, names, grids):
    """Returns the model from images to the feature maps, finest first, and the finest's stride."""
    strides = _strides(backbone)
    if names is None:
        last = {stride: name for name, stride in strides.items()}
        missing = [stride for stride in STRIDES[:grids] if stride not in last]
        if missing or grids > len(STRIDES):
            raise ValueError(
                f"{backbone.name} has feature maps at the strides {sorted(last)}; expected "
                f"{', '.join(map(str, STRIDES[:grids]))}, one for each of {grids} grids. Name the "
                "layers with features, and give as many channel_ratios."
            )
        names = [last[stride] for stride in STRIDES[:grids]]
    found = [strides.get(name) for name in names]
    if None in found or found != [found[0] * 2**grid for grid in range(grids)]:
        raise ValueError(
            f"features is {list(names)}, at the strides {found} of {backbone.name}; expected names "
            f"of {grids} layers, as many as channel_ratios has entries, each of twice the stride "
            "of the one before it."
        )
    known = {operation.name: operation for operation in backbone.operations}
    maps = [known[name].output for name in names]
    return keras.Model(backbone.input, maps, name="backbone"), found[0]


def _strides(backbone):
    """Returns the strides of the layers that have one, by name, in the network's order."""
    shape = tuple(side or COUNTED_SIDE for side in backbone.input_shape[1:])
    strides = {}

    def see(layer, outputs, *_, **__):
        sides = getattr(outputs, "shape", ())[1:-1]
        if len(sides) == 2 and all(sides):
            (stride, rest), other = (divmod(*pair) for pair in zip(shape, sides))
            if rest == 0 and other == (stride, 0):
                strides[layer.name] = stride

    replay(backbone, keras.Input(shape), see)
    return strides
