"""Writes a served network in each format."""

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings

import numpy as np

from keras_multigrid.decoding import decode_jpeg_or_png
from keras_multigrid.export.class_names import add_class_names
from keras_multigrid.export.segmentation_task import add_task
from keras_multigrid.export.serving import example_images, takes_files

MAIN_FILES = {
    "savedmodel": "saved_model.pb",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "keras": "model.keras",
}
# Operations by their names in LiteRT. The latter move values, and keep their scale in int8.
MATRIX_PRODUCTS = ["FULLY_CONNECTED", "BATCH_MATMUL"]
MOVES = (
    "CONCATENATION EXPAND_DIMS MAX_POOL_2D PACK PAD PADV2 RESHAPE RESIZE_NEAREST_NEIGHBOR SLICE "
    "SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE"
).split()


def write_saved_model(served, folder, task=None):
    """Writes a SavedModel with the endpoints `serving_default`, `image_files` and `features`.

    Files have one channel or three, of 8 bits; networks for other images have no `image_files`.
    """
    import tensorflow as tf
    from keras.export import ExportArchive

    images = tf.TensorSpec((None, *served.image_shape), served.dtype, name="images")
    files = tf.TensorSpec((None,), tf.string, name="image_files")
    resize = served.resize or (lambda images: images)
    resized = served.predict.input.shape[1:]

    def decode(file):
        image = decode_jpeg_or_png(file, served.image_shape[-1])
        image = tf.ensure_shape(image, served.image_shape)
        return resize(tf.cast(image, served.dtype)[None])[0]

    decoded = tf.TensorSpec(resized, served.predict.input.dtype)
    archive = ExportArchive()  # tracked models' weights would be written twice (Keras 3.15)
    archive.add_endpoint(
        "serving_default",
        lambda images: served.predict(resize(images), training=False),
        input_signature=[images],
    )
    if takes_files(served, task):
        archive.add_endpoint(
            "image_files",
            lambda image_files: served.predict(
                tf.map_fn(decode, image_files, fn_output_signature=decoded), training=False
            ),
            input_signature=[files],
        )
    if served.features is not None:
        archive.add_endpoint(
            "features",
            lambda images: served.features(resize(images), training=False),
            input_signature=[images],
        )
    archive.write_out(str(folder), verbose=False)


def write_onnx(served, folder):
    """Writes `model.onnx`.

    Raises:
        ImportError: If tf2onnx is missing.
    """
    if importlib.util.find_spec("tf2onnx") is None:
        raise ImportError("ONNX needs tf2onnx: pip install 'keras_multigrid[export]'.")
    model = served.whole()
    model(example_images(served))  # Keras exports to ONNX only what was called
    with _quiet():
        model.export(folder / MAIN_FILES["onnx"], format="onnx", verbose=False)


def write_litert(served, folder, calibration=None):
    """Writes `model.tflite`; with images to calibrate on, convolutions compute in int8.

    Raises:
        ValueError: If LiteRT's quantizer fails.
    """
    path = folder / MAIN_FILES["litert"]
    with _quiet():
        if calibration is None:
            served.whole().export(path, format="litert", verbose=False)
        else:
            path.write_bytes(_quantized(served, calibration))


def _quantized(served, calibration):
    """Returns a LiteRT model with int8 convolutions.

    Matrix products stay float32: they resize, whiten by numbers of seven decades, and classify. So
    does what only moves values, where LiteRT's quantizer wants two scales of a grid that several
    operations read, and gives up with a bare `RuntimeError`.
    """
    with tempfile.TemporaryDirectory() as saved_model:
        served.whole().export(saved_model, verbose=False)  # one signature is enough
        for float_operations in (MATRIX_PRODUCTS, MATRIX_PRODUCTS + MOVES):
            try:
                return _quantized_but(float_operations, saved_model, served, calibration)
            except (RuntimeError, ValueError) as error:
                reason = error
    raise ValueError(
        f"LiteRT's quantizer fails on {served.predict.name} ({str(reason) or 'without a reason'}). "
        "Leave out the calibration (--int8), for a model of float32."
    ) from reason


def _quantized_but(float_operations, saved_model, served, calibration):
    """Returns a SavedModel as a LiteRT model of int8 but for some operations."""
    import tensorflow as tf

    def samples():
        return ([np.rint(image[None]).astype(served.dtype)] for image in calibration)

    converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=["serving_default"]
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=float_operations)
    selective = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=samples, debug_options=options
    )
    return selective.get_nondebug_quantized_model()


def write_keras(served, folder, class_names=None, task=None):
    """Writes `model.keras`, to be loaded with `keras.models.load_model`."""
    path = folder / MAIN_FILES["keras"]
    served.whole().save(path)
    if class_names:
        add_class_names(path, class_names)
    if task:
        add_task(path, task)


@contextlib.contextmanager
def _quiet():
    """Hides what the converters print of their own affairs."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
