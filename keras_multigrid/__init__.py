"""Multigrid neural networks for Keras 3."""

from keras_multigrid import (
    applications,
    blocks,
    complexity,
    datasets,
    export,
    layers,
    metrics,
    optimizers,
    schedules,
    stock,
    ten_crop,
    top_down,
    training,
)

__version__ = "0.1.0"

__all__ = [
    "applications",
    "blocks",
    "complexity",
    "datasets",
    "export",
    "layers",
    "metrics",
    "optimizers",
    "schedules",
    "stock",
    "ten_crop",
    "top_down",
    "training",
]
