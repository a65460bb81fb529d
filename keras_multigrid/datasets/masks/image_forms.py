"""Sizes, channels and types of images: all of a set agree, and each with its mask."""

import warnings

import numpy as np

from keras_multigrid.datasets.class_folders import some
from keras_multigrid.decoding.pixels import read_orientation, read_pixels


def read_image(path, channels, image_type):
    """Reads an image as a network wants it; grey becomes colour, if that is wanted.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is of other channels or another type.
    """
    image = read_pixels(path)
    sentence = form_sentence(path, image.shape, image.dtype.name, channels, image_type)
    if sentence:
        raise ValueError(sentence)
    return np.repeat(image, channels // image.shape[-1], axis=-1)


def image_form(pairs, forms, channels=None, image_type=None):
    """Returns the channels and the type of images, if all agree; grey ones do with colours.

    Raises:
        ValueError: If they do not.
    """
    kinds = [kind for _, kind in forms]
    image_type = image_type or max(sorted({*kinds}), key=kinds.count)
    counts = [shape[-1] for shape, _ in forms]
    channels = channels or (3 if {*counts} == {1, 3} else max(sorted({*counts}), key=counts.count))
    for pair, (shape, kind) in zip(pairs, forms):
        sentence = form_sentence(pair.image, shape, kind, channels, image_type)
        if sentence:
            raise ValueError(sentence)
    grey = [pair.image for pair, count in zip(pairs, counts) if count < channels]
    if grey:
        warnings.warn(f"{len(grey)} images are grey, read as colours: {some(grey)}.", stacklevel=3)
    return channels, image_type


def form_sentence(path, shape, kind, channels, image_type):
    """Returns what is wrong with the form of an image, or None."""
    advice = "as the other images or the model have it; convert it."
    if kind != image_type:
        return f"{path} has values of {kind}; expected {image_type}, {advice}"
    if shape[-1] != channels and not (shape[-1] == 1 and channels == 3):
        return f"{path} has {shape[-1]} channels; expected {channels}, {advice}"
    return None


def size_sentence(pair, image_shape, mask_shape):
    """Returns the sentence on an image and a mask of different sizes."""
    sizes = [f"{height} x {width}" for height, width in (image_shape[:2], mask_shape)]
    turned = read_orientation(pair.image) >= 5 and image_shape[1::-1] == tuple(mask_shape)
    advice = (
        "the image is turned by its EXIF orientation alone: save it upright"
        if turned
        else "expected the same: draw the mask anew, or remove both"
    )
    return f"{pair.image} has {sizes[0]} pixels, and its mask {pair.mask} {sizes[1]}; {advice}."
