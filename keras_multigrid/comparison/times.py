"""How long the networks of a comparison take, in turns: noise of the machine meets all alike."""

import statistics
import time

import keras
import numpy as np

from keras_multigrid.comparison.results import finished_networks, finished_run
from keras_multigrid.export.versions import version_folders
from keras_multigrid.progress import say
from keras_multigrid.runs import export_run
from keras_multigrid.runs.run_folder import load_run, read_recipe, versions
from keras_multigrid.stored import read_json
from keras_multigrid.whole_files import write_json

TIMES, EXPORTED = "times.json", "exported"
WARM_UP = 2
KINDS = {"versions": dict, "networks": dict[str, dict[str, float]]}
REMEDY = "remove it, and the same command measures again"


def measure_times(output, turns):
    """Times a training step of each network, and an image in its exported SavedModel.

    Both are of random values in the size of a training crop. It is done anew where there are more
    networks, or other versions, than the last time.
    """
    folders, written = finished_networks(output), _read(output)
    is_known = written["networks"].keys() == folders.keys() and written["versions"] == versions()
    if not folders or is_known:
        return
    say(f"\nTiming {len(folders)} networks in turns.")
    calls = {}
    for label, folder in folders.items():
        calls[label, "step"] = _step(folder)
        latency = _exported(folder)
        if latency is not None:
            calls[label, "latency"] = latency
    times = {label: {} for label in folders}
    for (label, kind), (seconds, of_processor) in _medians(calls, turns).items():
        times[label] |= {f"{kind}_seconds": seconds, f"{kind}_cpu_seconds": of_processor}
    write_json(output / TIMES, {"versions": versions(), "networks": times})


def read_times(output):
    """Returns what `measure_times` has written: a dictionary of seconds for each label."""
    return _read(output)["networks"]


def _read(output):
    path = output / TIMES
    return read_json(path, KINDS, REMEDY) if path.exists() else {"versions": {}, "networks": {}}


def _step(folder):
    """Returns a call that does one training step."""
    recipe, model = load_run(finished_run(folder))
    recipe.compile(model)
    images = _images(recipe, recipe.batch_size)
    labels = np.zeros(images.shape[:3], "int32")
    return lambda: model.train_on_batch(images, labels)


def _exported(folder):
    """Returns a call that predicts one image by the exported network; None without TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    run = finished_run(folder)
    recipe, exported = read_recipe(run), version_folders(folder / EXPORTED)
    version = exported[-1] if exported else export_run(run, folder / EXPORTED, size=recipe.crop)
    loaded = tf.saved_model.load(str(version))
    predict, images = loaded.signatures["serving_default"], tf.constant(_images(recipe, 1))
    return lambda: (loaded, predict(images=images))  # signatures do not keep it alive


def _images(recipe, count):
    generator = np.random.default_rng(0)
    return generator.uniform(0, 255, (count, *recipe.counted_shape())).astype("float32")


def _medians(calls, turns):
    """Returns the medians of each call's seconds, by the clock and of the processor."""
    for call in calls.values():
        for _ in range(WARM_UP):
            call()
    found = {key: [] for key in calls}
    keys = [*calls]
    for turn in range(turns):
        for key in keys[turn % len(keys) :] + keys[: turn % len(keys)]:
            start = time.perf_counter(), time.process_time()
            calls[key]()
            end = time.perf_counter(), time.process_time()
            found[key].append((end[0] - start[0], end[1] - start[1]))
    return {key: [*map(statistics.median, zip(*times))] for key, times in found.items()}
