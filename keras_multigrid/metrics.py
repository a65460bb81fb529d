"""The paper's metrics for dense prediction (Tables 2 and 3), as streaming Keras metrics."""

import keras
from keras import ops

from keras_multigrid import checks

THRESHOLD = 0.5  # output from which a pixel is predicted to belong to a class
HALF_PRECISION = ("float16", "bfloat16")


class _MeanOverMasks(keras.metrics.Mean):
    """The mean of the scores that `_score` gives, over all that count in all batches."""

    def __init__(self, name, dtype=None):
        checks.texts(name=name)
        if dtype is None and keras.config.floatx() in HALF_PRECISION:
            dtype = "float32"
        super().__init__(name=name, dtype=dtype)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"{type(self).__name__}: dtype is {self.dtype!r}; expected 'float32' or 'float64', "
                "as half-precision counts stop growing."
            )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        true_shape, shape = _known_shape(y_true), _known_shape(y_pred)
        if len(true_shape) != 4 or not _may_be_equal(true_shape, shape):
            raise ValueError(
                f"{type(self).__name__}: y_true has shape {y_true.shape}, y_pred "
                f"{y_pred.shape}; expected (batch, height, width, classes) of both."
            )
        truth = _regions(y_true)
        found = _combined(ops.all, truth, _regions(y_pred))
        scores, counted = self._score(truth, found, y_pred)
        weights = ops.cast(counted, self.dtype)
        if sample_weight is not None:
            sample_weight = self._weight_per_image(sample_weight, y_true)
            ones = (1,) * (len(weights.shape) - 1)
            weights = weights * ops.reshape(sample_weight, (-1, *ones))
        # Flat, as Keras would average each image first: wrong where images differ in size.
        super().update_state(ops.ravel(scores), sample_weight=ops.ravel(weights))

    def _weight_per_image(self, sample_weight, y_true):
        """Returns checked weights: a scalar, or one per image."""
        sample_weight = ops.convert_to_tensor(sample_weight, self.dtype)
        if ops.ndim(sample_weight) == 0:
            return sample_weight
        shape = _known_shape(sample_weight)
        # Keras' losses of such maps take weights of shape (batch, 1, 1) only.
        ones = (1,) * (len(shape) - 1)
        if not _may_be_equal(shape, (*y_true.shape[:1], *ones)):
            raise ValueError(
                f"{type(self).__name__}: sample_weight has shape {sample_weight.shape}; expected "
                "(batch,) or (batch, 1, 1), or a scalar."
            )
        zeros = ops.zeros((ops.shape(y_true)[0], *ones), self.dtype)
        return _combined(ops.sum, sample_weight, zeros)


@keras.saving.register_keras_serializable(package="keras_multigrid")
class RegionIoU(_MeanOverMasks):
    """Mean intersection over union of predicted and true regions (paper, Tables 2 and 3).

    A region is the set of pixels of one class in one image; only classes present in the image's
    truth count. With T a true region and P where the output reaches 0.5, the mean is that of
    `|T and P| / |T or P|` over all regions of all images, and 0 before the first region.

    Truth and output have the shape `(batch, height, width, classes)`. Sample weights of shape
    `(batch,)` or `(batch, 1, 1)`, or a scalar, are how many times an image's regions count.

    Args:
        name: Name of the metric.
        dtype: Data type of the sums, `"float32"` or wider, whatever `floatx` is; inputs may have
            any.

    Raises:
        ValueError: If `dtype` is narrower, or shapes are other than said. Where TensorFlow knows
            sizes only when its graph runs, it is a `tf.errors.InvalidArgumentError`.

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

    def _score(self, truth, found, outputs):
        intersection = _count_pixels(found)
        union = _count_pixels(ops.logical_or(truth, _regions(outputs)))
        return intersection / ops.maximum(union, 1.0), ops.any(truth, axis=(1, 2))


@keras.saving.register_keras_serializable(package="keras_multigrid")
class LabelledPixelError(_MeanOverMasks):
    """Share of labelled pixels that are labelled wrongly (paper, Tables 2 and 3).

    A pixel of at least one true class is wrong if no output reaches 0.5, or if the largest output
    (the first of equal ones) is of a class the pixel does not belong to. Background does not count.
    The result is wrong / labelled pixels of all images, and 0 before the first labelled pixel.

    Truth and output have the shape `(batch, height, width, classes)`. Sample weights of shape
    `(batch,)` or `(batch, 1, 1)`, or a scalar, are how many times an image's pixels count.

    Args:
        name: Name of the metric.
        dtype: Data type of the sums, `"float32"` or wider, whatever `floatx` is; inputs may have
            any.

    Raises:
        ValueError: If `dtype` is narrower, or shapes are other than said. Where TensorFlow knows
            sizes only when its graph runs, it is a `tf.errors.InvalidArgumentError`.

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

    def _score(self, truth, found, outputs):
        best = ops.expand_dims(ops.argmax(outputs, axis=-1), axis=-1)
        is_best = ops.equal(ops.cast(best, "int32"), ops.arange(ops.shape(outputs)[-1]))
        hit = ops.any(ops.logical_and(found, is_best), axis=-1)
        return ops.logical_not(hit), ops.any(truth, axis=-1)


def _regions(maps):
    return ops.greater_equal(maps, THRESHOLD)


def _count_pixels(regions):
    return ops.sum(ops.cast(regions, "float32"), axis=(1, 2))


def _combined(reduce, first, second):
    """Reduces two tensors to one; those of different shapes, also in a graph, are an error.

    Operators would broadcast sizes that are known only when the graph runs; stacking does not.
    """
    return reduce(ops.stack([first, second]), axis=0)


def _known_shape(tensor):
    """Returns a shape as a tuple, None for sizes not known yet; empty if the rank is not known."""
    try:
        return tuple(tensor.shape)
    except ValueError:  # of TensorFlow
        return ()


def _may_be_equal(shape, other):
    """Compares shapes; sizes that are not known yet pass."""
    return len(shape) == len(other) and all(
        a == b or a is None or b is None for a, b in zip(shape, other)
    )
