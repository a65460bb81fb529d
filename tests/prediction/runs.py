"""Finished runs whose answers are known: the class of a pixel is its brightest channel."""

import keras
import numpy as np
from PIL import Image

import keras_multigrid as kmg
from keras_multigrid.datasets.masks.labels import MaskLabels, SegmentationTask
from keras_multigrid.export.class_names import add_class_names
from keras_multigrid.export.segmentation_task import add_task

LABELS = MaskLabels(
    names=("red", "green", "blue"),
    values=(0, 7, 255),
    colours=(0xFF0000, 0x00FF00, 0x0000FF),
    ignored=(9,),
)


def brightest(channels=3):
    """Returns a network of 3 classes; of grey images, dark ones are of the first class."""
    image = keras.Input((None, None, channels))
    layer = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(image, layer(image), name="brightest")
    if channels == 3:
        layer.set_weights([np.eye(3)[None, None], np.zeros(3)])
    else:
        layer.set_weights([np.array([[[[-1.0, 0, 1]]]]), np.array([100.0, 0, -200])])
    return model


def write_run(folder, labels=LABELS, image_type="uint8", channels=3, model=None, **task):
    """Writes what `predict` reads of a finished run."""
    folder.mkdir(parents=True)
    (model or brightest(channels)).save(folder / "model.keras")
    task = SegmentationTask(labels=labels, channels=channels, image_type=image_type, **task)
    add_task(folder / "model.keras", task)
    return folder


def write_classifier(folder, names=("dark", "bright")):
    """Writes a run that tells dark photographs from bright ones."""
    image = keras.Input((None, None, 3))
    x = kmg.layers.ResizedCentre(8)(image)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    layer = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(image, layer(x), name="classifier")
    layer.set_weights([np.array([[-3.0, 3.0]] * 3), np.array([4.5, -4.5])])
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    add_class_names(folder / "model.keras", names)
    return folder


def pixels(*size, seed=0, dtype="uint8"):
    return np.random.default_rng(seed).integers(0, 200, size).astype(dtype)


def write_image(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path
