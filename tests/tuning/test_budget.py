"""Every candidate fills its budget and none is over it."""

import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import count, profile
from keras_multigrid.tuning import Budget, MultigridHyperModel, SearchSpace

SPACE = SearchSpace(ratios=(0.125, 0.25, 0.4, 0.5, 1, 1.5, 2), grids=(2, 3, 4), repeats=(1, 2, 3))
NETWORKS = ("MG-6", "PMG-11", "PMG-9", "R-MG-12", "R-PMG-16", "R-PMG-20", "R-MG-18", "R-PMG-30-SEG")


@dataclasses.dataclass
class Chain:
    """A network of layers in a row, counted by hand."""

    channels: list
    macs: int = 0

    @property
    def trainable_params(self):
        return sum(a * b for a, b in zip([1, *self.channels], self.channels))


class Chains:
    """Counts chains whose layers have so many channels at a width of 1, and how often it did."""

    def __init__(self, bases):
        self.bases, self.times = bases, 0

    def __call__(self, width):
        self.times += 1
        return Chain([max(1, round(base * width)) for base in self.bases])

    def largest(self, most):
        """Returns the most parameters that fit, by trying all numbers of channels in turn."""
        width, fits = 1e-9, None
        while (chain := self(width)).trainable_params <= most:
            fits = chain.trainable_params
            ends = [(count + 0.5) / base for count, base in zip(chain.channels, self.bases)]
            width = min(ends) * (1 + 1e-9)
        return fits


def test_the_width_is_the_largest_that_fits_by_trying_all():
    rng = np.random.default_rng(0)
    times = []
    for _ in range(60):
        bases = rng.choice([3, 8, 12.8, 25.6, 40, 64, 96, 512], rng.integers(1, 9))
        chains = Chains(bases.tolist())
        smallest = chains(1e-9).trainable_params
        most = int(rng.integers(smallest, 20_000))
        largest = chains.largest(most)
        chains.times = 0
        width = Budget(max_params=most).fill(chains)
        times.append(chains.times)
        assert chains(width).trainable_params == largest
        assert len(f"{width:.15g}") < 10
    assert np.mean(times) < 8 and max(times) < 20


def test_the_width_of_a_network_is_the_largest_that_fits():
    def count_at(width):
        return count(kmg.applications.SGSEG, width_multiplier=width, repeats=1)

    # The channels are 64 times the width.
    sizes = {channels: count_at(channels / 64).trainable_params for channels in (7, 8, 9)}
    for most, channels in ((sizes[8] - 1, 7), (sizes[8], 8), (sizes[9] - 1, 8)):
        width = Budget(max_params=most).fill(count_at)
        assert round(64 * width) == channels and len(str(width)) <= 5


def test_nothing_fits():
    with pytest.raises(ValueError, match="has at least 8 parameters and 0 multiply-adds, over the"):
        Budget(max_params=7).fill(Chains([64] * 8))


def random_choice(hypermodel, rng):
    """Returns hyperparameters with random values."""
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    hp.values = {each.name: each.random_sample(int(rng.integers(2**31))) for each in hp.space}
    return hp


def assert_no_channel_fits(hypermodel, candidate, chosen):
    """Checks the grids whose ratios were not raised by a quarter, which is the most."""
    ratios, width = candidate.channel_ratios, candidate.width_multiplier
    channel = 1 / (40 * width)  # the narrowest networks have 40 at a width of 1
    for grid in range(1, len(ratios)):
        if ratios[grid] >= 1.2499 * chosen[f"ratio_{grid}"]:
            continue
        more = (*ratios[:grid], ratios[grid] + channel, *ratios[grid + 1 :])
        network = hypermodel._arguments({**candidate.network(), "channel_ratios": more})
        assert hypermodel.budget.share(count(hypermodel.constructor, **network)) > 1


@pytest.mark.parametrize(
    "number", [*range(4), *[pytest.param(n, marks=pytest.mark.slow) for n in range(4, 100)]]
)
def test_random_candidates_fill_the_budget_and_none_is_over_it(number):
    rng = np.random.default_rng(number)
    if number % 3:
        budget = Budget(max_params=int(rng.integers(2_000_000, 30_000_000)))
    else:
        budget = Budget(max_macs=int(rng.integers(100_000_000, 3_000_000_000)))
    name = NETWORKS[:2][number] if number < 2 else NETWORKS[number % len(NETWORKS)]
    hypermodel = MultigridHyperModel(name, SPACE, budget, classes=10)
    hp = random_choice(hypermodel, rng)
    candidate = hypermodel.candidate(hp)
    assert 0.9 < budget.share(candidate.count) <= 1
    if budget.share(candidate.count) < 0.99:
        assert_no_channel_fits(hypermodel, candidate, hp.values)


def test_ratios_are_raised_where_channels_leave_too_much():
    budget = Budget(max_macs=100_000_000)
    hypermodel = MultigridHyperModel("PMG-11", SearchSpace(ratios=(0.3, 0.6)), budget)
    hp = keras_tuner.HyperParameters()
    hp.values = {"ratio_1": 0.6, "ratio_2": 0.3, "ratio_3": 0.6}
    candidate = hypermodel.candidate(hp)
    raised = [now / before for now, before in zip(candidate.channel_ratios, (1, 0.6, 0.3, 0.6))]
    assert all(1 <= factor <= 1.25 + 1e-9 for factor in raised) and max(raised) > 1
    only_width = candidate.network() | {"channel_ratios": (1, 0.6, 0.3, 0.6)}
    assert budget.share(count(hypermodel.constructor, **only_width)) < 0.99
    assert budget.share(candidate.count) <= 1
    built = profile(kmg.applications.PMGSEG(**candidate.network()))
    assert (built.trainable_params, built.macs) == (
        candidate.count.trainable_params,
        candidate.count.macs,
    )


def test_a_budget_holds_for_parameters_and_multiply_adds_at_once():
    for params, macs in ((600_000, 1e12), (1e12, 800_000_000), (600_000, 800_000_000)):
        budget = Budget(max_params=params, max_macs=macs)
        candidate = MultigridHyperModel("SG-11", None, budget).candidate(
            keras_tuner.HyperParameters()
        )
        assert 0.97 < budget.share(candidate.count) <= 1


def test_a_network_over_the_budget_has_no_weights(monkeypatch):
    def allocate(*args, **kwargs):
        raise AssertionError("allocated")

    monkeypatch.setattr(keras.Variable, "_initialize_with_initializer", allocate)
    with pytest.raises(ValueError, match="over the budget of 100 parameters; raise the budget"):
        MultigridHyperModel("SG-11", None, Budget(max_params=100))


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
