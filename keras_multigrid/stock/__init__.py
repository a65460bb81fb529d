"""Networks of pyramids rewritten with stock Keras layers."""

from keras_multigrid.stock.rewriting import rewrite

__all__ = ["rewrite"]
