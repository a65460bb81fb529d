"""Ten-crop evaluation: a model that averages another's predictions over crops of an image."""

import keras
from keras import ops

CROPS = 10


def ten_crop_model(model):
    """Returns a model of ten crops per image, as the paper tests on ImageNet (Table 4).

    Its output is the mean p = (p_1 + ... + p_10) / 10 of the model's outputs (probabilities, as
    the zoo's networks give them) for the crops of an image. It shares the model's weights and is
    compiled and evaluated like any other.

    Args:
        model: A functional model from one tensor of images to one tensor.

    Returns:
        A functional `keras.Model` from `(batch, 10, height, width, channels)`, what
        `load_imagenet(..., ten_crop=True)` yields, to the shape of the model's output, in float32.

    Raises:
        ValueError: If `model` is not a built Keras model, or has several inputs or outputs.

    Example:

    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.RMG18(input_shape=(32, 32, 3), width_multiplier=0.05, classes=7)
    >>> averaging = kmg.ten_crop.ten_crop_model(model)
    >>> averaging.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> averaging.input_shape, averaging.output_shape
    ((None, 10, 32, 32, 3), (None, 7))
    """
    ends = [getattr(model, name, None) or () for name in ("inputs", "outputs")]
    if not isinstance(model, keras.Model) or [len(tensors) for tensors in ends] != [1, 1]:
        raise ValueError(
            f"ten_crop_model: model is {model!r}; expected a built keras.Model of one input and "
            "one output."
        )
    (images,), (probabilities,) = ends
    crops = keras.Input((CROPS, *images.shape[1:]), dtype=images.dtype, name="crops")
    # One batch of all first crops, all second crops and so on: no size needs to be known.
    outputs = model(ops.concatenate(ops.unstack(crops, CROPS, axis=1), axis=0))
    outputs = ops.reshape(outputs, (CROPS, -1, *probabilities.shape[1:]))
    averaged = ops.mean(ops.cast(outputs, "float32"), axis=0)
    return keras.Model(crops, averaged, name=f"{model.name}_ten_crop")
