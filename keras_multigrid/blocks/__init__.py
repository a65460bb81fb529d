"""Building blocks of networks: functions from pyramids to pyramids."""

from keras_multigrid.blocks.progressive import progressive_start
from keras_multigrid.blocks.u_shape import u_shape
from keras_multigrid.blocks.units import conv_unit, plain_unit, residual_unit

__all__ = ["conv_unit", "plain_unit", "progressive_start", "residual_unit", "u_shape"]
