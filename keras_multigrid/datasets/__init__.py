"""Data of the papers' experiments, and one's own."""

from keras_multigrid.datasets.cifar import fit_whitening, load_cifar
from keras_multigrid.datasets.class_folders import list_images
from keras_multigrid.datasets.digits import load_digits
from keras_multigrid.datasets.drawn import (
    load_located_digits,
    load_segmentation,
    load_spatial_transformer,
)
from keras_multigrid.datasets.image_folder import load_image_folder
from keras_multigrid.datasets.imagenet import load_imagenet
from keras_multigrid.datasets.loading import load
from keras_multigrid.datasets.located_digits import LocatedDigits
from keras_multigrid.datasets.mask_augmentation import MaskAugmentation
from keras_multigrid.datasets.mask_folder import mask_folder
from keras_multigrid.datasets.pipeline import draw_batches
from keras_multigrid.datasets.segmentation import Segmentation
from keras_multigrid.datasets.spatial_transformer import Distortion, SpatialTransformer

__all__ = [
    "Distortion",
    "LocatedDigits",
    "MaskAugmentation",
    "Segmentation",
    "SpatialTransformer",
    "draw_batches",
    "fit_whitening",
    "list_images",
    "load",
    "load_cifar",
    "load_digits",
    "load_image_folder",
    "load_imagenet",
    "load_located_digits",
    "load_segmentation",
    "load_spatial_transformer",
    "mask_folder",
]
