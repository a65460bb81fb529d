"""The paper's metrics for dense prediction (Tables 2 and 3), as streaming Keras metrics."""

import keras
from keras import ops

THRESHOLD = 0.5  # output from which a pixel is predicted to belong to a class


class _MeanOverMasks(keras.metrics.Mean):
    """The mean of the scores that `_score` gives, over all that count in all batches."""

    def __init__(self, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"{type(self).__name__}: dtype is {self.dtype!r}; expected 'float32' or 'float64', "
                "as half-precision counts stop growing."
            )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if len(y_true.shape) != 4 or not _may_be_equal(y_true.shape, y_pred.shape):
            raise ValueError(
                f"{type(self).__name__}: y_true has shape {tuple(y_true.shape)}, y_pred "
                f"{tuple(y_pred.shape)}; expected (batch, height, width, classes) of both."
            )
        scores, counted = self._score(_regions(y_true), y_pred)
        weights = ops.cast(counted, self.dtype)
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight, self.dtype)
            # Keras' losses of such maps take weights of shape (batch, 1, 1) only.
            one_per_image = (*y_true.shape[:1], *[1] * (len(sample_weight.shape) - 1))
            if not _may_be_equal(sample_weight.shape, one_per_image):
                raise ValueError(
                    f"{type(self).__name__}: sample_weight has shape "
                    f"{tuple(sample_weight.shape)}; expected (batch,) or (batch, 1, 1)."
                )
            ones = (1,) * (len(weights.shape) - 1)
            weights = weights * ops.reshape(sample_weight, (-1, *ones))
        # Flat, as Keras would average each image first: wrong where images differ in size.
        super().update_state(ops.ravel(scores), sample_weight=ops.ravel(weights))


@keras.saving.register_keras_serializable(package="keras_multigrid")
class RegionIoU(_MeanOverMasks):
    """Mean intersection over union of predicted and true regions (paper, Tables 2 and 3).

    A region is the set of pixels of one class in one image; only classes present in the image's
    truth count. With T a true region and P where the output reaches 0.5, the mean is that of
    |T and P| / |T or P| over all regions of all images, and 0 before the first region.

    Truth and output have the shape `(batch, height, width, classes)`. Sample weights of shape
    `(batch,)` or `(batch, 1, 1)` are how many times an image's regions count.

    Args:
        name: Name of the metric.
        dtype: Data type of the sums, `"float32"` or wider; inputs may have any.

    Raises:
        ValueError: If `dtype` is narrower, or shapes are other than said.

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

    def _score(self, truth, outputs):
        predicted = _regions(outputs)
        intersection = _count_pixels(ops.logical_and(truth, predicted))
        union = _count_pixels(ops.logical_or(truth, predicted))
        return intersection / ops.maximum(union, 1.0), ops.any(truth, axis=(1, 2))


@keras.saving.register_keras_serializable(package="keras_multigrid")
class LabelledPixelError(_MeanOverMasks):
    """Share of labelled pixels that are labelled wrongly (paper, Tables 2 and 3).

    A pixel of at least one true class is wrong if no output reaches 0.5, or if the largest output
    (the first of equal ones) is of a class the pixel does not belong to. Background does not count.
    The result is wrong / labelled pixels of all images, and 0 before the first labelled pixel.

    Truth and output have the shape `(batch, height, width, classes)`. Sample weights of shape
    `(batch,)` or `(batch, 1, 1)` are how many times an image's pixels count.

    Args:
        name: Name of the metric.
        dtype: Data type of the sums, `"float32"` or wider; inputs may have any.

    Raises:
        ValueError: If `dtype` is narrower, or shapes are other than said.

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

    def _score(self, truth, outputs):
        best = ops.one_hot(ops.argmax(outputs, axis=-1), truth.shape[-1], dtype="bool")
        hit = ops.any(ops.logical_and(truth, best), axis=-1)
        drawn = ops.any(_regions(outputs), axis=-1)
        return ops.logical_not(ops.logical_and(hit, drawn)), ops.any(truth, axis=-1)


def _regions(maps):
    return ops.greater_equal(maps, THRESHOLD)


def _count_pixels(regions):
    return ops.sum(ops.cast(regions, "float32"), axis=(1, 2))


def _may_be_equal(shape, other):
    """Compares shapes; sizes that are not known yet pass."""
    return len(shape) == len(other) and all(
        a == b or a is None or b is None for a, b in zip(shape, other)
    )
