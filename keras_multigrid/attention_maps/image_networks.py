"""Networks from images to images: what they take, what they return, in what batches."""

import keras
import numpy as np


def check_images(model, images):
    """Returns images as a float32 array, or raises a `ValueError` that says what is wrong."""
    images = np.asarray(images)
    expected = getattr(model, "input_shape", (None,) * 4)  # subclassed models do not tell theirs
    if isinstance(expected, list | dict) or len(expected) != 4:
        raise ValueError(
            f"The model's input has shape {expected}; expected a model of one input, images "
            "(batch, height, width, channels)."
        )
    fits = images.ndim == 4 and len(images) and images.dtype.kind in "fiub"
    if not fits or any(
        side not in (None, own) for side, own in zip(expected[1:], images.shape[1:])
    ):
        raise ValueError(
            f"The images have shape {images.shape}; expected {expected}, with one image or more. "
            "For a single image, pass image[None]."
        )
    images = images.astype("float32")
    if not np.isfinite(images).all():
        raise ValueError("An image has values that are not finite; expected finite ones.")
    return images


def predict_maps(model, images, batch_size):
    """Returns the outputs of a model, float32, or raises a `ValueError` if they are not images."""
    if keras.config.image_data_format() == "channels_first":
        raise ValueError(
            "Keras' image_data_format is channels_first; expected channels_last, the only one that "
            "attention maps are made for."
        )
    outputs = model.predict(images, batch_size=batch_size, verbose=0)
    if not isinstance(outputs, np.ndarray) or outputs.ndim != 4:
        shape = keras.tree.map_structure(lambda output: (None, *output.shape[1:]), outputs)
        raise ValueError(
            f"The model's output has shape {shape}; expected one of image-like form, (batch, "
            "height, width, channels). Pass a model that ends in such a tensor, for example "
            "keras.Model(model.input, layer.output)."
        )
    outputs = outputs.astype("float32")
    if not np.isfinite(outputs).all():
        raise ValueError("The model's output is not finite; expected finite numbers.")
    return outputs


def check_channel(channel, outputs):
    """Raises a `ValueError` if a channel is neither None nor one of the outputs'."""
    channels = outputs.shape[-1]
    if channel is None or (isinstance(channel, int | np.integer) and 0 <= channel < channels):
        return
    raise ValueError(
        f"channel is {channel!r}; expected None, for all together, or an integer from 0 to "
        f"{channels - 1}."
    )


def even_batches(items, batch_size):
    """Returns lists of items, as few as possible and as equal as possible, the last the shortest.

    Compiled functions get batches of one size; the less the last one lacks, the less is computed
    in vain.
    """
    count = -(-len(items) // batch_size)
    size = -(-len(items) // count)
    return [items[start : start + size] for start in range(0, len(items), size)]
