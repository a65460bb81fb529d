"""Recipes: what an experiment is, one frozen dataclass each; `RECIPES` lists them all."""

from keras_multigrid.recipes.cifar import Cifar10, Cifar100
from keras_multigrid.recipes.classification import Classification
from keras_multigrid.recipes.dense_prediction import MnistSegmentation, MnistSpatialTransformer
from keras_multigrid.recipes.imagenet import ImageNet
from keras_multigrid.recipes.located_mnist import LocatedMnist
from keras_multigrid.recipes.quickstart import Quickstart
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.segmentation import Segmentation
from keras_multigrid.recipes.top_down_imagenet import TopDownImageNet

RECIPES = {
    recipe.NAME: recipe
    for recipe in (
        Quickstart,
        Segmentation,
        Classification,
        Cifar100,
        Cifar10,
        MnistSegmentation,
        MnistSpatialTransformer,
        ImageNet,
        LocatedMnist,
        TopDownImageNet,
    )
}

__all__ = [
    "RECIPES",
    "Cifar10",
    "Cifar100",
    "Classification",
    "ImageNet",
    "LocatedMnist",
    "MnistSegmentation",
    "MnistSpatialTransformer",
    "Quickstart",
    "Recipe",
    "Segmentation",
    "TopDownImageNet",
]
