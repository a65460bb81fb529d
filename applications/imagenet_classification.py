"""R-MG-34 on ImageNet, or on a folder of images of one's own (paper, Table 4).

    python applications/imagenet_classification.py PHOTOGRAPHS runs/photographs

PHOTOGRAPHS has the folders `train` and `validation`, with a folder of images per class in each. The
paper's settings are for ImageNet and several GPUs; those here are for a small set on one.
"""

import sys

from keras_multigrid.recipes import ImageNet
from keras_multigrid.runs import run

if len(sys.argv) != 3:
    sys.exit(f"usage: {sys.argv[0]} PHOTOGRAPHS FOLDER")

recipe = ImageNet(
    model="R-MG-34",
    data="image_folder",
    data_dir=sys.argv[1],
    epochs=30,
    steps_per_epoch=500,
    batch_size=64,
    precision="mixed_bfloat16",
    ema=0.999,
)
metrics = run(recipe, sys.argv[2])
print({name: round(value, 2) for name, value in metrics["scores"].items()})
