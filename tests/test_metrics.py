"""Metrics against a NumPy oracle, in one piece and streamed."""

import keras
import numpy as np
import pytest

from keras_multigrid.metrics import LabelledPixelError, RegionIoU


def oracle_iou(truth, outputs):
    scores = []
    for image in range(len(truth)):
        for channel in range(truth.shape[-1]):
            region, found = truth[image, ..., channel] >= 0.5, outputs[image, ..., channel] >= 0.5
            if region.any():
                scores.append((region & found).sum() / (region | found).sum())
    return np.mean(scores)


def oracle_error(truth, outputs):
    wrong = []
    for image, row, column in np.argwhere(truth.max(axis=-1) >= 0.5):
        pixel = outputs[image, row, column]
        right = pixel.max() >= 0.5 and truth[image, row, column, pixel.argmax()] >= 0.5
        wrong.append(not right)
    return np.mean(wrong)


CASES = [(RegionIoU, oracle_iou), (LabelledPixelError, oracle_error)]


@pytest.mark.parametrize(("metric_class", "oracle"), CASES)
@pytest.mark.parametrize("classes", [1, 10])
def test_equals_oracle_and_streams(metric_class, oracle, classes):
    rng = np.random.default_rng(classes)
    truth = (rng.random((12, 9, 7, classes)) < 0.2).astype("float32")
    truth[3] = 0  # an image without any class
    outputs = rng.random(truth.shape).astype("float32")
    metric = metric_class()
    for start in range(0, 12, 5):
        metric.update_state(truth[start : start + 5], outputs[start : start + 5])
    assert float(metric.result()) == pytest.approx(oracle(truth, outputs), abs=1e-6)


@pytest.mark.parametrize(
    ("metric_class", "empty", "perfect"), [(RegionIoU, 0, 1), (LabelledPixelError, 1, 0)]
)
def test_extremes(metric_class, empty, perfect):
    truth = np.zeros((2, 4, 4, 1), "float32")
    truth[:, 1:3, 1:3] = 1
    metric = metric_class()
    metric.update_state(truth, np.zeros_like(truth))
    assert float(metric.result()) == empty
    metric.reset_state()
    metric.update_state(truth, truth)
    assert float(metric.result()) == perfect


@pytest.mark.parametrize("metric_class", [RegionIoU, LabelledPixelError])
def test_config_round_trip(metric_class):
    metric = metric_class(name="other")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is metric_class
    assert copy.get_config() == metric.get_config()
