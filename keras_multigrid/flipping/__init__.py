"""Any Keras CNN as a multigrid network."""

from keras_multigrid.flipping.flip import flip
from keras_multigrid.flipping.rules import register

flip.register = register

__all__ = ["flip"]
