"""A network as it is served: images with values from 0 to 255 in, named arrays out."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks, stock
from keras_multigrid.copies import at_size
from keras_multigrid.layers import ResizedCentre

DTYPES = ("float32", "uint8")
EXAMPLE_SIDE = 64


@dataclasses.dataclass(frozen=True)
class ServingModel:
    """What is exported; both models read images that were resized before.

    Attributes:
        resize: The layer that makes images of any size those that the network reads, or None.
        predict: Model from images to a dictionary: `probabilities` and `classes`, or `masks`.
        features: Model from images to the pyramid `grid_0`, `grid_1`, ..., finest first, or None.
        size: Height and width of the images that are sent, None where they may be any.
        dtype: Type of the images that are sent.

    Example:

    >>> import keras_multigrid as kmg
    >>> network = kmg.applications.SGSEG(classes=3, width_multiplier=0.1)
    >>> served = kmg.export.serving_model(network, dtype="uint8")
    >>> served.image_shape, list(served.whole().output)
    ((None, None, 1), ['masks'])
    """

    resize: keras.layers.Layer | None
    predict: keras.Model
    features: keras.Model | None
    size: tuple
    dtype: str

    @property
    def image_shape(self):
        """Height, width and channels of the images that are sent."""
        return (*self.size, self.predict.input_shape[-1])

    def whole(self):
        """Returns the one model from images as they are sent to the predictions."""
        if self.resize is None:
            return self.predict
        images = keras.Input(self.image_shape, dtype=self.dtype, name="images")
        outputs = self.predict(self.resize(images))
        return keras.Model(images, outputs, name=self.predict.name)


def serving_model(
    model, preprocessing=(), *, features=(), size=None, dtype="float32", rewrite=True, float32=False
):
    """Puts a network between what clients send and what they want to have.

    Args:
        model, preprocessing, features, size, dtype, rewrite: As for `export_model`.
        float32: Whether to compute in float32, whatever the network's precision.

    Returns:
        A `ServingModel`.

    Raises:
        ValueError: If the network cannot have images of such a size, or has outputs of another
            kind.

    Example:

    >>> import keras, numpy as np
    >>> import keras_multigrid as kmg
    >>> network = kmg.applications.RMG18(width_multiplier=0.1, classes=5)
    >>> layers = [kmg.layers.ResizedCentre(224, 256), keras.layers.Rescaling(1 / 255)]
    >>> served = kmg.export.serving_model(network, layers).whole()
    >>> outputs = served.predict(np.zeros((2, 300, 401, 3)), verbose=0)
    >>> {name: values.shape for name, values in sorted(outputs.items())}
    {'classes': (2,), 'probabilities': (2, 5)}
    """
    checks.layers(preprocessing=preprocessing)
    checks.lists(features=features)
    checks.flags(rewrite=rewrite, float32=float32)
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; expected one of {', '.join(DTYPES)}.")
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"The model is a {type(model).__name__} whose inputs are not known; expected a "
            "functional one, made by keras.Model(inputs, outputs)."
        )
    if len(model.inputs) > 1 or len(model.outputs) > 1:
        raise ValueError(
            f"The model has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected "
            "one of each. Make a model of those that are to be served."
        )
    if len(model.inputs[0].shape) != 4:
        raise ValueError(
            f"The model's input has shape {tuple(model.inputs[0].shape)}; expected images, (batch, "
            "height, width, channels)."
        )
    size = _checked_size(size)
    resize, *others = keras.tree.flatten(preprocessing) or [None]
    if not isinstance(resize, ResizedCentre):
        resize, others = None, [layer for layer in (resize, *others) if layer is not None]
    own_size = size if resize is None else (resize.size, resize.size)
    if size == own_size:
        resize = None
    network, pyramid = _networks(model, features, own_size, rewrite, float32)

    shape = (*own_size, model.inputs[0].shape[-1])
    images = keras.Input(shape, dtype="float32" if resize else dtype, name="images")
    inputs = ops.cast(images, "float32")
    for layer in others:
        inputs = layer(inputs)
    predict = keras.Model(images, _predictions(network(inputs)), name=model.name)
    if pyramid is not None:
        grids = keras.tree.flatten(pyramid(inputs))
        named = {f"grid_{index}": ops.cast(grid, "float32") for index, grid in enumerate(grids)}
        pyramid = keras.Model(images, named, name=f"{model.name}_features")
    return ServingModel(resize, predict, pyramid, size, dtype)


def _checked_size(size):
    if size is None:
        return (None, None)
    sides = tuple(size) if isinstance(size, list | tuple) else (size,)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"size is {size!r}; expected (height, width), such as (64, 64), or None.")
    return sides


def _networks(model, features, size, rewrite, float32):
    """Returns the networks of predictions and of features, with shared weights."""
    features = keras.tree.flatten(features)  # a pyramid of one grid may be a bare tensor
    joint = keras.Model(model.inputs[0], [model.outputs[0], *features], name=model.name)
    joint = at_size(joint, size, float32)
    if rewrite:
        joint = stock.rewrite(joint, for_inference=True)
    prediction, *grids = joint.outputs
    network = keras.Model(joint.input, prediction, name=model.name)
    if not features:
        return network, None
    return network, keras.Model(joint.input, grids, name=f"{model.name}_pyramid")


def _predictions(outputs):
    """Names the outputs, by their rank."""
    outputs = ops.cast(outputs, "float32")
    if len(outputs.shape) == 4:
        return {"masks": outputs}
    if len(outputs.shape) != 2:
        raise ValueError(
            f"The network's output has shape {tuple(outputs.shape)}; expected (batch, classes) or "
            "(batch, height, width, classes). Export a model that ends there."
        )
    if outputs.shape[1] == 1:
        return {"probabilities": outputs}
    # Keras' argmax on TensorFlow has operations that ONNX, OpenVINO and LiteRT lack.
    classes = ops.squeeze(ops.top_k(outputs, 1)[1], axis=-1)
    return {"probabilities": outputs, "classes": classes}


def example_images(served, count=1):
    """Returns images that a served network takes: noise, the same each time."""
    shape = (count, *[side or EXAMPLE_SIDE for side in served.size], served.image_shape[-1])
    return np.random.default_rng(0).integers(0, 256, shape).astype(served.dtype)


def takes_files(served, task=None):
    """Returns whether image files can be decoded to what the network takes: values of 8 bits.

    Args:
        served: A `ServingModel`.
        task: Its `SegmentationTask`, or None.
    """
    return served.image_shape[-1] in (1, 3) and (task is None or task.image_type == "uint8")
