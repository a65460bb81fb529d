"""Runs: how a recipe is run and continued in a folder, and what is made of the folder later."""

from keras_multigrid.runs.attention import attend_run
from keras_multigrid.runs.export import export_run
from keras_multigrid.runs.run import run

__all__ = ["attend_run", "export_run", "run"]
