"""Exports a model into the next version of a folder."""

import keras
import numpy as np

from keras_multigrid.complexity import profile
from keras_multigrid.export.card import CARD, Facts, model_card
from keras_multigrid.export.formats import (
    MAIN_FILES,
    write_keras,
    write_litert,
    write_onnx,
    write_saved_model,
)
from keras_multigrid.export.serving import EXAMPLE_SIDE, serving_model
from keras_multigrid.export.versions import new_version
from keras_multigrid.export.warm_up import write_warm_up_requests


def export_model(
    model,
    folder,
    format="savedmodel",
    preprocessing=(),
    features=(),
    size=None,
    dtype="float32",
    rewrite=True,
    calibration=None,
    facts=None,
):
    """Exports a trained network for serving, with all between a client's images and its answers.

    A SavedModel has the signatures `serving_default` (`images` to `probabilities` and `classes`, or
    to `masks`), `image_files` (encoded PNG or JPEG) and, with `features`, `features` (`images` to
    the pyramid `grid_0`, `grid_1`, ...); it has requests to warm up TensorFlow Serving, and needs
    TensorFlow alone. ONNX and LiteRT files have the first, and compute in float32.

    Args:
        model: A `keras.Model` from images to probabilities `(batch, classes)` or masks `(batch,
            height, width, classes)`. If functional, it is made for images of another size.
        folder: The model's folder; its name is the model's on a server. Each export is the next
            version in it, `folder/1`, `folder/2`, ..., with a model card, `README.md`.
        format: `"savedmodel"`, `"onnx"`, `"litert"` or `"keras"`.
        preprocessing: Layers that make what the network reads of images with values from 0 to 255;
            begun by `ResizedCentre`, they take images of any size.
        features: Tensors of the model, its pyramid, finest first.
        size: Height and width of the images that are sent; None is any size, but for LiteRT the
            network's own.
        dtype: Their type, `"float32"` or `"uint8"`.
        rewrite: Whether to rewrite the network with `kmg.stock.stock_network`: batch normalizations
            folded, and nothing computed that reaches no output.
        calibration: For LiteRT: images as they are sent, by which convolutions are quantized to
            int8; None leaves them float32.
        facts: `Facts` for the model card.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: If an argument is invalid, or the folder has versions of another format.
        ImportError: If a converter is missing, or Keras does not run on TensorFlow.
        OSError: If the folder cannot be written.

    Example:

    >>> import keras, pathlib, tempfile
    >>> import keras_multigrid as kmg
    >>> network = kmg.applications.PMGSEG(classes=3, width_multiplier=0.05)
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "digits")
    >>> layers = [keras.layers.Rescaling(1 / 255)]
    >>> version = kmg.export.export_model(network, folder, "keras", layers)
    >>> sorted(path.name for path in version.iterdir())
    ['README.md', 'model.keras']
    """
    if format not in MAIN_FILES:
        raise ValueError(f"format is {format!r}; expected one of {', '.join(MAIN_FILES)}.")
    if calibration is not None and format != "litert":
        raise ValueError(f"int8 is for format litert; got {format}.")
    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Keras runs on {keras.backend.backend()}; expected tensorflow, by which models are "
            "exported. Set KERAS_BACKEND=tensorflow: a .keras file loads on every backend."
        )
    if format == "litert" and size is None:
        size = model.input_shape[1:3]
    served = serving_model(
        model, preprocessing, features, size, dtype, rewrite, float32=format in ("onnx", "litert")
    )
    if calibration is not None:
        calibration = _checked_calibration(calibration, served)
    with new_version(folder, MAIN_FILES[format]) as (unfinished, version):
        if format == "savedmodel":
            write_saved_model(served, unfinished)
            write_warm_up_requests(served, unfinished, version.parent.resolve().name)
        elif format == "onnx":
            write_onnx(served, unfinished)
        elif format == "litert":
            write_litert(served, unfinished, calibration)
        else:
            write_keras(served, unfinished)
        card = model_card(version, format, served, _macs(model, served), facts or Facts())
        (unfinished / CARD).write_text(card)
    return version


def _macs(model, served):
    """Returns the multiply-adds per image as trained and as exported, resizing left out."""
    sides = zip(served.predict.input_shape[1:3], model.input_shape[1:3])
    shape = (*[own or trained or EXAMPLE_SIDE for own, trained in sides], model.input_shape[-1])
    return [profile(network, shape).macs for network in (model, served.predict)]


def _checked_calibration(images, served):
    images = np.asarray(images)
    expected = tuple(served.image_shape)
    if images.ndim != 4 or len(images) == 0 or images.shape[1:] != expected:
        raise ValueError(
            f"calibration has shape {images.shape}; expected images of shape {expected}."
        )
    return images
