"""Training that survives interruptions, on one device or several."""

from keras_multigrid.training.checkpoint import load_checkpoint, save_checkpoint
from keras_multigrid.training.distribution import data_parallel, join_processes
from keras_multigrid.training.json_lines import JsonLines
from keras_multigrid.training.resumable_fit import resumable_fit

__all__ = [
    "JsonLines",
    "data_parallel",
    "join_processes",
    "load_checkpoint",
    "resumable_fit",
    "save_checkpoint",
]
