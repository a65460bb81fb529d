"""Data of the papers' experiments."""

from keras_multigrid.datasets.cifar import fit_whitening, load_cifar
from keras_multigrid.datasets.digits import load_digits
from keras_multigrid.datasets.located_digits import LocatedDigits
from keras_multigrid.datasets.pipeline import draw_batches
from keras_multigrid.datasets.segmentation import Segmentation
from keras_multigrid.datasets.spatial_transformer import DISTORTIONS, Distortion, SpatialTransformer
from keras_multigrid.datasets.registration import register_builders

register_builders()
