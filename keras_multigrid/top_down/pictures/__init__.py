"""Pictures of what was attended, and of accuracy against cost."""

from keras_multigrid.top_down.pictures.accuracy_cost import draw_accuracy_cost
from keras_multigrid.top_down.pictures.attention import draw_attention, seen_image
from keras_multigrid.top_down.pictures.parse_tree import draw_parse_tree

__all__ = ["draw_accuracy_cost", "draw_attention", "draw_parse_tree", "seen_image"]
