"""Capacities on JAX: XLA needs fixed shapes, so a step with more nodes than expected runs again.

A step counts the nodes it would have needed. If a level has more than its capacity, the step
returns the state it was given, the caller enlarges the capacities, and the same batch runs again;
no node is dropped.
"""

import math

SMALLEST = 64
SPARE = 1.25  # beyond what was last needed
STEPS_PER_REVIEW = 100  # after so many steps the capacities shrink to what these needed


def capacity_for(count):
    """Returns a capacity for so many nodes and some more, one of few."""
    steps = math.ceil(2 * math.log2(max(SPARE * count / SMALLEST, 1)))
    return math.ceil(SMALLEST * 2 ** (steps / 2))


def state_after(capacities, counts, old, new):
    """Returns the new state, or the old one if a level had more nodes than its capacity.

    Args:
        capacities: Of each level; None if they are unlimited.
        counts: Nodes of each level.
        old, new: The states before and after a step, nested arrays of the same structure.
    """
    if capacities is None:
        return new
    import jax
    import jax.numpy as jnp

    all_fit = jnp.all(counts <= jnp.asarray(capacities))
    return jax.tree.map(lambda before, after: jnp.where(all_fit, after, before), old, new)


class CapacityRunner:
    """Runs a model's steps on JAX with capacities that hold all nodes.

    Args:
        model: The model; its attribute `capacities` is what a step is compiled for.
        make: Function that returns a newly compiled Keras function `(state, iterator)`.
        take_counts: Function that takes the counts of nodes out of what a step returns.
    """

    capacities = None  # of each level; unlimited, as nothing is known yet

    def __init__(self, model, make, take_counts):
        self.model, self.make, self.take_counts = model, make, take_counts
        self.functions = {}  # by capacities
        self.largest, self.steps = [0] * model.levels, 0

    def __call__(self, state, iterator):
        batch = next(iterator)
        while True:
            outputs, state = self._run(state, batch)
            counts = [int(count) for count in self.take_counts(outputs)]
            self.largest = [max(pair) for pair in zip(self.largest, counts)]
            if self.capacities is not None and any(map(int.__gt__, counts, self.capacities)):
                # Deeper levels lacked parents, so there may be more yet.
                self.capacities = tuple(map(max, self.capacities, map(capacity_for, counts)))
                continue
            self.steps += 1
            if self.capacities is None or self.steps % STEPS_PER_REVIEW == 0:
                self.capacities = tuple(map(capacity_for, self.largest))
                self.largest = counts
            return outputs, state

    def _run(self, state, batch):
        if self.capacities not in self.functions:
            self.functions[self.capacities] = self.make()
        self.model.capacities = self.capacities
        try:
            return self.functions[self.capacities](state, iter([batch]))
        finally:
            self.model.capacities = None
