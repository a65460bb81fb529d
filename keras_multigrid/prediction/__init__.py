"""What a trained network says of images of any size."""

from keras_multigrid.prediction.geometry import total_stride
from keras_multigrid.prediction.images import predict_image

__all__ = ["predict_image", "total_stride"]
