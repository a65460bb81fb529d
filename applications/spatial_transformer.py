"""Which distortions a multigrid net can undo, and a plain one not (paper, Table 3 and Figure 5).

    python applications/spatial_transformer.py runs/distortions

Trains PMG-11 and SG-11 on each distortion alone, on scikit-learn's digits at the quick scale, and
prints their mean IoU side by side. Interrupted, the same command continues.
"""

import pathlib
import sys

from keras_multigrid.datasets.spatial_transformer import DISTORTIONS
from keras_multigrid.recipes import MnistSpatialTransformer
from keras_multigrid.runs import run

if len(sys.argv) != 2:
    sys.exit(f"usage: {sys.argv[0]} FOLDER    (for the results)")

lines = [f"{'mean IoU, percent':<20} {'PMG-11':>8} {'SG-11':>8}"]
for variant in DISTORTIONS:
    scores = []
    for network in ("PMG-11", "SG-11"):
        settings = {**MnistSpatialTransformer.SCALES["quick"], "model": network}
        recipe = MnistSpatialTransformer(**settings, variant=variant, source="digits")
        metrics = run(recipe, pathlib.Path(sys.argv[1], variant, network))
        scores.append(f"{metrics['scores']['mean IoU']:>8.2f}")
    lines.append(f"{variant:<20} {' '.join(scores)}")
print("\n".join(["", *lines]))
