"""Data of the paper's experiments."""

from keras_multigrid.datasets.digits import load_digits
from keras_multigrid.datasets.spatial_transformer import DistortedDigits, distort_digits

__all__ = ["DistortedDigits", "distort_digits", "load_digits"]
