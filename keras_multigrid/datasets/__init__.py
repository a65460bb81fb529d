"""Data of the paper's experiments."""

from keras_multigrid.datasets.digits import load_digits
from keras_multigrid.datasets.spatial_transformer import (
    DistortedDigits,
    Distortion,
    distort_digits,
)

__all__ = ["DistortedDigits", "Distortion", "distort_digits", "load_digits"]
