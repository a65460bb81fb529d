"""A small network, saved in all kinds of files."""

import numpy as np

import keras_multigrid as kmg
from keras_multigrid.applications.fitting import HEAD
from keras_multigrid.applications.weight_files import variables_by_name, write_weights

SUFFIXES = (".weights.h5", ".keras", ".npz")


def save(model, path):
    """Saves as a user would, and ours as the tool does."""
    if path.suffix == ".npz":
        variables = variables_by_name(model).items()
        write_weights(path, {name: variable.numpy() for name, variable in variables})
    elif path.suffix == ".keras":
        model.save(path)
    else:
        model.save_weights(path)


def segmenter(constructor=kmg.applications.PMGSEG, **options):
    size = {"width_multiplier": 0.1, "channel_ratios": (1, 0.5), "repeats": 1}
    return constructor(**{"input_shape": (12, 10, 1), "classes": 4, **size, **options})


def values(model, head=None):
    """Returns the weights by name; of the head alone, of all else, or of all."""
    return {
        name: variable.numpy()
        for name, variable in variables_by_name(model).items()
        if head is None or head == (name.partition("/")[0] in HEAD)
    }


def assert_equal(one, other):
    assert one.keys() == other.keys() and one
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], name)
