"""Papers: how the papers' tables and figures are made of runs."""

from keras_multigrid.papers.multigrid_figures import draw_paper_figures
from keras_multigrid.papers.reproduce import reproduce

__all__ = ["draw_paper_figures", "reproduce"]
