"""Exports a model into the next version of a folder."""

from functools import partial

import keras
import numpy as np

from keras_multigrid import checks
from keras_multigrid.complexity import profile
from keras_multigrid.datasets.class_folders import check_class_names
from keras_multigrid.export.card import CARD, Facts, Macs, model_card
from keras_multigrid.export.class_names import write_class_names
from keras_multigrid.export.formats import (
    MAIN_FILES,
    write_keras,
    write_litert,
    write_onnx,
    write_saved_model,
)
from keras_multigrid.export.segmentation_task import write_task
from keras_multigrid.export.serving import EXAMPLE_SIDE, serving_model
from keras_multigrid.export.versions import model_name, new_version
from keras_multigrid.export.warm_up import write_warm_up_requests
from keras_multigrid.layers import PerGrid
from keras_multigrid.top_down import TopDown


def export_model(
    model,
    folder,
    format="savedmodel",
    *,
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
        rewrite: Whether to rewrite the network with `kmg.stock.rewrite`: batch normalizations
            folded into convolutions before them, nothing computed that reaches no output.
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
    >>> version = kmg.export.export_model(network, folder, "keras", preprocessing=layers)
    >>> sorted(path.name for path in version.iterdir())
    ['README.md', 'model.keras']
    """
    checks.paths(folder=folder)
    checks.layers(preprocessing=preprocessing)
    checks.lists(features=features)
    checks.flags(rewrite=rewrite)
    checks.optional(checks.arrays, calibration=calibration)
    checks.optional(partial(checks.instances, Facts), facts=facts)
    check_format(format, calibration is not None)
    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Keras runs on {keras.backend.backend()}; expected tensorflow, by which models are "
            "exported. Set KERAS_BACKEND=tensorflow: a .keras file loads on every backend."
        )
    if format in ("onnx", "litert") and any(isinstance(layer, TopDown) for layer in model.layers):
        raise ValueError(
            f"Top-down networks gather what they attend, which {format} cannot do; export them as "
            "savedmodel."
        )
    if format == "onnx":
        _check_transposed_convolutions(model)
    if format == "litert" and size is None:
        size = model.inputs[0].shape[1:3]
        if None in size:
            raise ValueError("litert takes images of one size, and the network any; give a size.")
    served = serving_model(
        model,
        preprocessing,
        features=features,
        size=size,
        dtype=dtype,
        rewrite=rewrite,
        float32=format in ("onnx", "litert"),
    )
    if calibration is not None:
        calibration = _checked_calibration(calibration, served)
    facts = facts or Facts()
    _check_class_names(facts.class_names, served)
    with new_version(folder, MAIN_FILES[format]) as (unfinished, version):
        if format == "savedmodel":
            write_saved_model(served, unfinished, facts.task)
            name = model_name(version.parent)
            write_warm_up_requests(served, unfinished, name, facts.task)
        elif format == "onnx":
            write_onnx(served, unfinished)
        elif format == "litert":
            write_litert(served, unfinished, calibration)
        else:
            write_keras(served, unfinished, facts.class_names, facts.task)
        if facts.class_names:
            write_class_names(unfinished, facts.class_names)
        if facts.task:
            write_task(unfinished, facts.task)
        card = model_card(version, format, served, _macs(model, served), facts)
        (unfinished / CARD).write_text(card)
    return version


def check_format(format, int8):
    """Raises a `ValueError` if there is no such format, or not in int8."""
    if format not in MAIN_FILES:
        raise ValueError(f"format is {format!r}; expected one of {', '.join(MAIN_FILES)}.")
    if int8 and format != "litert":
        raise ValueError(f"int8 is for format litert; got {format}.")


def _check_class_names(class_names, served):
    if class_names is None:
        return
    outputs = served.predict.output
    classes = outputs.get("probabilities", outputs.get("masks")).shape[-1]
    if len(check_class_names(class_names)) != classes:
        raise ValueError(
            f"The network has {classes} outputs, and there are {len(class_names)} class_names; "
            "expected one name for each."
        )


def _check_transposed_convolutions(model):
    """Raises a `ValueError` for those that ONNX would compute without their bias in places."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _check_transposed_convolutions(layer)
        for part in layer.grid_layers if isinstance(layer, PerGrid) else [layer]:
            if (
                isinstance(part, keras.layers.Conv2DTranspose)
                and part.use_bias
                and any(size < step for size, step in zip(part.kernel_size, part.strides))
            ):
                raise ValueError(
                    f"'{part.name}' has a kernel of {part.kernel_size} and strides of "
                    f"{part.strides}: onnx would leave out its bias between the kernels. Export as "
                    "savedmodel or litert, or train with a kernel_size of at least the strides."
                )


def _macs(model, served):
    """Counts the multiply-adds, resizing left out."""
    model = keras.Model(model.inputs[0], model.outputs[0])
    sides = zip(served.predict.input_shape[1:3], model.input_shape[1:3])
    size = [own or trained or EXAMPLE_SIDE for own, trained in sides]
    shape = (*size, model.input_shape[-1])
    return Macs(*size, *(profile(network, shape).macs for network in (model, served.predict)))


def _checked_calibration(images, served):
    images = np.asarray(images)
    expected = tuple(served.image_shape)
    if images.ndim != 4 or len(images) == 0 or images.shape[1:] != expected:
        raise ValueError(
            f"calibration has shape {images.shape}; expected images of shape {expected}."
        )
    if not np.isfinite(images).all():
        raise ValueError(
            "calibration has values that are not finite; expected images with values from 0 to 255."
        )
    return images
