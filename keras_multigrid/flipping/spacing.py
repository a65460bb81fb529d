"""Keeps the grids of a pyramid halves of each other."""

from keras_multigrid.flipping.layer_copies import MERGED
from keras_multigrid.layers import CroppedPyramid
from keras_multigrid.layers.pyramid_layer import half


def equally_spaced(builder, grids, keep_halves, name, policy):
    """Returns maps as a pyramid: each grid is cropped to half of the finer one, where it is not."""
    numbers = [grid for grid in grids if grid != MERGED]
    if len(numbers) < 2 or len(grids[0].shape) != 4:
        return grids
    size, fits = grids[0].shape[1:3], True
    for grid in numbers[1:]:
        size = tuple(map(half, size))
        known = None not in (*size, *grids[grid].shape[1:3])
        fits = fits and (not known or size == grids[grid].shape[1:3])
    if fits and keep_halves:  # else the sizes of other images may not fit
        return grids
    crop = CroppedPyramid(
        data_format="channels_last", dtype=policy, name=builder.copies.name(f"{name}_crop")
    )
    return {**grids, **dict(enumerate(crop([grids[grid] for grid in numbers])))}


def policy_of(layer):
    """Returns the dtype policy of a layer, None of an operation."""
    return getattr(layer, "dtype_policy", None)
