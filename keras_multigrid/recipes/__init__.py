"""Recipes: one frozen dataclass per experiment, and the functions that run them."""

from keras_multigrid.recipes.attention import attend_run
from keras_multigrid.recipes.cifar import Cifar10, Cifar100
from keras_multigrid.recipes.dense_prediction import MnistSegmentation, MnistSpatialTransformer
from keras_multigrid.recipes.export import export_run
from keras_multigrid.recipes.imagenet import ImageNet
from keras_multigrid.recipes.paper_figures import draw_paper_figures
from keras_multigrid.recipes.quickstart import Quickstart, train_quickstart
from keras_multigrid.recipes.recipe import Recipe
from keras_multigrid.recipes.reproduce import reproduce
from keras_multigrid.recipes.run import run
from keras_multigrid.recipes.top_down import LocatedMnist, TopDownImageNet

RECIPES = {
    recipe.NAME: recipe
    for recipe in (
        Quickstart,
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
    "ImageNet",
    "LocatedMnist",
    "MnistSegmentation",
    "MnistSpatialTransformer",
    "Quickstart",
    "Recipe",
    "TopDownImageNet",
    "attend_run",
    "draw_paper_figures",
    "export_run",
    "reproduce",
    "run",
    "train_quickstart",
]
