"""Pictures of networks, of their training, and of what they do: PNG or PDF files."""

from keras_multigrid.figures.attention import draw_attention_generation, draw_attention_maps
from keras_multigrid.figures.error_cost import Result, draw_error_cost
from keras_multigrid.figures.network import draw_network
from keras_multigrid.figures.panels import Panel, draw_panels, draw_segmentation
from keras_multigrid.figures.routing import draw_ablation, draw_routing
from keras_multigrid.figures.training_curves import draw_training_curves

__all__ = [
    "Panel",
    "Result",
    "draw_ablation",
    "draw_attention_generation",
    "draw_attention_maps",
    "draw_error_cost",
    "draw_network",
    "draw_panels",
    "draw_routing",
    "draw_segmentation",
    "draw_training_curves",
]
