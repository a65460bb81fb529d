"""Backbones of `keras.applications`: how each takes images, and where its weights come from."""

import pathlib

import keras
from keras import layers

from keras_multigrid import checks
from keras_multigrid.stored import read_model

SIDE = 224  # any other would do: they are made again for images of any size
IMAGENET = "imagenet"


def _to_one(image):
    return layers.Rescaling(1 / 127.5, offset=-1, name="preparation")(image)


def _standardized(image):
    variance = [deviation**2 for deviation in (58.395, 57.12, 57.375)]
    mean = [123.675, 116.28, 103.53]
    return layers.Normalization(mean=mean, variance=variance, name="preparation")(image)


def _centred_blue_first(image):
    mean = [123.68, 116.779, 103.939]
    return layers.Normalization(mean=mean, variance=[1.0] * 3, name="preparation")(image)[..., ::-1]


PREPARATIONS = {  # of images from 0 to 255; None: it is in the network
    **dict.fromkeys(("MobileNetV2", "NASNetMobile", "NASNetLarge"), _to_one),
    **dict.fromkeys(("ResNet50V2", "ResNet101V2", "ResNet152V2"), _to_one),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), _standardized),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"), _centred_blue_first),
    **dict.fromkeys(("MobileNetV3Small", "MobileNetV3Large"), None),
    **dict.fromkeys((f"EfficientNetB{number}" for number in range(8)), None),
    **dict.fromkeys((f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", *"SML")), None),
    **dict.fromkeys((f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large")), None),
}


def check_backbone(backbone):
    """Raises a `ValueError` if it is neither a name that is known nor a `.keras` file."""
    if not is_file(backbone) and backbone not in PREPARATIONS:
        raise ValueError(
            f"backbone is {backbone!r}; expected none, a .keras file, or one of "
            f"{', '.join(sorted(PREPARATIONS))}."
        )


def is_file(backbone):
    """Returns whether a backbone is a `.keras` file, which has its own weights."""
    return backbone.endswith(".keras")


def create_backbone(backbone, weights=None):
    """Returns a backbone, and the function that prepares images for it.

    Args:
        backbone: A name of `keras.applications`, or the path of a `.keras` file: a functional
            model of images of three channels that contains what prepares them.
        weights: `"imagenet"`, which Keras downloads once; the path of a file with weights of the
            network without its top; or None for random ones. A `.keras` file has its own.

    Returns:
        A `keras.Model`, and a function from images with values from 0 to 255 to what it takes;
        None where the model does that.

    Raises:
        ValueError: If there is no such backbone, or the weights cannot be loaded.

    Example:

    >>> from keras_multigrid.applications.backbones import create_backbone
    >>> model, prepare = create_backbone("MobileNetV3Small")
    >>> model.input_shape, prepare
    ((None, 224, 224, 3), None)
    """
    checks.texts(backbone=backbone)
    checks.optional(checks.texts, weights=weights)
    check_backbone(backbone)
    if is_file(backbone):
        if not pathlib.Path(backbone).exists():
            raise ValueError(f"backbone is {backbone}; there is no such file.")
        return read_model(backbone, "give another backbone"), None
    constructor = getattr(keras.applications, backbone)
    try:
        model = constructor(include_top=False, weights=weights, input_shape=(SIDE, SIDE, 3))
    except Exception as error:  # Keras raises bare ones where it cannot download
        what = str(error).partition("\n")[0]
        raise ValueError(f"The weights {weights} of {backbone} cannot be loaded: {what}") from error
    return model, PREPARATIONS[backbone]
