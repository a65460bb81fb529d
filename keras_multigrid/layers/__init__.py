"""Keras layers over pyramids: lists of tensors, finest grid first."""

from keras_multigrid.layers.channel_padding import ChannelPadding
from keras_multigrid.layers.cropped_pyramid import CroppedPyramid
from keras_multigrid.layers.fused_batch_normalization import FusedBatchNormalization
from keras_multigrid.layers.image_pyramid import ImagePyramid
from keras_multigrid.layers.multigrid_conv2d import MultigridConv2D
from keras_multigrid.layers.multigrid_conv2d_transpose import MultigridConv2DTranspose
from keras_multigrid.layers.multigrid_max_pooling2d import MultigridMaxPooling2D
from keras_multigrid.layers.padding_to_multiple import PaddingToMultiple
from keras_multigrid.layers.per_grid import PerGrid
from keras_multigrid.layers.resized_centre import ResizedCentre
from keras_multigrid.layers.skip_concatenate import SkipConcatenate
from keras_multigrid.layers.unfused_bias_conv2d import UnfusedBiasConv2D
from keras_multigrid.layers.up_sampling_like import UpSamplingLike
from keras_multigrid.layers.zca_whitening import ZCAWhitening

__all__ = [
    "ChannelPadding",
    "CroppedPyramid",
    "FusedBatchNormalization",
    "ImagePyramid",
    "MultigridConv2D",
    "MultigridConv2DTranspose",
    "MultigridMaxPooling2D",
    "PaddingToMultiple",
    "PerGrid",
    "ResizedCentre",
    "SkipConcatenate",
    "UnfusedBiasConv2D",
    "UpSamplingLike",
    "ZCAWhitening",
]
