"""Networks as they run where users run them: SavedModel, ONNX, LiteRT, and Keras' own format."""

from keras_multigrid.export.card import Facts
from keras_multigrid.export.class_names import read_class_names
from keras_multigrid.export.exporting import export_model
from keras_multigrid.export.serving import ServingModel, serving_model

__all__ = ["Facts", "ServingModel", "export_model", "read_class_names", "serving_model"]
