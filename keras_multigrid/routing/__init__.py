"""What each grid reads from its neighbours: measured, and taken away."""

from keras_multigrid.routing.ablation import Ablation, Effect, ablate, without
from keras_multigrid.routing.exchanges import Exchange, exchanges
from keras_multigrid.routing.measurement import Reading, Routing, measure

__all__ = [
    "Ablation",
    "Effect",
    "Exchange",
    "Reading",
    "Routing",
    "ablate",
    "exchanges",
    "measure",
    "without",
]
