"""What the constructors share: inputs, widths, heads and weights."""

import math

import keras
from keras import layers

from keras_multigrid import checks
from keras_multigrid.applications.pretrained import load_weights
from keras_multigrid.blocks import conv_unit
from keras_multigrid.blocks.units import channel_axis
from keras_multigrid.layers import ImagePyramid, MultigridMaxPooling2D, UpSamplingLike

STEMS = (1, 2, 4, 8)


def layer_prefix(name, input_tensor):
    """Returns what the layers' names begin with.

    It is the model's name if that is given with an `input_tensor`, so that a model can contain the
    network several times.
    """
    return f"{name}_" if name and input_tensor is not None else ""


def image_input(input_tensor, input_shape, default_shape):
    """Returns (tensor to work on, source inputs of the model)."""
    if input_tensor is None:
        image = keras.Input(_checked_shape(input_shape, default_shape), name="image")
        return image, image
    checks.keras_tensors(input_tensor=input_tensor)
    if input_shape is not None and tuple(input_shape) != tuple(input_tensor.shape[1:]):
        raise ValueError(
            f"input_shape is {tuple(input_shape)} but input_tensor has {input_tensor.shape[1:]}; "
            "expected them equal. Leave input_shape out."
        )
    sources = keras.utils.get_source_inputs(input_tensor)
    # A model of a list of one input would be exported to take a list.
    return input_tensor, sources[0] if len(sources) == 1 else sources


def _checked_shape(input_shape, default_shape):
    channels_first = keras.config.image_data_format() == "channels_first"
    if input_shape is None:
        return (default_shape[2], *default_shape[:2]) if channels_first else default_shape
    shape = tuple(input_shape)
    known = [side for side in shape if side is not None]
    valid = all(isinstance(side, int) and side > 0 for side in known)
    if len(shape) != 3 or not valid or shape[0 if channels_first else 2] is None:
        raise ValueError(
            f"input_shape is {input_shape!r}; expected 3 positive integers such as "
            f"{default_shape}, height and width possibly None."
        )
    return shape


def check_options(include_top, pooling, classes):
    """Raises a `ValueError` for head options that no constructor takes."""
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"pooling is {pooling!r}; expected None, 'avg' or 'max'.")
    if include_top:
        checks.positive_integers(classes=classes)


def checked_repeats(repeats, default):
    """Returns the number of repeated layers or units, the default for None."""
    checks.optional(checks.positive_integers, repeats=repeats)
    return default if repeats is None else repeats


def checked_ratios(channel_ratios, default, max_grids, name="channel_ratios"):
    """Returns the widths of the grids relative to the finest, one per grid."""
    ratios = tuple(default if channel_ratios is None else channel_ratios)
    if not 1 <= len(ratios) <= max_grids:
        raise ValueError(
            f"{name} has {len(ratios)} entries; expected 1 to {max_grids}, one per grid, "
            f"for example {default}."
        )
    if ratios[0] != 1:
        raise ValueError(
            f"{name} of grid 0 is {ratios[0]}; expected 1: the ratios are relative to the "
            "finest grid. Change its width with width_multiplier."
        )
    for grid, ratio in enumerate(ratios):
        if not ratio > 0:
            raise ValueError(f"{name} of grid {grid} is {ratio}; expected a positive number.")
    return ratios


def channels(finest, ratios, width_multiplier):
    """Returns the number of channels of each grid, at least one."""
    if not width_multiplier > 0:
        raise ValueError(f"width_multiplier is {width_multiplier}; expected a positive number.")
    return [max(1, round(finest * ratio * width_multiplier)) for ratio in ratios]


def input_convolutions(image, widths, epsilon, prefix, **options):
    """Makes the first features of each grid from the image at its scale (paper, section 3.2)."""
    images = ImagePyramid(len(widths), name=f"{prefix}image_pyramid")(image)
    return [
        conv_unit(grid_image, width, f"{prefix}input_{grid}", epsilon=epsilon, **options)
        for grid, (grid_image, width) in enumerate(zip(images, widths))
    ]


def check_choices(**options):
    """Raises a `ValueError` for an option, `name=(value, choices)`, that is not a choice."""
    for option, (value, choices) in options.items():
        if value not in choices:
            expected = ", ".join(map(str, choices))
            raise ValueError(f"{option} is {value!r}; expected one of {expected}.")


def strided_stem(image, width, strides, epsilon, prefix):
    """Shrinks an image by convolutions of stride 2; `strides` is how much in all."""
    check_choices(stem_strides=(strides, STEMS))
    for step in range(int(math.log2(strides))):
        image = conv_unit(image, width, f"{prefix}stem_{step}", strides=2, epsilon=epsilon)
    return image


def dense_head(features, image, strides, include_top, pooling, activation, prefix):
    """Ends a network for maps: enlarges logits or features to the image, activates or pools."""
    if strides > 1 and (include_top or pooling is None):
        features = UpSamplingLike(strides, "bilinear", name=f"{prefix}enlarged")(features, image)
    if include_top:
        return output_activation(features, activation, prefix)
    return pool_features(features, pooling, prefix)


def pool_pyramid(pyramid, pools_left, name):
    """Halves a pyramid; merges grids as late as still leaves one grid after the last pool."""
    merge = len(pyramid) > pools_left
    return MultigridMaxPooling2D(merge=merge, name=name)(pyramid)


def pool_features(features, pooling, prefix):
    """Returns a feature map, or with `pooling`, `"avg"` or `"max"`, a vector."""
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name=f"{prefix}avg_pool")(features)
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name=f"{prefix}max_pool")(features)
    return features


def concatenated_features(pyramid, width, epsilon, prefix):
    """Returns features of the finest grid's size, as many of each grid, mixed."""
    finest, *coarser = pyramid
    grids = [finest]
    for grid, features in enumerate(coarser, start=1):
        narrow = conv_unit(features, width, f"{prefix}head_{grid}", kernel_size=1, epsilon=epsilon)
        grids.append(UpSamplingLike(2**grid, name=f"{prefix}head_{grid}_up")(narrow, finest))
    joined = layers.Concatenate(axis=channel_axis(), name=f"{prefix}head_join")(grids)
    mixed = len(pyramid) * width
    return conv_unit(joined, mixed, f"{prefix}head", kernel_size=1, epsilon=epsilon)


def classification_head(features, include_top, pooling, classes, classifier_activation, prefix):
    """Pools one feature map and, with `include_top`, classifies it."""
    features = pool_features(features, "avg" if include_top else pooling, prefix)
    if not include_top:
        return features
    logits = layers.Dense(classes, name=f"{prefix}logits")(features)
    return output_activation(logits, classifier_activation, prefix)


def output_activation(logits, classifier_activation, prefix):
    """Applies the last activation in float32, whatever the precision of the network."""
    checks.activations(classifier_activation=classifier_activation)
    name = f"{prefix}predictions"
    return layers.Activation(classifier_activation, dtype="float32", name=name)(logits)


def finish_model(inputs, outputs, name, weights, network):
    """Returns the functional model, with weights if asked for; `network` is its paper's name."""
    model = keras.Model(inputs, outputs, name=name or network)
    load_weights(model, weights, network)
    return model
