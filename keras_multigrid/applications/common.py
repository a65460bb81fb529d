"""What the constructors share: inputs, widths, heads and weights."""

import functools
import inspect

import keras

from keras_multigrid import checks
from keras_multigrid.applications.pretrained import load_weights
from keras_multigrid.blocks import conv_unit
from keras_multigrid.blocks.counted import (
    Activation,
    Dense,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    ImagePyramid,
    Model,
    MultigridMaxPooling2D,
    Tally,
    Uncountable,
    is_counted,
    names_start_with,
)


def with_signature_of(network):
    """Gives a paper-named constructor the arguments and documentation of its network function.

    The constructors take and hand on exactly the positional arguments; what makes the network (its
    design) is keyword-only there, documented last under "Design:", and not shown.
    """
    parameters = inspect.signature(network).parameters.values()
    public = [entry for entry in parameters if entry.kind is not entry.KEYWORD_ONLY]
    _, arguments = (inspect.getdoc(network) or "").partition("Args:")[1:]

    def show(constructor):
        constructor.__signature__ = inspect.Signature(public)
        if constructor.__doc__:  # python -OO strips it
            constructor.__doc__ += f"\n\nArgs:{arguments.partition('Design:')[0]}"
        return constructor

    return show


def with_own_names(network):
    """Has the layers' names begin with `name` if it is given with an `input_tensor`.

    So a network can be built several times on the same tensor.
    """
    signature = inspect.signature(network)

    @functools.wraps(network)
    def build(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        own = given.get("name") if given.get("input_tensor") is not None else None
        with names_start_with(f"{own}_" if own else ""):
            return network(*args, **kwargs)

    return build


def image_input(input_tensor, input_shape, default_shape):
    """Returns (tensor to work on, source inputs of the model); for a `Tally`, a counted grid."""
    if input_tensor is None:
        image = keras.Input(_checked_shape(input_shape, default_shape), name="image")
        return image, image
    if isinstance(input_tensor, Tally):
        shape = _checked_shape(input_shape, default_shape)
        if keras.config.image_data_format() == "channels_first":
            shape = (*shape[1:], shape[0])
        image = input_tensor.input(shape)
        return image, image
    if not keras.backend.is_keras_tensor(input_tensor):
        raise ValueError(
            f"input_tensor is {type(input_tensor).__name__}; expected the output of keras.Input or "
            "of a Keras layer."
        )
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


def checked_depth(depth, default):
    """Returns the number of repeated layers or units, the default for None."""
    if depth is None:
        return default
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise ValueError(
            f"depth is {depth!r}; expected a positive integer, or None for the paper's."
        )
    return depth


def checked_ratios(channel_ratios, default, max_grids):
    """Returns the widths of the grids relative to the finest, one per grid."""
    ratios = tuple(default if channel_ratios is None else channel_ratios)
    if not 1 <= len(ratios) <= max_grids:
        raise ValueError(
            f"channel_ratios has {len(ratios)} entries; expected 1 to {max_grids}, one per grid, "
            f"for example {default}."
        )
    if ratios[0] != 1:
        raise ValueError(
            f"channel_ratios of grid 0 is {ratios[0]}; expected 1: the ratios are relative to the "
            "finest grid. Change its width with width_multiplier."
        )
    for grid, ratio in enumerate(ratios):
        if not ratio > 0:
            raise ValueError(
                f"channel_ratios of grid {grid} is {ratio}; expected a positive number."
            )
    return ratios


def channels(finest, ratios, width_multiplier):
    """Returns the number of channels of each grid, at least one."""
    if not width_multiplier > 0:
        raise ValueError(f"width_multiplier is {width_multiplier}; expected a positive number.")
    return [max(1, round(finest * ratio * width_multiplier)) for ratio in ratios]


def input_convolutions(image, widths, epsilon, **options):
    """Makes the first features of each grid from the image at its scale (paper, section 3.2)."""
    images = ImagePyramid(len(widths), name="image_pyramid")(image)
    return [
        conv_unit(grid_image, width, f"input_{grid}", epsilon=epsilon, **options)
        for grid, (grid_image, width) in enumerate(zip(images, widths))
    ]


def pool_pyramid(pyramid, pools_left, name):
    """Halves a pyramid; merges grids as late as still leaves one grid after the last pool."""
    merge = len(pyramid) > pools_left
    return MultigridMaxPooling2D(merge=merge, name=name)(pyramid)


def classification_head(features, include_top, pooling, classes, classifier_activation):
    """Pools one feature map and, with `include_top`, classifies it in float32."""
    if include_top or pooling == "avg":
        features = GlobalAveragePooling2D(name="avg_pool")(features)
    elif pooling == "max":
        features = GlobalMaxPooling2D(name="max_pool")(features)
    if not include_top:
        return features
    logits = Dense(classes, name="logits")(features)
    return output_activation(logits, classifier_activation)


def output_activation(logits, classifier_activation):
    """Applies the last activation in float32, whatever the precision of the network."""
    checks.activations(classifier_activation=classifier_activation)
    return Activation(classifier_activation, dtype="float32", name="predictions")(logits)


def finish_model(inputs, outputs, name, weights, network):
    """Returns the functional model, with weights if asked for; `network` is its paper's name."""
    model = Model(inputs, outputs, name=name or network)
    if not is_counted(inputs):
        load_weights(model, weights, network)
    return model


def refuse_tally(input_tensor, name):
    """Raises a `ValueError` where a network of Keras' own is to be counted."""
    if isinstance(input_tensor, Tally):
        raise Uncountable(
            f"{name} is Keras' own network; it cannot be counted without building it. "
            "keras_multigrid.complexity.count builds and profiles it."
        )
