"""A fresh process that loads what `test_conformance.py` saved: `python load_saved.py FOLDER`.

Next to each model, NAME.keras or the folder NAME.export, lies NAME.npz with its inputs. The outputs
go to NAME.outputs.npz. A `.keras` file needs our package; a SavedModel needs TensorFlow alone.
"""

import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
models = {}
if any(folder.glob("*.keras")):
    import keras

    import keras_multigrid  # noqa: F401, registers the layers

    for path in sorted(folder.glob("*.keras")):
        model = keras.models.load_model(path)
        models[path.stem] = lambda *inputs, model=model: model(
            list(inputs) if len(inputs) > 1 else inputs[0], training=False
        )
if any(folder.glob("*.export")):
    import tensorflow as tf

    for path in sorted(folder.glob("*.export")):
        # The function alone would let go of its variables.
        loaded = tf.saved_model.load(str(path))
        models[path.stem] = lambda *inputs, loaded=loaded: loaded.serve(*inputs)

for name, model in models.items():
    with np.load(folder / f"{name}.npz") as arrays:
        inputs = list(arrays.values())
    outputs = model(*inputs)
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    np.savez(folder / f"{name}.outputs.npz", *[np.asarray(output) for output in outputs])
