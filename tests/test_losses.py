"""The loss of segmentation, against NumPy."""

import keras
import numpy as np
import pytest

from keras_multigrid.losses import CrossEntropyDice


def oracle(labels, probabilities, weights, dice_weight, gamma):
    """Pixel by pixel, in float64."""
    classes = probabilities.shape[-1]
    entropy = total = 0.0
    for label, values in zip(labels.ravel(), probabilities.reshape(-1, classes)):
        if label >= 0:
            p = values[label]
            entropy -= weights[label] * (1 - p) ** gamma * np.log(p)
            total += weights[label]
    counted = labels >= 0
    missed = []
    for label in np.unique(labels[counted]):
        p, y = probabilities[counted][:, label], labels[counted] == label
        missed.append(1 - 2 * (p * y).sum() / (p.sum() + y.sum()))
    return entropy / total + dice_weight * np.mean(missed)


@pytest.mark.parametrize("dice_weight", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 3.0]])
def test_oracle(dice_weight, gamma, weights):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 5, 4, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = generator.integers(-1, 3, (2, 5, 4))  # class 3 does not occur
    loss = CrossEntropyDice(weights, dice_weight, gamma)(labels, probabilities)
    expected = oracle(labels, probabilities, weights or [1.0] * 4, dice_weight, gamma)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_pixels_that_do_not_count_change_nothing():
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(3), (1, 4, 4)).astype("float32")
    labels = generator.integers(0, 3, (1, 4, 4))
    labels[0, :2] = -1
    changed = probabilities.copy()
    changed[0, :2] = [1, 0, 0]
    loss = CrossEntropyDice()
    assert float(loss(labels, probabilities)) == float(loss(labels, changed))


def test_nothing_counts():
    assert float(CrossEntropyDice()(-np.ones((1, 2, 2), int), np.ones((1, 2, 2, 3)) / 3)) == 0


def test_a_pixel_that_is_wholly_wrong_still_has_a_gradient():
    tf = pytest.importorskip("tensorflow")
    logits = tf.Variable([[[[30.0, -30.0]]]])
    with tf.GradientTape() as tape:
        loss = CrossEntropyDice(dice_weight=0.0)(np.array([[[1]]]), tf.nn.softmax(logits))
    assert tape.gradient(loss, logits).numpy().ravel() == pytest.approx([1, -1], rel=1e-4)


@pytest.mark.parametrize(
    "call, sentence",
    [
        (lambda: CrossEntropyDice(dice_weight=-1), "dice_weight is -1; expected a number"),
        (lambda: CrossEntropyDice(focal_gamma=float("nan")), "focal_gamma is nan"),
        (lambda: CrossEntropyDice([1.0])(np.zeros((1, 2, 2)), np.ones((1, 2, 2, 3))), "1 entries"),
        (lambda: CrossEntropyDice()(np.zeros((1, 2, 2, 1)), np.ones((1, 2, 2, 3))), "of shape"),
    ],
)
def test_errors(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_saving():
    loss = CrossEntropyDice([1.0, 2.0], 0.5, 1.0)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
