"""What influences each pixel of a network's output: by occlusion, as in the paper; by gradients."""

from keras_multigrid.attention_maps.gradients import (
    ReceptiveField,
    input_gradient,
    integrated_gradients,
    receptive_field,
)
from keras_multigrid.attention_maps.occlusion import Sweep, sweep
from keras_multigrid.attention_maps.page import write_attention_page
from keras_multigrid.attention_maps.probes import bounding_box_probes

__all__ = [
    "ReceptiveField",
    "Sweep",
    "bounding_box_probes",
    "input_gradient",
    "integrated_gradients",
    "receptive_field",
    "sweep",
    "write_attention_page",
]
