"""Complexity: parameters, multiply-adds, and how far a network sees."""

from keras_multigrid.complexity.counting import (
    LayerProfile,
    ModelProfile,
    count,
    input_like,
    profile,
    replay,
    traversal_macs,
    without_weights,
)
from keras_multigrid.complexity.receptive_field import FieldSides, receptive_field

__all__ = [
    "FieldSides",
    "LayerProfile",
    "ModelProfile",
    "count",
    "input_like",
    "profile",
    "receptive_field",
    "replay",
    "traversal_macs",
    "without_weights",
]
