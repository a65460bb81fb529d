"""Networks of many architectures, with weights and statistics that hide nothing."""

import keras
import numpy as np
from keras import layers

from keras_multigrid.layers import MultigridConv2D

apps = keras.applications
APPLICATIONS = {
    "ResNet50": apps.ResNet50,
    "ResNet50V2": apps.ResNet50V2,
    "VGG16": apps.VGG16,
    "DenseNet121": apps.DenseNet121,
    "MobileNetV2": apps.MobileNetV2,
    "MobileNetV3Small": apps.MobileNetV3Small,
    "EfficientNetB0": apps.EfficientNetB0,
}


def application(name, size, top):
    """Returns a network of `keras.applications`; with top, with logits of 7 classes."""
    options = {"classes": 7, "classifier_activation": None} if top else {"include_top": False}
    return randomize(APPLICATIONS[name](input_shape=(*size, 3), weights=None, **options))


def everything(size=(37, 45)):
    """Returns a small network with what the large ones have: blocks of most kinds, and a head."""
    image = keras.Input((*size, 3), name="photo")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="stem")(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.Add()([_inverted_residual(x), _shortcut(x)])
    x = layers.Concatenate()([x, layers.SeparableConv2D(7, 3, padding="same")(x)])
    x = layers.Activation("gelu")(layers.LayerNormalization()(x))
    x = layers.SpatialDropout2D(0.1)(x) * 0.5 + 0.25
    block = keras.Sequential(
        [
            keras.Input((None, None, 19)),
            layers.Conv2D(6, 3, padding="same", dilation_rate=2),
            layers.PReLU(shared_axes=(1, 2)),
        ],
        name="block",
    )
    x = block(x) + block(layers.LeakyReLU()(x))  # one block, called twice
    x = layers.Conv2D(6, 3, activation="relu", name="valid")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(layers.Dense(10, activation="relu")(x))
    return randomize(keras.Model(image, layers.Dense(3)(x), name="everything"))


def _inverted_residual(x):
    """An inverted residual with squeeze and excitation; zeros at the bottom and at the right."""
    x = layers.Conv2D(16, 1, name="expand")(x)
    x = layers.GroupNormalization(4)(x)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.DepthwiseConv2D(3, strides=2, name="depthwise")(x)
    x = layers.BatchNormalization()(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(8, 1, activation="elu", name="squeeze")(gate)
    gate = layers.Conv2D(16, 1, activation="sigmoid", name="excite")(gate)
    return layers.Conv2D(12, 1, name="project")(layers.Multiply()([x, gate]))


def _shortcut(x):
    return layers.Conv2D(12, 1, name="shortcut")(layers.AveragePooling2D(2)(x))


def merging(side=8):
    """Returns a network whose pools leave one pixel, and with it one grid."""
    x = image = keras.Input((side, side, 3))
    for step in range(side.bit_length() - 1):
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name=f"conv_{step}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{step}")(x)
    x = layers.Dense(5, name="logits")(layers.Flatten()(x))
    return randomize(keras.Model(image, x))


def u_shaped(side=16):
    x = image = keras.Input((side, side, 1))
    skips = []
    for step in range(3):
        x = layers.Conv2D(4 * 2**step, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.Conv2D(4 * 2**step, 3, strides=2, padding="same", activation="relu")(x)
    for step, skip in enumerate(reversed(skips)):
        up = layers.UpSampling2D if step else layers.Conv2DTranspose
        x = up(2)(x) if step else up(16, 2, strides=2)(x)
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Concatenate()([skip, x]))
    return randomize(keras.Model(image, layers.Conv2D(2, 1)(x)))


def randomize(model, seed=0):
    """Draws all weights so that signals neither fade nor explode, and statistics matter."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype != "float32":
            continue  # the state of a generator
        value = rng.normal(size=weight.shape)
        if weight.name in ("gamma", "moving_variance", "variance"):
            value = rng.uniform(0.5, 1.5, weight.shape)
        elif len(weight.shape) > 1:
            depthwise = "depthwise" in weight.path
            value *= np.sqrt(2 / np.prod(weight.shape[: 2 if depthwise else -1]))
        else:
            value *= 0.1
        weight.assign(value)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def images_for(model, size=None, batch=2):
    """Returns random images of a model's size, or of another where it leaves its own open."""
    height, width, channels = model.inputs[0].shape[1:]
    shape = (batch, *(size or (height, width)), channels)
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def difference(model, other, images):
    """Returns the largest difference of two models' outputs, relative to the largest output."""
    differences = []
    for pair in zip(*(keras.tree.flatten(each(images)) for each in (model, other)), strict=True):
        one, two = map(keras.ops.convert_to_numpy, pair)
        assert one.shape == two.shape and np.isfinite(one).all()
        scale = np.abs(one).max()
        assert scale > 1e-6
        differences.append(np.abs(one - two).max() / scale)
    return max(differences)


def multigrid_layers(model):
    return [layer for layer in model.layers if isinstance(layer, MultigridConv2D)]


def kernels_without_gradient(model, images):
    """Returns the kernels into which no gradient comes within two steps of training."""
    import tensorflow as tf

    kernels = [weight for weight in model.trainable_weights if "kernel" in weight.name]
    reached, rng = set(), np.random.default_rng(3)
    for _ in range(2):
        with tf.GradientTape() as tape:
            outputs = keras.tree.flatten(model(images, training=True))
            loss = sum(tf.reduce_mean(each * rng.normal(size=each.shape[1:])) for each in outputs)
        for weight, gradient in zip(kernels, tape.gradient(loss, [each.value for each in kernels])):
            if gradient is not None and np.abs(gradient.numpy()).max() > 0:
                reached.add(weight.path)
                size = tf.norm(weight.value) / tf.norm(gradient)
                weight.assign_sub(0.1 * size * gradient)
    return {weight.path for weight in kernels} - reached
