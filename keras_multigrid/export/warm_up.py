"""Requests that TensorFlow Serving replays when it loads a model, so that no client waits."""

import importlib.util

import numpy as np

from keras_multigrid.export.serving import example_images, takes_files

FILE = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 8)


def write_warm_up_requests(served, folder, name, task=None):
    """Writes a file of `PredictionLog` records, if the package `tensorflow-serving-api` is there.

    Args:
        served: The `ServingModel`.
        folder: Path of the SavedModel.
        name: The model's name on the server.
        task: The network's `SegmentationTask`, or None.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        print("There are no warm-up requests: pip install 'keras_multigrid[export]' for them.")
        return
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    (folder / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, input_name, array in _requests(served, task):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            request.inputs[input_name].CopyFrom(tf.make_tensor_proto(array))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def _requests(served, task):
    """Yields (signature, name of the input, array)."""
    import tensorflow as tf

    for batch in BATCHES:
        images = example_images(served, batch)
        yield "serving_default", "images", images
        if takes_files(served, task):
            files = [tf.io.encode_png(image.astype("uint8")).numpy() for image in images]
            yield "image_files", "image_files", np.array(files, dtype=object)
        if served.features is not None:
            yield "features", "images", images
