"""The figures of the paper's Tables 1 to 4, in percent."""

import dataclasses

from keras_multigrid.recipes.cifar import Cifar100
from keras_multigrid.recipes.dense_prediction import MnistSegmentation, MnistSpatialTransformer
from keras_multigrid.recipes.imagenet import ImageNet


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        title: What it shows.
        recipe: The recipe class that trains its rows.
        columns: Names of its scores, as `Recipe.scores` gives them.
        rows: Mapping from networks to the paper's scores, None where it has none.
    """

    title: str
    recipe: type
    columns: tuple[str, ...]
    rows: dict[str, tuple[float | None, ...]]


PAPER_TABLES = {
    "table1": PaperTable(
        "Table 1, CIFAR-100",
        Cifar100,
        ("error",),
        {
            "VGG-6": (32.15,),
            "VGG-11": (30.26,),
            "VGG-16": (30.47,),
            "VGG-21": (31.89,),
            "MG-sm-6": (33.83,),
            "MG-sm-11": (31.55,),
            "MG-sm-16": (32.59,),
            "MG-sm-21": (34.21,),
            "MG-6": (32.08,),
            "MG-11": (28.39,),
            "MG-16": (29.91,),
            "MG-21": (30.03,),
            "PMG-sm-9": (32.38,),
            "PMG-sm-16": (30.47,),
            "PMG-sm-30": (31.06,),
            "PMG-9": (30.61,),
            "PMG-16": (28.11,),
            "PMG-30": (29.89,),
            "RES-12": (28.64,),
            "RES-22": (28.05,),
            "RES-32": (27.12,),
            "RES-42": (27.60,),
            "R-MG-sm-12": (30.24,),
            "R-MG-sm-22": (28.65,),
            "R-MG-sm-32": (29.27,),
            "R-MG-sm-42": (26.85,),
            "R-MG-12": (27.84,),
            "R-MG-22": (26.79,),
            "R-MG-32": (25.29,),
            "R-MG-42": (26.32,),
            "R-PMG-sm-16": (29.41,),
            "R-PMG-sm-30": (27.68,),
            "R-PMG-sm-44": (27.00,),
            "R-PMG-16": (27.35,),
            "R-PMG-30": (26.44,),
            "R-PMG-44": (26.68,),
        },
    ),
    "table2": PaperTable(
        "Table 2, segmentation of synthetic MNIST",
        MnistSegmentation,
        ("mean IoU", "pixel error"),
        {
            "U-NET-11": (58.46, 22.14),
            "U-MG-11": (58.02, 21.45),
            "SG-11": (32.21, 22.33),
            "R-SG-20": (69.86, 14.43),
            "PMG-11": (61.88, 14.75),
            "R-PMG-20": (81.91, 8.89),
        },
    ),
    "table3": PaperTable(
        "Table 3, spatial transformation of synthetic MNIST",
        MnistSpatialTransformer,
        ("mean IoU", "pixel error"),
        {
            "U-NET-11": (12.20, 37.55),
            "SG-11": (0.0, 100.0),
            "R-SG-20": (0.0, 82.98),
            "PMG-11": (50.64, 29.20),
            "R-PMG-20": (55.61, 25.59),
        },
    ),
    "table4": PaperTable(
        "Table 4, validation of ImageNet",
        ImageNet,
        ("top-1 error, 10 crops", "top-5 error, 10 crops", "top-1 error", "top-5 error"),
        {
            "VGG-16-ImageNet": (28.07, 9.33, None, None),
            "ResNet-50": (22.85, 6.71, None, None),
            "R-MG-34": (22.42, 6.12, 24.51, 7.46),
            "R-PMG-30-SEG": (23.60, 6.89, 26.50, 8.63),
        },
    ),
}
