"""The loss of segmentation with one class a pixel."""

import math

import keras
from keras import ops

from keras_multigrid import checks

SMALLEST = 1e-30  # a probability; its logarithm still has a gradient in float32


@keras.saving.register_keras_serializable(package="keras_multigrid")
class CrossEntropyDice(keras.losses.Loss):
    """Cross-entropy plus Dice, over the pixels that count (Milletari et al., "V-Net", 2016).

    Cross-entropy is the weighted mean over pixels; with `focal_gamma` each is multiplied by
    `(1 - p) ** focal_gamma` (Lin et al., "Focal Loss", 2017). The Dice part is 1 minus the mean,
    over the classes in the batch, of `2 * sum(p * y) / (sum(p) + sum(y))`, over all of its pixels.

    Args:
        class_weights: List with a weight of each class in the cross-entropy; None is 1 for all.
        dice_weight: Factor on the Dice part; 0 leaves it out.
        focal_gamma: Exponent of the focal loss; 0 is cross-entropy.
        **kwargs: Keras' own arguments of losses, such as `name`.

    Call arguments:
        y_true: Integers `(batch, height, width)`, the class of each pixel; negative ones do not
            count.
        y_pred: Probabilities `(batch, height, width, classes)`.

    Returns:
        A number.

    Raises:
        ValueError: If an argument is wrong, or the shapes do not fit.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> labels = np.array([[[0, 1, -1]]])
    >>> probabilities = np.array([[[[1, 0], [0.5, 0.5], [0, 1]]]], "float32")
    >>> loss = kmg.losses.CrossEntropyDice()
    >>> print(f"{float(loss(labels, probabilities)):.4f}")
    0.6132
    """

    def __init__(self, class_weights=None, dice_weight=1.0, focal_gamma=0.0, **kwargs):
        super().__init__(**{"name": "cross_entropy_dice", **kwargs})
        checks.optional(checks.lists, class_weights=class_weights)
        checks.numbers(dice_weight=dice_weight, focal_gamma=focal_gamma)
        for name, value in (("dice_weight", dice_weight), ("focal_gamma", focal_gamma)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value}; expected a number of at least 0.")
        self.class_weights = class_weights and [float(weight) for weight in class_weights]
        self.dice_weight, self.focal_gamma = float(dice_weight), float(focal_gamma)

    def call(self, y_true, y_pred):
        classes = y_pred.shape[-1]
        if len(y_true.shape) != len(y_pred.shape) - 1:
            raise ValueError(
                f"{self.name} got labels of shape {tuple(y_true.shape)} and probabilities of "
                f"shape {tuple(y_pred.shape)}; expected (batch, height, width) and (batch, height, "
                "width, classes)."
            )
        if self.class_weights and len(self.class_weights) != classes:
            raise ValueError(
                f"class_weights has {len(self.class_weights)} entries; expected {classes}, one a "
                "class."
            )
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        probabilities = ops.reshape(ops.cast(y_pred, "float32"), (-1, classes))
        truth = ops.one_hot(labels, classes, dtype="float32")  # of negative ones all zeros
        counted = ops.cast(labels >= 0, "float32")
        of_truth = ops.sum(truth * probabilities, axis=-1)
        weights = counted
        if self.class_weights:
            weights *= ops.take(ops.array(self.class_weights, "float32"), ops.maximum(labels, 0))
        entropy = -ops.log(ops.maximum(of_truth, SMALLEST))
        if self.focal_gamma:
            entropy = entropy * (1.0 - of_truth) ** self.focal_gamma
        loss = ops.sum(weights * entropy) / ops.maximum(ops.sum(weights), SMALLEST)
        if not self.dice_weight:
            return loss
        # Sums over pixels as matrix products: these arrays are the largest of a training step.
        hits = ops.matmul(ops.transpose(truth), ops.stack([of_truth, counted], axis=-1))
        both, pixels = 2 * hits[:, 0], hits[:, 1]
        predicted = ops.matmul(ops.transpose(probabilities), counted[:, None])[:, 0]
        dice = both / ops.maximum(pixels + predicted, SMALLEST)
        present = ops.cast(pixels > 0, "float32")
        missed = ops.sum(present * (1 - dice)) / ops.maximum(ops.sum(present), 1.0)
        return loss + self.dice_weight * missed

    def get_config(self):
        return {
            **super().get_config(),
            "class_weights": self.class_weights,
            "dice_weight": self.dice_weight,
            "focal_gamma": self.focal_gamma,
        }
