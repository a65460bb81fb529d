"""How far each network of a comparison sees."""

import math

import keras

from keras_multigrid.comparison.results import finished_run
from keras_multigrid.complexity import receptive_field
from keras_multigrid.runs.run_folder import load_run
from keras_multigrid.stored import read_json
from keras_multigrid.whole_files import write_json

FIELDS = "receptive_field.json"
IMAGES = 8  # for the effective field
KINDS = {"theoretical": float | None, "effective": float}
REMEDY = "remove it, and the same command measures again"


def measure_fields(folder):
    """Measures the receptive field of a network's first training, once; writes it beside it."""
    path = folder / FIELDS
    if path.exists():
        return
    recipe, model = load_run(finished_run(folder))
    images, _ = recipe.sent_images(recipe.VALIDATION_SPLIT, IMAGES)
    # Where probabilities are 0 or 1, their gradients vanish; those of logits do not.
    logits = keras.Model(model.input, model.get_layer("probabilities").input)
    sides = receptive_field(logits, images)
    theoretical = None if math.isinf(sides.theoretical) else sides.theoretical
    write_json(path, {"theoretical": theoretical, "effective": round(sides.effective, 1)})


def read_fields(folder):
    """Returns what `measure_fields` has written, or an empty dictionary."""
    path = folder / FIELDS
    return read_json(path, KINDS, REMEDY) if path.exists() else {}
