"""Which backbone a plan takes, and how wide its neck is."""

from keras_multigrid.applications.backbones import IMAGENET, create_backbone
from keras_multigrid.applications.segmenter import COUNTED_SIDE, filled_width
from keras_multigrid.complexity import profile

# Multiply-adds at 224 x 224, the largest first; without squeeze-and-excitation, which sees all.
PRETRAINED = {"ResNet50V2": 3.48e9, "MobileNetV2": 0.30e9}
SHARE = 0.8  # most of a budget that a backbone may take
NONE = "none"


def choose_backbone(limit, crop, channels):
    """Returns the name of the pretrained backbone for a budget, or `"none"`, and why.

    Args:
        limit: Multiply-adds of a crop.
        crop: Its height and width.
        channels: Of an image.
    """
    if channels not in (1, 3):
        return NONE, f"trains from scratch, as backbones take 1 or 3 channels, not {channels}"
    height, width = crop
    for name, macs in PRETRAINED.items():
        if macs * height * width / COUNTED_SIDE**2 > SHARE * limit:
            continue
        try:
            create_backbone(name, IMAGENET)
        except ValueError as error:
            return NONE, f"trains from scratch: {error}"
        return name, "what was trained on ImageNet is worth more than width"
    return NONE, "trains from scratch, as the budget is too small for one"


def neck_width(backbone, classes, limit, crop, channel_ratios):
    """Returns the `width_multiplier` of the neck that fills what a backbone leaves of a budget.

    Args:
        backbone: Name or file of the backbone.
        classes: Number of classes.
        limit: Multiply-adds of a crop, in all.
        crop: Its height and width.
        channel_ratios: Of the neck's grids.

    Raises:
        ValueError: If the backbone leaves nothing.
    """
    model, _ = create_backbone(backbone)
    taken = profile(model, (*crop, 3)).macs
    if taken >= limit:
        raise ValueError(
            f"budget is {limit / 1e6:,.0f} M multiply-adds of a crop, and {backbone} takes "
            f"{taken / 1e6:,.0f} M of them; raise it, or name another backbone."
        )
    height, width = crop
    budget = (limit - taken) * COUNTED_SIDE**2 / (height * width)
    return filled_width(model, classes, budget, channel_ratios)
