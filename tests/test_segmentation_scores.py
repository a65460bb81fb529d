"""Scores of segmentation, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from keras_multigrid.segmentation_scores import ConfusionMatrix


def matrix_of(truth, predicted, classes=4):
    matrix = ConfusionMatrix([f"class {label}" for label in range(classes)])
    matrix.add(truth, predicted)
    return matrix


def test_against_scikit_learn():
    generator = np.random.default_rng(0)
    truth, predicted = generator.integers(-1, 4, (9, 8)), generator.integers(0, 4, (9, 8))
    matrix = ConfusionMatrix(list("abcd"))
    for row in range(9):  # streamed
        matrix.add(truth[row], predicted[row])
    real, found = truth[truth >= 0], predicted[truth >= 0]
    scores = {
        "iou": metrics.jaccard_score(real, found, average=None),
        "dice": metrics.f1_score(real, found, average=None),
        "precision": metrics.precision_score(real, found, average=None),
        "recall": metrics.recall_score(real, found, average=None),
    }
    for label, name in enumerate("abcd"):
        for score, values in scores.items():
            assert matrix.per_class[name][score] == pytest.approx(values[label])
    assert matrix.mean_iou == pytest.approx(scores["iou"].mean())
    assert matrix.pixel_accuracy == pytest.approx((real == found).mean())


def test_absent_classes_do_not_count():
    matrix = matrix_of([[0, 0, 1]], [[0, 1, 1]])
    assert matrix.per_class["class 3"] == dict.fromkeys(("iou", "dice", "precision", "recall"))
    assert matrix.absent == ["class 2", "class 3"]
    assert matrix.mean_iou == 0.5  # of two classes
    assert matrix_of([[0, 0]], [[0, 2]]).mean_iou == pytest.approx(0.25)  # 2 was predicted


def test_nothing_counts():
    matrix = matrix_of([[-1]], [[0]])
    assert (matrix.mean_iou, matrix.pixel_accuracy) == (None, None)


@pytest.mark.parametrize(
    "truth, predicted, sentence",
    [
        ([[0]], [[0, 1]], "expected them equal"),
        ([[4]], [[0]], "truth has the classes 4 to 4"),
        ([[0]], [[-1]], "predicted has the classes -1"),
    ],
)
def test_errors(truth, predicted, sentence):
    with pytest.raises(ValueError, match=sentence):
        matrix_of(truth, predicted)
