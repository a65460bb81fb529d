"""Multigrid neural networks for Keras 3."""

from keras_multigrid import layers

__all__ = ["layers"]
