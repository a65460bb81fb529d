"""Capacities for nodes on JAX; that results do not depend on it: test_backends.py."""

import types

import pytest

from keras_multigrid.top_down.capacity import STEPS_PER_REVIEW, CapacityRunner, capacity_for


@pytest.mark.parametrize("count", [0, 1, 51, 52, 100, 1000, 12345])
def test_capacities_are_larger_than_needed_but_not_by_much(count):
    assert 1.25 * count <= capacity_for(count) <= max(64, 1.25 * 2**0.5 * count + 1)


def test_capacities_are_few():
    assert len({capacity_for(count) for count in range(10_000)}) < 20


def runner(needed):
    """Returns a runner of steps that need so many nodes in two levels, and what they ran with."""
    model = types.SimpleNamespace(levels=2, capacities=None)
    used = []

    def make():
        compiled_for = model.capacities

        def function(state, iterator):
            batch = next(iterator)
            used.append(model.capacities)
            # The second level cannot count children of parents beyond its capacity.
            counts = list(needed[batch])
            if model.capacities and counts[0] > model.capacities[0]:
                counts[1] = min(counts[1], model.capacities[0])
            return {"counts": counts}, state + (compiled_for == "never")

        return function

    return CapacityRunner(model, make, lambda outputs: outputs.pop("counts")), used, model


def test_a_step_of_too_many_nodes_runs_again_until_all_fit():
    run, used, model = runner([(10, 40), (10, 50), (200, 5000)])
    batches = iter(range(3))
    for _ in range(3):
        run(0, batches)
    assert used[0] is None
    assert used[1] == (64, 64)
    assert used[2] == (64, 64)
    assert used[-1][0] >= 200
    assert used[-1][1] >= 5000
    assert len(used) == 5
    assert model.capacities is None  # outside of steps there is no limit


def test_capacities_shrink_again():
    run, used, _ = runner([(10, 9000)] + [(10, 40)] * 3 * STEPS_PER_REVIEW)
    batches = iter(range(3 * STEPS_PER_REVIEW))
    for _ in range(3 * STEPS_PER_REVIEW):
        run(0, batches)
    assert used[1][1] >= 9000
    assert used[-1] == (64, 64)


def test_compiled_functions_are_kept():
    run, used, _ = runner([(10, 40)] * 5)
    batches = iter(range(5))
    for _ in range(5):
        run(0, batches)
    assert len(run.functions) == len(set(used)) == 2
