"""One rule a layer type: the layer that does on a coarser grid what a layer does on the finest."""

import math

import keras

from keras_multigrid import checks
from keras_multigrid import layers as ours

layers = keras.layers


def again(layer, width):
    """Returns the layer once more, with weights of its own."""
    return type(layer).from_config(layer.get_config())


def _with(layer, **changes):
    return type(layer).from_config({**layer.get_config(), **changes})


def _filters(layer, width):
    filters = width(layer.filters)
    channels = layer.kernel.shape[2] * layer.groups  # of the finest grid
    groups = math.gcd(layer.groups, filters, width(channels)) if layer.groups > 1 else 1
    return _with(layer, filters=filters, groups=groups)


def _other_filters(layer, width):
    return _with(layer, filters=width(layer.filters))


def _units(layer, width):
    return _with(layer, units=width(layer.units))


def _groups(layer, width):
    if not (layer.scale or layer.center):
        raise ValueError("it has neither scale nor center, which tell its channels.")
    channels = width((layer.gamma if layer.scale else layer.beta).shape[0])
    groups = channels if layer.groups == -1 else math.gcd(layer.groups, channels)
    return _with(layer, groups=groups)


def _reshaped(layer, width):
    """Of vectors: the one side that has the channels is what the others leave."""
    sides = [-1 if side != 1 else 1 for side in layer.target_shape]
    if sides.count(-1) > 1:
        raise ValueError(f"its target shape is {layer.target_shape}; expected one side above 1.")
    return _with(layer, target_shape=sides)


def _scaled(layer, width):
    if any(getattr(value, "__len__", None) for value in (layer.scale, layer.offset)):
        raise ValueError("it has a scale for each channel; expected one number on maps.")
    return again(layer, width)


RULES = {
    **dict.fromkeys(
        [
            *(layers.BatchNormalization, ours.FusedBatchNormalization, layers.LayerNormalization),
            *(layers.RMSNormalization, layers.UnitNormalization),
            *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU),
            *(layers.Softmax, layers.Identity, layers.ActivityRegularization),
            *(layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout),
            *(layers.AlphaDropout, layers.GaussianNoise),
            *(layers.DepthwiseConv2D, layers.ZeroPadding2D, layers.UpSampling2D),
            *(layers.MaxPooling2D, layers.AveragePooling2D),
            *(layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D, layers.Flatten),
            *(layers.Add, layers.Subtract, layers.Multiply, layers.Average),
            *(layers.Maximum, layers.Minimum, layers.Concatenate),
        ],
        again,
    ),
    layers.Conv2D: _filters,
    ours.UnfusedBiasConv2D: _filters,
    layers.Conv2DTranspose: _other_filters,
    layers.Dense: _units,
    ours.ChannelPadding: _other_filters,
    layers.GroupNormalization: _groups,
    layers.Reshape: _reshaped,
    layers.Rescaling: _scaled,
}
# Of `keras.ops`, whose classes are not public: what is computed for each pixel by itself.
OPERATIONS = set(
    "Abs Absolute Add Cast Celu Clip Concatenate Divide Elu Exp Gelu HardSigmoid HardSilu "
    "HardTanh LeakyRelu LogSigmoid Maximum Minimum Multiply Negative Relu Relu6 Selu Sigmoid Silu "
    "Softplus Softsign Sqrt Square Subtract Tanh TrueDivide".split()
)
CONVOLUTIONS = (layers.Conv2D, ours.UnfusedBiasConv2D)
POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL_POOLS = (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D)
# What moves a window over the grid; all have `padding` and `strides`.
WINDOWS = (*CONVOLUTIONS, *POOLS, layers.DepthwiseConv2D)
ENLARGING = (layers.UpSampling2D, layers.Conv2DTranspose)
JOINS = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum", "Minimum"),
    "Concatenate",
}
REASONS = (
    (
        layers.Lambda,
        "what a Lambda computes cannot be known; make it a layer of a class of its own",
    ),
    (
        (layers.RNN, layers.Bidirectional, layers.TimeDistributed),
        "it is recurrent, and reads maps as sequences",
    ),
    (
        (layers.Attention, layers.AdditiveAttention)
        + (layers.MultiHeadAttention, layers.GroupQueryAttention),
        "it is attention, over tokens and not over maps",
    ),
    ((layers.Reshape, layers.Permute), "it turns maps into tokens, or into others"),
)


def register(kind, rule):
    """Teaches `flip` a layer of one's own that reads each grid by itself.

    Args:
        kind: The layer's class; subclasses have rules of their own.
        rule: Function from the layer and from `width` to a new layer for a coarser grid, where
            `width` is a function from a number of channels on the finest grid to that on the
            coarser one; or another class, whose rule it takes.

    Raises:
        ValueError: If `kind` is not a class of Keras layers, or `rule` is not a rule.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> class Widen(keras.layers.Layer):
    ...     def __init__(self, filters, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.filters = filters
    ...     def call(self, x):
    ...         return keras.ops.pad(x, [(0, 0)] * 3 + [(0, self.filters - x.shape[-1])])
    >>> kmg.flip.register(Widen, lambda layer, width: Widen(width(layer.filters)))
    """
    if not (isinstance(kind, type) and issubclass(kind, layers.Layer)):
        raise ValueError(f"kind is {kind!r}; expected a class of Keras layers.")
    if isinstance(rule, type):
        if rule not in RULES:
            raise ValueError(f"rule is {rule.__name__}, which has none; expected a function.")
        rule = RULES[rule]
    checks.functions(rule=rule)
    RULES[kind] = rule


def rule_of(layer):
    """Returns the rule of a layer or operation, None if there is none."""
    if isinstance(layer, layers.Layer):
        return RULES.get(type(layer))
    own = type(layer).__module__.startswith("keras.")
    return again if own and type(layer).__name__ in OPERATIONS else None


def is_join(layer):
    """Whether a layer or operation joins maps pixel by pixel."""
    return type(layer).__name__ in JOINS and rule_of(layer) is again


def adds_up(layer):
    """Whether a join takes a channel of zeros as if it was not there."""
    return is_join(layer) and type(layer).__name__ in ("Add", "Subtract", "Average")


def span_of(layer):
    """Returns how many rows and columns a layer's window covers."""
    if isinstance(layer, POOLS):
        return tuple(layer.pool_size)
    steps = zip(layer.kernel_size, layer.dilation_rate)
    return tuple(rate * (size - 1) + 1 for size, rate in steps)


def reason_of(layer):
    """Returns why a layer without a rule cannot be flipped."""
    for kinds, reason in REASONS:
        if isinstance(layer, kinds):
            return f"{reason}."
    if not isinstance(layer, layers.Layer):
        return "flip does not know this operation of keras.ops; put it into a layer of your own."
    return "flip does not know this layer; teach it one with kmg.flip.register."
