"""Top-down classification of ImageNet, or of own folders of images (second paper, Figure 6)."""

import dataclasses
from typing import ClassVar

from keras_multigrid.layers import ResizedCentre
from keras_multigrid.recipes.photographs import Photographs
from keras_multigrid.recipes.rescaling import rescaling
from keras_multigrid.recipes.top_down import TopDownRecipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopDownImageNet(Photographs, TopDownRecipe):
    """Classification of ImageNet, or of one's own folder of images (`Photographs`), Figure 6.

    200 epochs of batches of 128 at 32, 64, 128 and 256 pixels, each session from the one before.
    The paper's target_locations: at 64 pixels 1.5 and 4.5; at 128 of M2 3.75 to 24.75, of M1 3.75
    to 30; at 256 of M2 22, 29 and 39, of M1 30, 35 and 40. For multi-level learning level_weights
    are 1, and target_locations up to (3.2, 13.5, 40) of M2, (2.9, 11.3, 35.6) of M1.
    """

    model: str = "M2-ImageNet"
    epochs: int = 200
    steps_per_epoch: int = 10_009
    learning_rate: float = 0.001
    image_size: int = 64
    target_locations: tuple[float, ...] = (4.5,)
    reward_weight: float = 1e-8
    coverage_weight: float = 1e-9
    count_weight: float = 1e-9

    NAME: ClassVar = "imagenet_top_down"
    SIZES: ClassVar = (32, 64, 128, 256)
    SCALES: ClassVar = {
        "smoke": {
            "epochs": 2,
            "steps_per_epoch": 2,
            "batch_size": 2,
            "width_multiplier": 0.0625,
            "evaluation_batches": 1,
        },
        "quick": {"epochs": 20, "steps_per_epoch": 100, "batch_size": 32},
        "paper": {},
    }

    def input_shape(self):
        return (self.image_size, self.image_size, 3)

    def load(self, split, batch_size, **options):
        return super().load(split, batch_size, augmentation="mild", **options)

    def preprocessing(self, folder):
        return [ResizedCentre(self.image_size), rescaling(0.5, 0.5)]
