"""Requests that TensorFlow Serving replays when it loads a model, so that no client waits."""

import importlib.util

FILE = "assets.extra/tf_serving_warmup_requests"


def write_warm_up_requests(folder, name, requests):
    """Writes a file of `PredictionLog` records, if the package `tensorflow-serving-api` is there.

    Args:
        folder: Path of the SavedModel.
        name: The model's name on the server.
        requests: List of (signature, name of the input, array).

    Returns:
        Whether the file was written.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        print("There are no warm-up requests: pip install 'keras_multigrid[export]' for them.")
        return False
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    (folder / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, input_name, array in requests:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            request.inputs[input_name].CopyFrom(tf.make_tensor_proto(array))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
    return True
