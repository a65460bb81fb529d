"""Small networks from images to probabilities, of all that matters to tiles."""

import keras
import numpy as np
from keras import layers

import keras_multigrid as kmg


def with_random_weights(model, seed=0):
    """Returns a model whose every value matters, statistics of normalizations too."""
    rng = np.random.default_rng(seed)

    def drawn(weight):
        if len(weight.shape) < 2:
            return rng.uniform(0.5, 1.5, weight.shape)
        return rng.normal(0, 1.5 / np.sqrt(np.prod(weight.shape[:-1])), weight.shape)

    model.set_weights([drawn(weight) for weight in model.weights])
    return model


def strided(classes=3, channels=3):
    """Two strided convolutions, whose taps lie elsewhere where a side is odd, and back again."""
    image = keras.Input((None, None, channels))
    x = image
    for _ in range(2):
        x = layers.Conv2D(6, 3, 2, padding="same", activation="relu")(x)
    for _ in range(2):
        x = layers.Conv2DTranspose(6, 3, 2, padding="same", activation="relu")(x)
    x = kmg.layers.SkipConcatenate()([image], [x])[0]  # crops what rounding made larger
    x = layers.Conv2D(classes, 3, padding="same", activation="softmax")(x)
    return with_random_weights(keras.Model(image, x, name="strided"))


def multigrid(classes=3, channels=3):
    """A pyramid of three grids behind a strided stem, of the blocks that networks are made of."""
    image = keras.Input((None, None, channels))
    stem = kmg.blocks.conv_unit(image, 4, "stem", strides=2)
    pyramid = kmg.layers.ImagePyramid(3)(stem)
    pyramid = kmg.blocks.plain_unit(pyramid, [6, 4, 4], "first")
    pyramid = kmg.blocks.residual_unit(pyramid, [6, 4, 4], "second")
    x = layers.Conv2DTranspose(6, 4, 2, padding="same")(pyramid[0])
    x = kmg.layers.SkipConcatenate()([image], [x])[0]
    x = layers.Conv2D(classes, 1, activation="softmax")(x)
    return with_random_weights(keras.Model(image, x, name="multigrid"))


def paper(name, channels=3, **options):
    """A network of the paper, narrow."""
    model = kmg.applications.create_model(
        name, width_multiplier=0.05, classes=3, input_shape=(None, None, channels), **options
    )
    return with_random_weights(model)


def of_a_run(classes=3, channels=3):
    """A network as the recipe `segmentation` builds it: normalized, padded, and cropped inside."""
    image = keras.Input((None, None, channels))
    normalized = layers.Normalization(mean=[0.1] * channels, variance=[2.0] * channels)(image)
    features = kmg.applications.PMGSEG(
        input_tensor=kmg.layers.PaddingToMultiple(8)(normalized),
        classes=classes,
        classifier_activation=None,
        channel_ratios=(1, 2, 2),
        width_multiplier=0.05,
        repeats=1,
        stem_strides=2,
        head="concatenate",
    ).output
    logits = kmg.layers.UpSamplingLike(1)(features, image)
    model = keras.Model(image, layers.Softmax()(logits), name="of_a_run")
    return with_random_weights(model)


def seeing_everything(classes=3, channels=3):
    """A network in which a mean over the image weighs each pixel."""
    image = keras.Input((None, None, channels))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(image)
    x = layers.Multiply()([image, mean])
    x = layers.Conv2D(classes, 3, padding="same", activation="softmax")(x)
    return with_random_weights(keras.Model(image, x, name="everything"))


def noise(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")
