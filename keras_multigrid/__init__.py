"""Multigrid neural networks for Keras 3."""

import importlib

from keras_multigrid import (
    applications,
    attention_maps,
    blocks,
    checking,
    complexity,
    datasets,
    export,
    figures,
    layers,
    losses,
    metrics,
    optimizers,
    prediction,
    routing,
    schedules,
    segmentation_scores,
    stock,
    ten_crop,
    top_down,
    training,
)
from keras_multigrid.flipping import flip

__version__ = "0.1.0"

__all__ = [
    "applications",
    "attention_maps",
    "blocks",
    "checking",
    "complexity",
    "datasets",
    "export",
    "figures",
    "flip",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "prediction",
    "routing",
    "schedules",
    "segmentation_scores",
    "stock",
    "ten_crop",
    "top_down",
    "training",
    "tuning",
]


def __getattr__(name):
    if name == "tuning":  # only when it is used, for KerasTuner is an extra
        return importlib.import_module("keras_multigrid.tuning")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
