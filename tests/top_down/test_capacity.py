"""Room for nodes on JAX; that results do not depend on it: test_backends.py."""

import types

import pytest

from keras_multigrid.top_down.capacity import STEPS_PER_FIT, RoomKeeper, fitting


@pytest.mark.parametrize("count", [0, 1, 51, 52, 100, 1000, 12345])
def test_capacities_have_spare_room_but_not_too_much(count):
    assert 1.25 * count <= fitting(count) <= max(64, 1.25 * 2**0.5 * count + 1)


def test_capacities_are_few():
    assert len({fitting(count) for count in range(10_000)}) < 20


def keeper(needed):
    """Returns a keeper whose steps need so many nodes in two levels, and the rooms they ran in."""
    model = types.SimpleNamespace(levels=2, room=None)
    rooms = []

    def make():
        compiled_for = model.room

        def function(state, iterator):
            batch = next(iterator)
            rooms.append(model.room)
            # The second level cannot count children of parents that had no room.
            counts = list(needed[batch])
            if model.room and counts[0] > model.room[0]:
                counts[1] = min(counts[1], model.room[0])
            return {"counts": counts}, state + (compiled_for == "never")

        return function

    return RoomKeeper(model, make, lambda outputs: outputs.pop("counts")), rooms, model


def test_a_step_without_room_runs_again_until_it_has_enough():
    run, rooms, model = keeper([(10, 40), (10, 50), (200, 5000)])
    batches = iter(range(3))
    for _ in range(3):
        run(0, batches)
    assert rooms[0] is None
    assert rooms[1] == (64, 64)
    assert rooms[2] == (64, 64)
    assert rooms[-1][0] >= 200
    assert rooms[-1][1] >= 5000
    assert len(rooms) == 5
    assert model.room is None  # outside of steps there is room for all


def test_room_shrinks_again():
    run, rooms, _ = keeper([(10, 9000)] + [(10, 40)] * 3 * STEPS_PER_FIT)
    batches = iter(range(3 * STEPS_PER_FIT))
    for _ in range(3 * STEPS_PER_FIT):
        run(0, batches)
    assert rooms[1][1] >= 9000
    assert rooms[-1] == (64, 64)


def test_compiled_functions_are_kept():
    run, rooms, _ = keeper([(10, 40)] * 5)
    batches = iter(range(5))
    for _ in range(5):
        run(0, batches)
    assert len(run.functions) == len(set(rooms)) == 2
