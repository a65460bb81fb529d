"""Two virtual devices of TensorFlow, against one: python -m tests.training.virtual_devices OUT."""

import pathlib
import sys

import keras
import numpy as np

from keras_multigrid.recipes import MnistSegmentation
from keras_multigrid.runs import run
from keras_multigrid.training.distribution import average_replicas
from tests.cheaper import drawing_once, leave_graphs_as_traced, painting_nothing
from tests.training.distributed import data, train


def replicas(model):
    """Returns the moving statistics on each replica."""
    layer = next(layer for layer in model.layers if "normalization" in layer.name)
    values = [variable.value.values for variable in (layer.moving_mean, layer.moving_variance)]
    return np.array([[value.numpy() for value in replica] for replica in zip(*values)])


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    leave_graphs_as_traced()
    _, two = train(2, normalizes=False)  # first: the devices must be asked for before
    _, one = train(1, normalizes=False)
    model, _ = train(2, normalizes=True)
    before = replicas(model)
    average_replicas(model)
    after = replicas(model)
    model.save(folder / "model.keras")
    images = data()[0]
    loaded = keras.models.load_model(folder / "model.keras")
    smallest = {"model": "SG-11", "width_multiplier": 0.05, "repeats": 1, "epochs": 1}
    smallest |= {"validation": False, "devices": 2}
    recipe = MnistSegmentation(**{**MnistSegmentation.SCALES["smoke"], **smallest})
    with drawing_once(), painting_nothing():
        results = run(recipe, folder / "run")
    np.savez(
        folder / "results.npz",
        one=one,
        two=two,
        before=before,
        after=after,
        trained=model.predict(images, verbose=0),
        loaded=loaded.predict(images, verbose=0),
        loss=results["results"]["loss"],
    )
