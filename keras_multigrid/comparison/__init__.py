"""Comparison: networks of this package and what others use, side by side at one budget."""

from keras_multigrid.comparison.comparing import compare

__all__ = ["compare"]
