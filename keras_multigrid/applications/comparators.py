"""What people use for segmentation, in its place beside the paper's networks: to compare with."""

from keras import layers

from keras_multigrid.applications.common import (
    channels,
    check_options,
    checked_ratios,
    checked_repeats,
    concatenated_features,
    dense_head,
    finish_model,
    image_input,
    layer_prefix,
    strided_stem,
)
from keras_multigrid.blocks import conv_unit
from keras_multigrid.blocks.units import RESIDUAL_EPSILON as EPSILON
from keras_multigrid.blocks.units import batch_normalization, channel_axis
from keras_multigrid.layers import UpSamplingLike

IMAGE_SHAPE = (64, 64, 1)
WIDTH = 64
BLOCKS = 2  # residual blocks of a scale, as in ResNet-18
STAGES = (1, 2, 4, 8)  # widths of scales, relative to the first
DILATIONS = (1, 1, 1, 1)  # widths of a grid that keeps its pixels
OUTPUT_STRIDE = 16  # of DeepLabV3+: from there on, it dilates instead
ATROUS_RATES = (3, 6, 9)  # half of its authors', for maps of half the sides

# `# fmt: skip` keeps the constructors' arguments, which they share, on lines that can be compared.


def FPNSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=4,
):  # fmt: skip
    """ResNet with a feature pyramid (Lin et al., 2017) and its head for segmentation."""
    return _network(**locals(), body=_feature_pyramid, ratios=STAGES, own_name="ResNet-FPN")


def DEEPLABSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=4,
):  # fmt: skip
    """DeepLabV3+ on a ResNet (Chen et al., 2018), all widths in one proportion."""
    return _network(**locals(), body=_deeplab, ratios=STAGES, own_name="DeepLabV3plus")


def DILATEDSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=4,
):  # fmt: skip
    """A single grid of residual blocks with dilations 1, 2, 4, ... (Yu and Koltun, 2016)."""
    return _network(**locals(), body=_dilated, ratios=DILATIONS, own_name="Dilated-SG")


def HRNETSEG(
    include_top=True, weights=None, *, input_tensor=None, input_shape=None, pooling=None,
    classes=10, classifier_activation="sigmoid", name=None, repeats=None, channel_ratios=None,
    width_multiplier=1.0, stem_strides=4,
):  # fmt: skip
    """HRNet: scales side by side, that meet after every few blocks (Wang et al., 2020)."""
    return _network(**locals(), body=_high_resolution, ratios=STAGES, own_name="HRNet")


ARGUMENTS = """

Not of the papers: what `keras-multigrid compare` trains beside their networks. `create_model` has
it by its name, `list_models` does not list it.

Args:
    include_top: Whether to end with the output layer.
    weights: None, or a file. The output layer is left out if `classes` differs.
    input_tensor: Keras tensor to use as the image.
    input_shape: Shape of the image; default (64, 64, 1). Any size works, also None.
    pooling: Without top: None for the last feature map, `"avg"` or `"max"` for a vector.
    classes: Number of output channels.
    classifier_activation: Activation of the output; None for logits.
    name: Name of the model. Given with `input_tensor`, the names of the layers begin with it.
    repeats: Residual blocks of each scale; None is 2.
    channel_ratios: Width of each scale relative to the first; None is 1, 2, 4, 8, of a single grid
        with dilations 1, 1, 1, 1.
    width_multiplier: Factor on all widths.
    stem_strides: 1, 2, 4 or 8: by how much strided convolutions shrink the image before the first
        scale; the output is enlarged to the image's size.

Returns:
    A functional `keras.Model` from images to maps of the same height and width.

Raises:
    ValueError: If an argument is invalid.

Example:

>>> import keras_multigrid as kmg
>>> kmg.applications.FPNSEG(
...     classes=11, width_multiplier=0.1, input_shape=(49, 30, 3)
... ).output_shape
(None, 49, 30, 11)
"""
for _constructor in (FPNSEG, DEEPLABSEG, DILATEDSEG, HRNETSEG):
    _constructor.__doc__ = f"{_constructor.__doc__ or ''}{ARGUMENTS}"


def _network(
    include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name,
    repeats, channel_ratios, width_multiplier, stem_strides, body, ratios, own_name,
):  # fmt: skip
    """Builds a stem, a body that makes features of its size, and the output."""
    check_options(include_top, pooling, classes)
    repeats = checked_repeats(repeats, BLOCKS)
    ratios = checked_ratios(channel_ratios, ratios, max_grids=8)
    image, inputs = image_input(input_tensor, input_shape, IMAGE_SHAPE)
    prefix = layer_prefix(name, input_tensor)
    widths = channels(WIDTH, ratios, width_multiplier)
    x = strided_stem(image, widths[0], stem_strides, EPSILON, prefix)
    if stem_strides == 1:
        x = conv_unit(x, widths[0], f"{prefix}stem", epsilon=EPSILON)
    features = body(x, widths, repeats, stem_strides, prefix)
    if include_top:
        features = layers.Conv2D(classes, 1, name=f"{prefix}logits")(features)
    options = (include_top, pooling, classifier_activation, prefix)
    outputs = dense_head(features, image, stem_strides, *options)
    return finish_model(inputs, outputs, name, weights, own_name)


def _feature_pyramid(x, widths, repeats, stem_strides, prefix):
    """The residual stages, a way back up with lateral connections, and all scales joined."""
    maps = []
    for stage, width in enumerate(widths):
        strides = 2 if stage else 1
        maps.append(_blocks(maps[-1] if stage else x, width, repeats, f"{prefix}{stage}", strides))
    width = 2 * widths[0]
    top, joined = None, []
    for stage in reversed(range(len(maps))):
        lateral = _linear_unit(maps[stage], width, f"{prefix}lateral_{stage}")
        if top is not None:
            enlarged = UpSamplingLike(2, name=f"{prefix}top_{stage}_up")(top, lateral)
            lateral = layers.Add(name=f"{prefix}top_{stage}")([lateral, enlarged])
        top = lateral
        smooth = conv_unit(top, widths[0], f"{prefix}smooth_{stage}", epsilon=EPSILON)
        joined.append(_enlarged(smooth, 2**stage, maps[0], f"{prefix}smooth_{stage}_up"))
    return _join(joined, f"{prefix}join")


def _deeplab(x, widths, repeats, stem_strides, prefix):
    """Residual stages to a stride of 16, atrous pyramid pooling, and the decoder of V3+."""
    stride, steps, dilation, low = stem_strides, 1, 1, None
    for stage, width in enumerate(widths):
        strides = 2 if stage and stride < OUTPUT_STRIDE else 1
        dilation *= 2 if stage and strides == 1 else 1
        x = _blocks(x, width, repeats, f"{prefix}{stage}", strides, dilation)
        stride, steps = stride * strides, steps * strides
        low = low if stage else x
    width = 4 * widths[0]
    branches = [conv_unit(x, width, f"{prefix}atrous_0", kernel_size=1, epsilon=EPSILON)]
    for rate in ATROUS_RATES:
        options = {"dilation_rate": rate, "epsilon": EPSILON}
        branches.append(conv_unit(x, width, f"{prefix}atrous_{rate}", **options))
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}mean")(x)
    mean = conv_unit(mean, width, f"{prefix}mean", kernel_size=1, epsilon=EPSILON)
    # A 1x1 convolution of all joined is a sum, in which one pixel need not be repeated.
    parts = [_join(branches, f"{prefix}atrous_join"), mean]
    parts = [
        layers.Conv2D(width, 1, use_bias=False, name=f"{prefix}project_{part}")(features)
        for part, features in enumerate(parts)
    ]
    x = layers.Add(name=f"{prefix}project")(parts)
    x = batch_normalization(EPSILON, name=f"{prefix}project_bn")(x)
    x = layers.ReLU(name=f"{prefix}project_relu")(x)
    low = conv_unit(low, widths[0], f"{prefix}low", kernel_size=1, epsilon=EPSILON)
    x = _join([_enlarged(x, steps, low, f"{prefix}project_up"), low], f"{prefix}decoder_join")
    for step in range(2):
        x = conv_unit(x, 2 * widths[0], f"{prefix}decoder_{step}", epsilon=EPSILON)
    return x


def _dilated(x, widths, repeats, stem_strides, prefix):
    """Residual blocks that see ever farther, and a convolution that smooths their grid."""
    for scale, width in enumerate(widths):
        x = _blocks(x, width, repeats, f"{prefix}{scale}", dilation_rate=2**scale)
    return conv_unit(x, widths[-1], f"{prefix}smooth", epsilon=EPSILON)


def _high_resolution(x, widths, repeats, stem_strides, prefix):
    """Scales side by side, one more in each stage, that all read each other at its end."""
    scales = []
    for stage, width in enumerate(widths):
        if stage:
            x = conv_unit(scales[-1], width, f"{prefix}down_{stage}", strides=2, epsilon=EPSILON)
        scales = [
            _blocks(scale, widths[number], repeats, f"{prefix}{stage}_{number}")
            for number, scale in enumerate([*scales, x])
        ]
        if stage:
            scales = [
                _fused(scales, number, widths, f"{prefix}fuse_{stage}_{number}")
                for number in range(len(scales))
            ]
    return concatenated_features(scales, widths[0], EPSILON, prefix)


def _fused(scales, target, widths, name):
    """Returns the sum of all scales at one of them: strided convolutions down, 1x1 and up."""
    parts = [scales[target]]
    for number, scale in enumerate(scales):
        for step in range(number, target):
            last = step == target - 1
            width = widths[target] if last else widths[number]
            unit = f"{name}_from_{number}_{step}"
            scale = conv_unit(scale, width, unit, strides=2, epsilon=EPSILON, relu=not last)
        if number > target:
            scale = _linear_unit(scale, widths[target], f"{name}_from_{number}")
            enlarge = UpSamplingLike(2 ** (number - target), name=f"{name}_from_{number}_up")
            scale = enlarge(scale, scales[target])
        if number != target:
            parts.append(scale)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=name)(parts))


def _blocks(x, width, repeats, name, strides=1, dilation_rate=1):
    """Residual blocks of two 3x3 convolutions, of which the first may shrink."""
    options = {"dilation_rate": dilation_rate, "epsilon": EPSILON}
    for block in range(repeats):
        unit = f"{name}_block{block}"
        y = conv_unit(x, width, f"{unit}_1", strides=strides, **options)
        y = conv_unit(y, width, f"{unit}_2", relu=False, **options)
        if strides > 1:  # as in ResNet-D; TensorFlow's strided 1x1 gradients write out of bounds
            x = layers.AveragePooling2D(2, padding="same", name=f"{unit}_pool")(x)
        if x.shape[channel_axis()] != width:
            x = _linear_unit(x, width, f"{unit}_shortcut")
        x = layers.ReLU(name=f"{unit}_relu")(layers.Add(name=f"{unit}_add")([x, y]))
        strides = 1
    return x


def _linear_unit(x, width, name):
    """A 1x1 convolution and batch normalization."""
    return conv_unit(x, width, name, kernel_size=1, epsilon=EPSILON, relu=False)


def _enlarged(x, size, like, name):
    return x if size == 1 else UpSamplingLike(size, "bilinear", name=name)(x, like)


def _join(parts, name):
    return layers.Concatenate(axis=channel_axis(), name=name)(parts) if parts[1:] else parts[0]
