"""A local server for exported networks, in TensorFlow Serving's REST form."""

from keras_multigrid.server.limits import Limits
from keras_multigrid.server.serve import serve

__all__ = ["Limits", "serve"]
