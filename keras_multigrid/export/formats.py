"""Writes a served network in each format."""

import contextlib
import importlib.util
import io
import logging
import warnings

import numpy as np

from keras_multigrid.export.serving import example_images
from keras_multigrid.export.warm_up import write_warm_up_requests

MAIN_FILES = {
    "savedmodel": "saved_model.pb",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "keras": "model.keras",
}
WARM_UP_BATCHES = (1, 8)


def write_saved_model(served, folder, name):
    """Writes a SavedModel with the endpoints `serving_default`, `image_files` and `features`."""
    import tensorflow as tf
    from keras.export import ExportArchive

    images = tf.TensorSpec((None, *served.image_shape), served.dtype, name="images")
    files = tf.TensorSpec((None,), tf.string, name="image_files")
    resize = served.resize or (lambda images: images)
    resized = served.predict.input.shape[1:]

    def decode(file):
        channels = served.image_shape[-1]
        # Of PNG files, too. The default is less exact, and differs from other decoders.
        image = tf.io.decode_jpeg(file, channels, dct_method="INTEGER_ACCURATE")
        image = tf.ensure_shape(image, served.image_shape)
        return resize(tf.cast(image, served.dtype)[None])[0]

    decoded = tf.TensorSpec(resized, served.predict.input.dtype)
    archive = ExportArchive()  # tracked models' weights would be written twice (Keras 3.15)
    archive.add_endpoint(
        "serving_default",
        lambda images: served.predict(resize(images), training=False),
        input_signature=[images],
    )
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
    _write_warm_up(served, folder, name)


def _write_warm_up(served, folder, name):
    import tensorflow as tf

    requests = []
    for batch in WARM_UP_BATCHES:
        images = example_images(served, batch)
        files = [tf.io.encode_png(image.astype("uint8")).numpy() for image in images]
        requests.append(("serving_default", "images", images))
        requests.append(("image_files", "image_files", np.array(files, dtype=object)))
        if served.features is not None:
            requests.append(("features", "images", images))
    write_warm_up_requests(folder, name, requests)


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
    """Writes `model.tflite`; with images to calibrate on, its weights and activations are int8."""
    import tensorflow as tf

    options = {}
    if calibration is not None:
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
        options["representative_dataset"] = lambda: (
            [image[None].astype(served.dtype)] for image in calibration
        )
    with _quiet():
        served.whole().export(
            folder / MAIN_FILES["litert"], format="litert", verbose=False, **options
        )


def write_keras(served, folder):
    """Writes `model.keras`, to be loaded with `keras.models.load_model`."""
    served.whole().save(folder / MAIN_FILES["keras"])


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
