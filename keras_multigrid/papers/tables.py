"""Tables 1 to 4 of the multigrid paper."""

import dataclasses

from keras_multigrid.applications.paper import PAPER_MODELS
from keras_multigrid.recipes import Cifar100, ImageNet, MnistSegmentation, MnistSpatialTransformer


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Attributes:
        title: What it shows.
        recipe: The recipe class that trains its rows.
    """

    title: str
    recipe: type

    @property
    def rows(self):
        """Mapping from networks to the paper's scores, as of `Recipe.scores`, in its order."""
        number = self.recipe.TABLE
        return {row.name: row.scores[number] for row in PAPER_MODELS if number in row.scores}

    @property
    def columns(self):
        """Names of the scores, in the paper's order."""
        return list(dict.fromkeys(name for scores in self.rows.values() for name in scores))


PAPER_TABLES = {
    "table1": PaperTable("Table 1, CIFAR-100", Cifar100),
    "table2": PaperTable("Table 2, segmentation of synthetic MNIST", MnistSegmentation),
    "table3": PaperTable(
        "Table 3, spatial transformation of synthetic MNIST", MnistSpatialTransformer
    ),
    "table4": PaperTable("Table 4, validation of ImageNet", ImageNet),
}


def check_rows(name, rows, expected):
    """Raises a `ValueError` if a row is not one of a table or figure."""
    for row in rows or ():
        if row not in expected:
            raise ValueError(f"{name} has no row {row!r}; expected one of {', '.join(expected)}.")
