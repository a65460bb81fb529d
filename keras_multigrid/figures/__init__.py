"""Pictures of networks, of their training, and of what they do: PNG or PDF files.

They need matplotlib, and raise an `ImportError` without it.
"""

from keras_multigrid.figures.accuracy_cost import draw_accuracy_cost
from keras_multigrid.figures.attended_windows import draw_attended_windows, seen_image
from keras_multigrid.figures.attention_maps import draw_attention_generation, draw_attention_maps
from keras_multigrid.figures.comparison import draw_comparison
from keras_multigrid.figures.contact_sheet import draw_contact_sheet
from keras_multigrid.figures.error_cost import Result, draw_error_cost
from keras_multigrid.figures.network import draw_network
from keras_multigrid.figures.overlays import overlay, shown_image
from keras_multigrid.figures.panels import Panel, draw_panels, draw_segmentation
from keras_multigrid.figures.pareto import draw_pareto
from keras_multigrid.figures.parse_tree import draw_parse_tree
from keras_multigrid.figures.routing import draw_ablation, draw_routing
from keras_multigrid.figures.training_curves import draw_training_curves

__all__ = [
    "Panel",
    "Result",
    "draw_ablation",
    "draw_accuracy_cost",
    "draw_attended_windows",
    "draw_attention_generation",
    "draw_attention_maps",
    "draw_comparison",
    "draw_contact_sheet",
    "draw_error_cost",
    "draw_network",
    "draw_panels",
    "draw_pareto",
    "draw_parse_tree",
    "draw_routing",
    "draw_segmentation",
    "draw_training_curves",
    "overlay",
    "seen_image",
    "shown_image",
]
