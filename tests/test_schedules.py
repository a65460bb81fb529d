"""Learning rates against a NumPy oracle, at the first and the last step of every epoch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.schedules import ExponentialPerEpoch, StepwisePerEpoch


def oracle_exponential(epoch, epochs):
    return 10.0 ** -(1 + 3 * (epoch - 1) / (epochs - 1))


def oracle_cifar_steps(epoch):
    return 0.1 if epoch <= 60 else 0.02 if epoch <= 120 else 0.004 if epoch <= 160 else 0.0008


def oracle_imagenet(epoch):
    return 0.1 if epoch <= 30 else 0.01 if epoch <= 60 else 0.001 if epoch <= 90 else 0.0001


# (schedule, steps per epoch, rate of epoch 1, 2, ..., epochs), by name.
PAPER = {
    "exponential": (
        ExponentialPerEpoch(200, 300),
        300,
        [oracle_exponential(epoch, 200) for epoch in range(1, 201)],
    ),
    "cifar, residual": (
        StepwisePerEpoch(300),
        300,
        [oracle_cifar_steps(epoch) for epoch in range(1, 201)],
    ),
    "imagenet": (
        StepwisePerEpoch(10_000, boundaries=(30, 60, 90), factor=0.1),
        10_000,
        [oracle_imagenet(epoch) for epoch in range(1, 101)],
    ),
    "others": (
        ExponentialPerEpoch(3, 7, start=0.5, end=0.02),
        7,
        [0.5, 0.1, 0.02],
    ),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", PAPER)
def test_equals_oracle(name, compiled):
    schedule, steps, rates = PAPER[name]
    rate_of = tf.function(schedule, jit_compile=True) if compiled else schedule
    for epoch, expected in enumerate(rates):
        for step in (epoch * steps, epoch * steps + steps - 1):
            rate = rate_of(tf.constant(step, tf.int64))
            assert rate.dtype == tf.float32
            assert rate.shape == ()
            np.testing.assert_allclose(rate, expected, rtol=1e-6, atol=0)
    for step in (len(rates) * steps, 1000 * len(rates) * steps):
        np.testing.assert_allclose(rate_of(tf.constant(step, tf.int64)), rates[-1], rtol=1e-6)


@pytest.mark.parametrize(
    "schedule, expected",
    [
        (ExponentialPerEpoch(1, 2), 0.1),
        (StepwisePerEpoch(2, boundaries=()), 0.1),
        (ExponentialPerEpoch(4, 2, start=0.1, end=0.1), 0.1),
        (StepwisePerEpoch(2, boundaries=[1], start=1), 1.0),
    ],
)
def test_first_rate(schedule, expected):
    assert float(schedule(0)) == pytest.approx(expected, rel=1e-6)


def test_an_optimizer_takes_the_first_rate_for_its_first_step():
    weight = keras.Variable([0.0])
    optimizer = keras.optimizers.SGD(StepwisePerEpoch(2, boundaries=(1, 2), factor=0.5, start=0.8))
    moves = []
    for _ in range(6):
        before = float(weight[0])
        optimizer.apply([keras.ops.ones(1)], [weight])
        moves.append(before - float(weight[0]))
    np.testing.assert_allclose(moves, [0.8, 0.8, 0.4, 0.4, 0.2, 0.2], rtol=1e-5)


@pytest.mark.parametrize(
    "schedule",
    [
        ExponentialPerEpoch(5, 3, start=0.7, end=0.2),
        StepwisePerEpoch(3, (2, 4), factor=0.5, start=2),
    ],
)
def test_config_round_trip(schedule):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(copy) is type(schedule)
    assert copy.get_config() == schedule.get_config()
    assert [float(copy(step)) for step in range(20)] == [
        float(schedule(step)) for step in range(20)
    ]


@pytest.mark.parametrize("name", PAPER)
def test_before_the_first_step_the_first_rate_holds(name):
    schedule, _, rates = PAPER[name]
    for step in (-1, -999, tf.constant(-1, tf.int64), -0.5):
        assert float(schedule(step)) == pytest.approx(rates[0], rel=1e-6)


def test_names_are_kept():
    assert ExponentialPerEpoch(2, 3).name == "ExponentialPerEpoch"
    for schedule in (ExponentialPerEpoch(2, 3, name="rate"), StepwisePerEpoch(3, name="rate")):
        assert type(schedule).from_config(schedule.get_config()).name == schedule.name == "rate"


@pytest.mark.parametrize(
    "attempt, message",
    [
        (lambda: ExponentialPerEpoch(0, 1), "epochs is 0; expected a positive integer"),
        (lambda: ExponentialPerEpoch(2.0, 1), "epochs is 2.0; expected a positive integer"),
        (lambda: ExponentialPerEpoch(2, -3), "steps_per_epoch is -3; expected a positive integer"),
        (lambda: ExponentialPerEpoch(2, 1, start="0.1"), "start is '0.1'; expected a positive num"),
        (lambda: ExponentialPerEpoch(2, 1, end=0), "end is 0; expected a positive number"),
        (lambda: StepwisePerEpoch(True), "steps_per_epoch is True; expected a positive integer"),
        (lambda: StepwisePerEpoch(1, factor=-0.2), "factor is -0.2; expected a positive number"),
        (lambda: StepwisePerEpoch(1, start=float("nan")), "start is nan; expected a positive num"),
        (lambda: StepwisePerEpoch(1, 60), "boundaries is 60; expected increasing positive int"),
        (lambda: StepwisePerEpoch(1, (60, 60)), r"boundaries is \(60, 60\); expected increasing"),
        (lambda: StepwisePerEpoch(1, (0, 5)), r"boundaries is \(0, 5\); expected increasing"),
        (lambda: StepwisePerEpoch(1, (1.5,)), r"StepwisePerEpoch: boundaries is \(1.5,\); exp"),
    ],
)
def test_messages(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()
