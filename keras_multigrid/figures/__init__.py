"""Pictures of networks, of their training, and of what they do: PNG or PDF files."""

from keras_multigrid.figures.routing import draw_ablation, draw_routing

__all__ = ["draw_ablation", "draw_routing"]
