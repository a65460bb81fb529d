"""A trained network and what its answers mean, read from its file alone."""

import dataclasses
import hashlib
import pathlib

import keras

from keras_multigrid.datasets.masks.labels import SegmentationTask
from keras_multigrid.export.class_names import MODEL, read_class_names
from keras_multigrid.export.segmentation_task import read_task
from keras_multigrid.layers import ResizedCentre
from keras_multigrid.stored import read_model

REMEDY = "restore it from a copy, or train anew"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        path: Path of its file.
        model: The network, from images to probabilities.
        task: The `SegmentationTask`; None of a classification.
        class_names: The classes, in the order of the outputs.
        digest: Hash of the file.
    """

    path: pathlib.Path
    model: keras.Model
    task: SegmentationTask | None
    class_names: tuple[str, ...]
    digest: str


def read_trained(path):
    """Returns the `Trained` network of a run's folder, or of a `.keras` file.

    Raises:
        ValueError: If there is none, it is damaged, or it does not say what its outputs mean.
        OSError: If it cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        if not (path / MODEL).exists():
            raise ValueError(
                f"{path} has no {MODEL}; expected the folder of a finished run (`keras-multigrid "
                "train` continues one), or a .keras file."
            )
        path = path / MODEL
    task, names = read_task(path), read_class_names(path)
    if task is None and names is None:
        raise ValueError(
            f"{path} does not say what its outputs mean; expected a network that `keras-multigrid "
            "train segmentation` or `train classification` wrote."
        )
    model = _with_one_output(read_model(path, REMEDY))
    names = names if task is None else task.labels.names
    (_check_classifier if task is None else _check_segmentation)(path, model, task)
    if model.output_shape[-1] != len(names):
        raise ValueError(
            f"{path} has {model.output_shape[-1]} outputs and names {len(names)} classes; {REMEDY}."
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Trained(path, model, task, tuple(names), digest)


def _with_one_output(model):
    """Returns the network to the probabilities alone, of those that an export has beside others."""
    if not isinstance(model.output, dict):
        return model
    output = model.output.get("masks", model.output.get("probabilities"))
    return keras.Model(model.inputs[0], output, name=model.name)


def _check_segmentation(path, model, task):
    if model.input_shape[-1] != task.channels:
        raise ValueError(
            f"{path} takes {model.input_shape[-1]} channels and says that images have "
            f"{task.channels}; {REMEDY}."
        )


def _check_classifier(path, model, task):
    resizes = any(isinstance(layer, ResizedCentre) for layer in model.layers)
    if len(model.output_shape) != 2 or model.input_shape[1:3] != (None, None) or not resizes:
        raise ValueError(
            f"{path} takes images of {model.input_shape[1:]} that were prepared for it; expected a "
            "network that takes image files as they are: `keras-multigrid export RUN --format "
            "keras` writes one, whose folder `predict` takes."
        )
