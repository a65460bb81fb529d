"""Flipping the paper's single-grid networks gives its multigrid networks."""

import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import profile
from tests.flipping.networks import difference, images_for, randomize

zoo = kmg.applications
PAIRS = [("VGG-6", "MG-6"), ("RES-12", "R-MG-12"), ("VGG-16", "MG-16"), ("RES-22", "R-MG-22")]


@pytest.mark.parametrize(
    ("single", "multi", "width"),
    [
        *((*pair, 1 / 8) for pair in PAIRS[:2]),
        *(pytest.param(*pair, 1, marks=pytest.mark.slow) for pair in PAIRS),
    ],
)
def test_parameters_and_multiply_adds_are_the_papers(single, multi, width):
    old = randomize(zoo.create_model(single, width_multiplier=width))
    new = kmg.flip(old)
    paper = zoo.create_model(multi, width_multiplier=width)
    found, expected = profile(new), profile(paper)
    assert (found.trainable_params, found.macs) == (expected.trainable_params, expected.macs)
    shapes = [sorted(tuple(weight.shape) for weight in each.weights) for each in (new, paper)]
    assert shapes[0] == shapes[1]
    assert difference(old, new, images_for(old)) < 1e-5
