"""Which entries of a long mask are computed: exactly the true ones, or a fixed number of them."""

from typing import NamedTuple

import keras
from keras import ops

# Exact selections are padded to multiples, so that few shapes occur; larger ones cost more windows.
BUCKET = 16


class Selection(NamedTuple):
    """The true entries of a mask, and padding.

    Attributes:
        indices: Where in the mask the selected entries are, of shape `(selected,)`.
        alive: Whether they are true there; the others are padding.
        position: Where in `indices` each true entry of the mask is; elsewhere meaningless.
        count: How many are true; with a capacity there may be more than were selected.
    """

    indices: object
    alive: object
    position: object
    count: object


def select(mask, capacity=None):
    """Selects the true entries; where XLA compiles, a fixed number of entries.

    Args:
        mask: Boolean, of shape `(entries,)`.
        capacity: For XLA: how many to select; None is as many as there are entries.
    """
    if _is_compiled_by_jax(mask):
        import jax.numpy as jnp

        size = mask.shape[0] if capacity is None else min(capacity, mask.shape[0])
        (indices,) = jnp.nonzero(mask, size=size, fill_value=0)
    else:
        (indices,) = ops.nonzero(mask)
        found = ops.shape(indices)[0]
        at_least_one = max(found, 1) if isinstance(found, int) else ops.maximum(found, 1)
        missing = -(-at_least_one // BUCKET) * BUCKET - found
        indices = ops.pad(indices, [[0, missing]])
    indices, ones = ops.cast(indices, "int32"), ops.cast(mask, "int32")
    count = ops.sum(ones)
    alive = ops.arange(ops.shape(indices)[0], dtype="int32") < count
    return Selection(indices, alive, ops.cumsum(ones) - 1, count)


def _is_compiled_by_jax(mask):
    if keras.backend.backend() != "jax":
        return False
    import jax

    return isinstance(mask, jax.core.Tracer)
