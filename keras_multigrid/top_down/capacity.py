"""Room for nodes on JAX: XLA needs fixed shapes, so a step that has too little is run again.

A step counts the nodes it would have needed. If there were more than its capacity it returns the
state it was given, the caller enlarges the room, and the same batch runs again; no node is dropped.
"""

import math

SMALLEST = 64
SPARE = 1.25  # room beyond what was last needed
STEPS_PER_FIT = 100  # after so many steps the room shrinks to what they needed


def fitting(count):
    """Returns a capacity for so many nodes and some more, one of few."""
    steps = math.ceil(2 * math.log2(max(SPARE * count / SMALLEST, 1)))
    return math.ceil(SMALLEST * 2 ** (steps / 2))


def kept_if_complete(room, counts, before, after):
    """Returns the state after a step, or the one before if the room was too small.

    Args:
        room: Capacity of each level, or None for room for all.
        counts: Nodes that each level needed.
        before, after: The states, nested arrays of the same structure.
    """
    if room is None:
        return after
    import jax
    import jax.numpy as jnp

    complete = jnp.all(counts <= jnp.asarray(room))
    return jax.tree.map(lambda old, new: jnp.where(complete, new, old), before, after)


class RoomKeeper:
    """Runs a model's steps on JAX with as much room as they need.

    Args:
        model: The model; its attribute `room` is what a step is compiled for.
        make: Function that returns a newly compiled Keras function `(state, iterator)`.
        take_counts: Function that takes the needed counts out of what a step returns.
    """

    room = None  # capacity of each level; None is room for all, as nothing is known yet

    def __init__(self, model, make, take_counts):
        self.model, self.make, self.take_counts = model, make, take_counts
        self.functions = {}
        self.largest, self.steps = [0] * model.levels, 0

    def __call__(self, state, iterator):
        batch = next(iterator)
        while True:
            outputs, state = self._run(state, batch)
            counts = [int(count) for count in self.take_counts(outputs)]
            self.largest = [max(pair) for pair in zip(self.largest, counts)]
            if self.room is not None and any(map(int.__gt__, counts, self.room)):
                # Deeper levels lacked parents, so there may be more yet.
                self.room = tuple(map(max, self.room, map(fitting, counts)))
                continue
            self.steps += 1
            if self.room is None or self.steps % STEPS_PER_FIT == 0:
                self.room = tuple(map(fitting, self.largest))
                self.largest = counts
            return outputs, state

    def _run(self, state, batch):
        if self.room not in self.functions:
            self.functions[self.room] = self.make()
        self.model.room = self.room
        try:
            return self.functions[self.room](state, iter([batch]))
        finally:
            self.model.room = None
