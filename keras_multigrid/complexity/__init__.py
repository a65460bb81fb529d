"""Complexity: parameters, multiply-adds, and how far a network sees."""

from keras_multigrid.complexity.counting import (
    count,
    input_like,
    profile,
    replay,
    traversal_macs,
    without_weights,
)
from keras_multigrid.complexity.profiles import LayerProfile, ModelProfile
from keras_multigrid.complexity.receptive_field import FieldSides, receptive_field
from keras_multigrid.multiply_adds import macs_of

__all__ = [
    "FieldSides",
    "LayerProfile",
    "ModelProfile",
    "count",
    "input_like",
    "macs_of",
    "profile",
    "receptive_field",
    "replay",
    "traversal_macs",
    "without_weights",
]
