"""Searches channel ratios, and what goes with them, under a budget, with KerasTuner."""

try:
    import keras_tuner  # noqa: F401
except ImportError as error:
    raise ImportError("Tuning needs KerasTuner: pip install 'keras_multigrid[tune]'.") from error

from keras_multigrid.budget import Budget
from keras_multigrid.tuning.hypermodel import Candidate, MultigridHyperModel
from keras_multigrid.tuning.search import tune
from keras_multigrid.tuning.space import SearchSpace

__all__ = ["Budget", "Candidate", "MultigridHyperModel", "SearchSpace", "tune"]
