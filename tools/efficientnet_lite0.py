"""Writes EfficientNet-Lite0 as a .keras file, from arrays with its weights of ImageNet.

    python tools/efficientnet_lite0.py efficientnet_lite0_imagenet.npz lite0.keras

The file is for `keras-multigrid train segmentation --set backbone=lite0.keras`: it takes images
with values from 0 to 255. The arrays are named as in `load`; kernels are in Keras' order.
"""

import argparse

import keras
import numpy as np
from keras import layers

STAGES = (  # repeats, kernel size, strides of the first, expansion, filters
    *((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)),
    *((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)


def unit(x, convolution, normalization, relu=True):
    """Convolution, batch normalization, and ReLU6."""
    x = convolution(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=normalization)(x)
    return layers.ReLU(6, name=f"{normalization}_relu")(x) if relu else x


def block(x, name, kernel_size, strides, expansion, filters):
    """An inverted residual block without squeeze-and-excitation."""
    options = {"padding": "same", "use_bias": False}
    start, width = x, expansion * x.shape[-1]
    if expansion > 1:
        x = unit(x, layers.Conv2D(width, 1, name=f"{name}_expand", **options), f"{name}_bn0")
    depthwise = layers.DepthwiseConv2D(kernel_size, strides, name=f"{name}_depthwise", **options)
    x = unit(x, depthwise, f"{name}_bn1")
    x = unit(x, layers.Conv2D(filters, 1, name=f"{name}_project", **options), f"{name}_bn2", False)
    is_residual = strides == 1 and start.shape[-1] == filters
    return layers.Add(name=f"{name}_add")([start, x]) if is_residual else x


def build():
    """Returns the network up to its last block, from images with values from 0 to 255."""
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preparation")(image)
    x = unit(x, layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem"), "stem_bn")
    number = 0
    for repeats, kernel_size, strides, expansion, filters in STAGES:
        for repeat in range(repeats):
            name, step = f"block{number}", strides if repeat == 0 else 1
            x = block(x, name, kernel_size, step, expansion, filters)
            number += 1
    return keras.Model(image, x, name="efficientnet_lite0")


def load(model, arrays):
    """Gives the model's layers their arrays, each of which must be of the right shape."""
    for layer in model.layers:
        place = layer.name.replace("_", "/")
        if isinstance(layer, layers.BatchNormalization):
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            layer.set_weights([arrays[f"{place}/{name}"] for name in names])
        elif layer.weights:
            layer.set_weights([arrays[f"{place}/kernel"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("arrays", help="the .npz file")
    parser.add_argument("output", help="the .keras file")
    options = parser.parse_args()
    model = build()
    load(model, np.load(options.arrays))
    model.save(options.output)
    print(f"Written: {options.output}, {model.count_params():,} parameters")


if __name__ == "__main__":
    main()
