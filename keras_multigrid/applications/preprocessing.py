"""What stands before and after the networks, as in Keras Applications."""

import keras
import numpy as np
from keras.backend import is_float_dtype

from keras_multigrid import checks
from keras_multigrid.layers.pyramid_layer import resolve_data_format

RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
DIGITS_MEAN, DIGITS_STD = 0.1141, 0.2746  # of the paper's synthetic digit images

CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
""".split()


def preprocess_input(images, data_format=None):
    """Prepares images for the ImageNet networks (paper, section 4.4).

    Args:
        images: RGB images with values from 0 to 255, batched or not: an array or a tensor of any
            number type, also within `tf.data`.
        data_format: `"channels_last"` or `"channels_first"`; `None` is Keras' global setting.

    Returns:
        The images scaled to [0, 1], minus the mean (0.485, 0.456, 0.406), over the standard
        deviation (0.229, 0.224, 0.225).

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> images = kmg.applications.preprocess_input(np.full((1, 224, 224, 3), 255.0))
    >>> [round(float(value), 2) for value in images[0, 0, 0]]
    [2.25, 2.43, 2.64]
    """
    checks.arrays(images=images)
    images = np.array(images) if isinstance(images, list) else images
    if isinstance(images, np.ndarray):
        images = images.astype("float32")  # a copy: Keras' function writes into floating input
        return keras.applications.imagenet_utils.preprocess_input(
            images, data_format=data_format, mode="torch"
        )
    first = resolve_data_format(data_format) == "channels_first"
    mean, std = (np.reshape(x, (3, 1, 1) if first else (1, 1, 3)) for x in (RGB_MEAN, RGB_STD))
    return rescaled(images, 1 / (255 * std), -mean / std)


def preprocess_digits(images):
    """Prepares images of digits with values in [0, 1] for the dense-prediction networks.

    Args:
        images: Array or tensor of any shape and number type, also within `tf.data`. Integers are
            taken for what they are: divide those from 0 to 255 by 255 first.

    Returns:
        The images minus the mean 0.1141, over the standard deviation 0.2746 of the paper's data.

    Example:

    >>> import keras_multigrid as kmg
    >>> round(kmg.applications.preprocess_digits(1.0), 4)
    3.2261
    """
    checks.arrays(images=images)
    images = np.array(images) if isinstance(images, list) else images
    dtype = getattr(images, "dtype", "float32")  # or else a number of Python
    if not isinstance(images, np.ndarray | np.generic) and not is_float_dtype(dtype):
        images = rescaled(images, 1.0, 0.0)
    return (images - DIGITS_MEAN) / DIGITS_STD


def rescaled(images, scale, offset):
    """Returns tensors times a scale plus an offset, in float32 unless they are of a floating type.

    Keras' layer works on every backend within `tf.data`, where Keras' operations do not.
    """
    dtype = keras.backend.standardize_dtype(images.dtype)
    dtype = dtype if is_float_dtype(dtype) else "float32"
    return keras.layers.Rescaling(scale, offset, dtype=dtype)(images)


def decode_predictions(predictions, top=5, class_names=None):
    """Names the most probable classes.

    Args:
        predictions: Array `(batch, classes)` of probabilities.
        top: How many classes to name per image.
        class_names: Names of the classes. By default those of CIFAR-100 for 100 classes, and of
            ImageNet for 1000, for which Keras downloads the list once.

    Returns:
        Per image a list of `top` tuples (class, description, probability), the best first.

    Raises:
        ValueError: If `predictions` is not 2D, or there are no names for so many classes.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> kmg.applications.decode_predictions(np.array([[0.1, 0.9]]), 1, ["cat", "dog"])
    [[('1', 'dog', 0.9)]]
    """
    checks.arrays(predictions=predictions)
    checks.positive_integers(top=top)
    checks.optional(checks.lists, class_names=class_names)
    predictions = np.asarray(predictions)
    if predictions.ndim != 2:
        raise ValueError(f"predictions has shape {predictions.shape}; expected (batch, classes).")
    classes = predictions.shape[1]
    if class_names is None and classes == 1000:
        return keras.applications.imagenet_utils.decode_predictions(predictions, top=top)
    if class_names is None and classes == len(CIFAR100_CLASSES):
        class_names = CIFAR100_CLASSES
    if class_names is None or len(class_names) != classes:
        names = "no class_names" if class_names is None else f"{len(class_names)} class_names"
        raise ValueError(f"predictions has {classes} classes with {names}; expected one name each.")
    order = np.argsort(-predictions, axis=1)[:, :top]
    return [
        [(str(index), class_names[index], float(row[index])) for index in best]
        for row, best in zip(predictions, order)
    ]
