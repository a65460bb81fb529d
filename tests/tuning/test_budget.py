"""Every candidate fills its budget and none is over it, counted on the models as they are built."""

import keras
import keras_tuner
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import Count, count, profile
from keras_multigrid.tuning import Budget, MultigridHyperModel, SearchSpace

SPACE = SearchSpace(ratios=(0.125, 0.25, 0.4, 0.5, 1, 1.5, 2), grids=(2, 3, 4), depths=(1, 2, 3))
NETWORKS = ("MG-6", "PMG-9", "R-MG-12", "R-PMG-16", "PMG-11", "R-PMG-20", "R-MG-18", "R-PMG-30-SEG")


def random_choice(hypermodel, rng):
    """Returns hyperparameters with random values."""
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    hp.values = {each.name: each.random_sample(int(rng.integers(2**31))) for each in hp.space}
    return hp


def built_profile(hypermodel, candidate):
    with keras.StatelessScope(initialize_variables=False):  # weights that nobody needs
        return profile(hypermodel.constructor(**{**hypermodel.arguments, **candidate.network()}))


def assert_no_channel_fits(hypermodel, candidate):
    ratios, width = candidate.channel_ratios, candidate.width_multiplier
    channel = 1 / (40 * width)  # the narrowest networks have 40 at a width of 1
    for grid in range(1, len(ratios)):
        more = (*ratios[:grid], ratios[grid] + channel, *ratios[grid + 1 :])
        network = {**hypermodel.arguments, **candidate.network(), "channel_ratios": more}
        assert hypermodel.budget.share(count(hypermodel.constructor, **network)) > 1


def test_500_random_candidates_fill_the_budget_and_none_is_over_it():
    rng = np.random.default_rng(0)
    shares, built = [], 0
    for number in range(500):
        network = NETWORKS[number % len(NETWORKS)]
        if number % 2:
            budget = Budget(max_params=int(rng.integers(2_000_000, 30_000_000)))
        else:
            budget = Budget(max_macs=int(rng.integers(300_000_000, 3_000_000_000)))
        hypermodel = MultigridHyperModel(network, SPACE, budget, classes=10)
        candidate = hypermodel.candidate(random_choice(hypermodel, rng))
        shares.append(budget.share(candidate.count))
        if shares[-1] < 0.99:
            assert_no_channel_fits(hypermodel, candidate)
        if number % 10 == 0:
            counts = built_profile(hypermodel, candidate)
            assert candidate.count == Count(counts.trainable_params, counts.macs)
            built += 1
    assert built == 50
    assert max(shares) <= 1
    # Of the others the networks are so narrow that one channel more is over the budget.
    assert sum(share > 0.99 for share in shares) >= 495


def test_a_budget_holds_for_parameters_and_multiply_adds_at_once():
    for limits in ((600_000, 10**12), (10**12, 800_000_000), (600_000, 800_000_000)):
        budget = Budget(max_params=limits[0], max_macs=limits[1])
        candidate = MultigridHyperModel("PMG-11", None, budget).candidate(
            keras_tuner.HyperParameters()
        )
        assert 0.97 < budget.share(candidate.count) <= 1


def test_the_width_is_the_largest_that_fits_and_short():
    budget = Budget(max_params=700_000)
    width = budget.fill(lambda width: count(kmg.applications.PMGSEG, width_multiplier=width))
    assert len(str(width)) < 8
    wider = [count(kmg.applications.PMGSEG, width_multiplier=width * (1 + e)) for e in (0.01, 0.1)]
    assert all(each.trainable_params > 700_000 for each in wider)


def test_a_network_over_the_budget_is_never_built(monkeypatch):
    def build(*args, **kwargs):
        raise AssertionError("built")

    monkeypatch.setattr(keras.layers.Layer, "__init__", build)
    with pytest.raises(ValueError, match="over the budget of 100 parameters; raise the budget"):
        MultigridHyperModel("PMG-11", None, Budget(max_params=100))


def test_a_network_without_a_width_is_checked():
    with pytest.raises(ValueError, match="over the budget"):
        MultigridHyperModel("ResNet-50", None, Budget(max_params=1_000_000))
    hypermodel = MultigridHyperModel("ResNet-50", None, Budget(max_params=30_000_000))
    assert hypermodel.candidate(keras_tuner.HyperParameters()).settings() == {}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "needs max_params, max_macs, or both"),
        ({"max_params": 0}, "budget is 0; expected a positive number"),
        ({"max_macs": float("nan")}, "budget is nan; expected a positive number"),
    ],
)
def test_a_budget_without_sense_is_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        Budget(**limits)
