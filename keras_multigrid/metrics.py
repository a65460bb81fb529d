"""The paper's metrics for dense prediction (Tables 2 and 3), as streaming Keras metrics."""

import keras
from keras import ops

THRESHOLD = 0.5  # output from which a pixel is predicted to belong to a class


@keras.saving.register_keras_serializable(package="keras_multigrid")
class RegionIoU(keras.metrics.Mean):
    """Mean intersection over union of predicted and true regions (paper, Tables 2 and 3).

    A region is the set of pixels of one class in one image; only classes present in the image's
    truth count. Channels come last.

    Args:
        name: Name of the metric.
        dtype: Data type of the computation.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> metric = kmg.metrics.RegionIoU()
    >>> outputs = np.array([1.0, 0.9, 0.2, 0.1]).reshape(1, 2, 2, 1)
    >>> metric.update_state(np.ones((1, 2, 2, 1)), outputs)
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="iou", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth, predicted = _regions(y_true), _regions(y_pred)
        sizes = ops.sum(truth, axis=(1, 2))
        both = ops.sum(truth * predicted, axis=(1, 2))
        either = sizes + ops.sum(predicted, axis=(1, 2)) - both
        present = ops.cast(sizes > 0, "float32")
        super().update_state(both / ops.maximum(either, 1.0), sample_weight=present)


@keras.saving.register_keras_serializable(package="keras_multigrid")
class LabelledPixelError(keras.metrics.Mean):
    """Share of labelled pixels that are labelled wrongly (paper, Tables 2 and 3).

    A pixel of at least one true class is wrong if no output reaches 0.5, or if the largest output
    is of a class the pixel does not belong to. Background does not count. Channels come last.

    Args:
        name: Name of the metric.
        dtype: Data type of the computation.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> metric = kmg.metrics.LabelledPixelError()
    >>> outputs = np.array([1.0, 0.9, 0.2, 0.1]).reshape(1, 2, 2, 1)
    >>> metric.update_state(np.ones((1, 2, 2, 1)), outputs)
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="pixel_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = _regions(y_true)
        best = ops.argmax(y_pred, axis=-1)
        hit = ops.sum(truth * ops.one_hot(best, truth.shape[-1], dtype="float32"), axis=-1)
        labelled = ops.max(truth, axis=-1)
        wrong = 1.0 - hit * ops.max(_regions(y_pred), axis=-1)
        super().update_state(wrong, sample_weight=labelled)


def _regions(maps):
    return ops.cast(ops.convert_to_tensor(maps) >= THRESHOLD, "float32")
