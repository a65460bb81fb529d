"""Accuracy and cost where images stop once the network is confident."""

import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.top_down import confidence_curve
from tests.top_down.oracle import random_images, tiny_model

pytestmark = pytest.mark.usefixtures("eagerly")


def test_thresholds_between_stopping_at_once_and_never():
    model = tiny_model(3, sample=False)
    images = random_images(20, 16)
    labels = model.predict(images, verbose=0).argmax(axis=1)
    middle = np.median(model.predict(images, levels=1, verbose=0).max(axis=1))
    curve = confidence_curve(model, images, labels, thresholds=[0.01, middle, 1.0])
    costs = model.costs
    once = costs.features + costs.location + costs.classification
    assert curve[0] == (once, np.mean(model.predict(images, levels=1).argmax(1) == labels), "0.01")
    assert [annotation for *_, annotation in curve] == ["0.01", f"{middle:g}", "1", "all"]
    macs = [point[0] for point in curve]
    assert macs[0] < macs[1] < macs[2]
    # Nobody is ever wholly sure: the same as without stopping, but for the asking in between.
    _, attention = model.predict(images, verbose=0, return_attention=True)
    plain = kmg.complexity.traversal_macs(model, attention).mean()
    assert curve[3][:2] == (plain, 1.0)
    first = attention.attended[1].any(axis=1)
    second = attention.attended[2].any(axis=1)
    between = (1 * first + 1 * second) * costs.classification
    between = between + second * attention.parents()[:, 0] * (costs.aggregation + costs.merging)
    assert curve[2][0] == pytest.approx(plain + between.mean())
    assert curve[2][1] == 1.0


def test_bad_thresholds():
    model = tiny_model(2)
    with pytest.raises(ValueError, match="confidence is 0; expected a probability above 0"):
        confidence_curve(model, random_images(1, 8), [0], thresholds=[0])
