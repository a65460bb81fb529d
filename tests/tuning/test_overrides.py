"""What the user of a hypermodel sets: an input tensor, and hyperparameters in place of ours."""

import keras
import keras_tuner
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import count, profile
from keras_multigrid.tuning import Budget, MultigridHyperModel, SearchSpace

SPACE = SearchSpace(ratios=(0.5, 1), grids=(2, 3), learning_rates=(0.02, 0.1))


def fixed(**values):
    hp = keras_tuner.HyperParameters()
    for name, value in values.items():
        hp.Fixed(name, value)
    return hp


def image(shape=(16, 12, 2)):
    return keras.Input(shape)


# An input tensor.


@pytest.mark.parametrize(
    "name, shape",
    [
        ("MG-6", (16, 16, 3)),
        ("BL1-MNIST", (28, 28, 1)),
        ("M1-MNIST", (56, 56, 1)),
    ],
)
def test_a_network_on_an_input_tensor(name, shape):
    images = image(shape)
    hypermodel = MultigridHyperModel(name, input_tensor=images, classes=3)
    for _ in range(2):  # tuners build many on one tensor
        model = hypermodel.build(keras_tuner.HyperParameters())
        assert model.inputs[0] is images
    counts = hypermodel.candidate(keras_tuner.HyperParameters()).count
    assert counts.trainable_params == keras_params(model) > 0


def test_layers_before_the_input_tensor_count_in_the_budget():
    before = keras.layers.Conv2D(8, 3, padding="same")(image())
    hypermodel = MultigridHyperModel(
        "SG-11", None, Budget(max_params=5000), input_tensor=before, classes=3
    )
    model = hypermodel.build(keras_tuner.HyperParameters())
    counted, built = hypermodel.candidate(keras_tuner.HyperParameters()).count, profile(model)
    assert (counted.trainable_params, counted.macs) == (built.trainable_params, built.macs)
    assert 4000 < built.trainable_params == keras_params(model) <= 5000


def keras_params(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"input_tensor": np.zeros((1, 8, 8, 1))}, r"input_tensor is .*; expected the output"),
        ({"input_tensor": "image"}, "input_tensor is 'image'; expected the output of keras.Input"),
        ({"input_tensor": image(), "input_shape": (8, 8, 2)}, r"input_shape is \(8, 8, 2\) but in"),
        ({"input_tensor": image((None, 8, 1))}, "expected 3 known sizes"),
    ],
)
def test_what_is_not_an_input_tensor(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultigridHyperModel("PMG-11", **arguments)


# Hyperparameters in place of ours.


@pytest.mark.parametrize(
    "values, settings",
    [
        ({"learning_rate": 0.05}, {"learning_rate": 0.05}),
        ({"weight_decay": 0.001}, {"weight_decay": 0.001}),
        ({"repeats": 2, "width": 0.3}, {"repeats": 2, "width_multiplier": 0.3}),
        ({"grids": 4, "ratio_3": 0.7}, {"channel_ratios": (1, 0.5, 0.5, 0.7)}),
        ({"grids": 1}, {"channel_ratios": (1,)}),
        ({"ratio_1": 0.35}, {"channel_ratios": (1, 0.35, 0.5)}),
    ],
)
def test_fixed_hyperparameters_override_the_candidates(values, settings):
    hypermodel = MultigridHyperModel("MG-6", SPACE, classes=5)
    candidate = hypermodel.candidate(fixed(**values))
    found = candidate.settings()
    assert {name: found[name] for name in settings} == settings
    network = {"depth": 6, **candidate.network()}
    if "repeats" in network:
        del network["depth"]
    assert candidate.count == count(kmg.applications.MG, classes=5, **network)


def test_a_choice_of_ones_own_overrides_ours():
    hp = keras_tuner.HyperParameters()
    hp.Choice("learning_rate", [0.3, 0.7], default=0.7)
    hp.Float("weight_decay", 1e-5, 1e-3, default=2e-4)
    candidate = MultigridHyperModel("MG-6", SPACE).candidate(hp)
    assert (candidate.learning_rate, candidate.weight_decay) == (0.7, 2e-4)


def test_fixed_ratios_stay_when_a_budget_is_filled():
    budget = Budget(max_params=20_000)
    hypermodel = MultigridHyperModel("PMG-11", SearchSpace(ratios=(0.25, 0.5)), budget, classes=2)
    for ratio in (0.25, 0.4):
        values = {f"ratio_{grid}": ratio for grid in (1, 2, 3)}
        candidate = hypermodel.candidate(fixed(**values))
        assert candidate.channel_ratios == (1, ratio, ratio, ratio)
        assert budget.share(candidate.count) <= 1


@pytest.mark.parametrize("tuner", [keras_tuner.RandomSearch, keras_tuner.BayesianOptimization])
def test_keras_tuners_keep_what_is_fixed(tuner, tmp_path):
    class Quick(tuner):
        def run_trial(self, trial):
            seen.append(self.hypermodel.candidate(trial.hyperparameters))
            return seen[-1].channel_ratios[-1]  # a score without a training

    seen = []
    search = Quick(
        MultigridHyperModel("MG-6", SPACE),
        objective=keras_tuner.Objective("score", "max"),
        max_trials=5,
        hyperparameters=fixed(learning_rate=0.05, ratio_1=0.3),
        directory=tmp_path,
    )
    search.search()
    assert {candidate.learning_rate for candidate in seen} == {0.05}
    assert {candidate.channel_ratios[1] for candidate in seen} == {0.3}
    assert len({candidate.channel_ratios for candidate in seen}) > 1  # the others are searched


@pytest.mark.parametrize(
    "network, budget, values, message",
    [
        ("MG-6", None, {"repeats": 1.5}, "repeats has 1.5; expected positive integers"),
        ("MG-6", None, {"learning_rate": "fast"}, "learning_rates has 'fast'; expected positive"),
        ("MG-6", None, {"ratio_1": -1}, "ratios has -1; expected positive numbers"),
        ("MG-6", None, {"grids": 9}, "channel_ratios has 9 entries; expected 1 to 6"),
        ("MG-6", None, {"network": "VGG"}, "of the network 'VGG'; expected 'MG'"),
        ("MG-6", Budget(max_params=10**6), {"width": 0.5}, "solved for under a budget"),
        ("U-NET-11", None, {"repeats": 2}, "UNETSEG has no repeats"),
        ("BL1-MNIST", None, {"grids": 2}, "BLMNIST1 has no grids to choose from"),
    ],
)
def test_what_cannot_be_fixed_is_refused(network, budget, values, message):
    hypermodel = MultigridHyperModel(network, None, budget)
    with pytest.raises(ValueError, match=message):
        hypermodel.candidate(fixed(**values))
