"""Networks for segmentation on a backbone."""

from keras import layers

from keras_multigrid.applications import segmenter
from keras_multigrid.applications.backbones import check_backbone, create_backbone, is_file
from keras_multigrid.applications.segmenter import STRIDES
from keras_multigrid.progress import say

NONE = "none"  # of both fields
LARGEST = 255.0  # value that backbones take


def has_backbone(recipe):
    """Returns whether a recipe's network has a backbone."""
    return recipe.backbone not in (None, NONE)


def check_backbone_fields(recipe):
    """Raises a `ValueError` if a recipe's fields for a backbone do not fit."""
    if not has_backbone(recipe):
        if recipe.backbone_weights not in (None, NONE):
            raise ValueError(
                f"backbone_weights is {recipe.backbone_weights}, and there is no backbone; name "
                "one, such as --set backbone=MobileNetV2."
            )
        return
    check_backbone(recipe.backbone)
    if is_file(recipe.backbone) and recipe.backbone_weights not in (None, NONE):
        raise ValueError(
            f"backbone is the file {recipe.backbone}, which has its own weights; leave "
            "backbone_weights out."
        )
    if recipe.channels not in (None, 1, 3):
        raise ValueError(
            f"Images have {recipe.channels} channels; backbones take 1 or 3. Set backbone=none."
        )
    for name, own in (("stem_strides", STRIDES[0]), ("model", "PMG-11"), ("repeats", None)):
        if getattr(recipe, name) not in (own, None):
            raise ValueError(
                f"{name} is {getattr(recipe, name)}, and backbone is {recipe.backbone}; leave "
                "one of them out."
            )


def backbone_weights(recipe):
    """Returns what the backbone starts from: a name, or a file; None is from scratch."""
    if not has_backbone(recipe):
        return None
    if is_file(recipe.backbone):
        return recipe.backbone
    return None if recipe.backbone_weights == NONE else recipe.backbone_weights


def backbone_network(recipe):
    """Returns the network of a recipe, its backbone without weights unless it is a file."""
    backbone, prepare = create_backbone(recipe.backbone)

    def preparation(image):
        if recipe.image_type != "uint8":
            low, high = recipe.value_range
            scale = LARGEST / (high - low)
            image = layers.Rescaling(scale, offset=-low * scale, name="eight_bits")(image)
        return image if prepare is None else prepare(image)

    return segmenter(
        backbone,
        recipe.classes(),
        width_multiplier=recipe.width_multiplier,
        preprocessing=preparation,
        image_channels=recipe.channels,
        channel_ratios=recipe.channel_ratios,
        name=recipe.network_name(),
    )


def load_backbone(recipe, model):
    """Loads the weights of a recipe's backbone; returns its variables, or None if it has none."""
    weights = backbone_weights(recipe)
    if weights is None:
        return None
    part = model.get_layer("backbone")
    if not is_file(recipe.backbone):
        trained, _ = create_backbone(recipe.backbone, weights)
        layers_by_name = {layer.name: layer for layer in trained.layers}
        for layer in part.layers:
            layer.set_weights(layers_by_name[layer.name].get_weights())
    say(f"The backbone starts with the weights of {weights}")
    return part.trainable_variables
