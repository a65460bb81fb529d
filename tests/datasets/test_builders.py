"""The TensorFlow Datasets builders: found by name, the same for everyone, never half prepared."""

import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_multigrid.datasets import builders
from keras_multigrid.datasets.builders import DrawnConfig, LocatedMnist, MnistSegmentation

ROOT = pathlib.Path(__file__).parents[2]
LOCATED = "located_mnist/plain_digits"  # of the smallest set


def run(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def digests(folder):
    """Returns a digest for each split of the encoded images and the labels, in their order.

    Not of the files: the order of an example's features in its record is Protocol Buffers' whim.
    """
    builder = tfds.builder(LOCATED, data_dir=folder)
    undecoded = {"image": tfds.decode.SkipDecoding()}
    found = {}
    for split in builder.info.splits:
        digest = hashlib.sha256()
        for example in tfds.as_numpy(builder.as_dataset(split, decoders=undecoded)):
            digest.update(example["image"] + bytes(example["label"]))
        found[split] = digest.hexdigest()
    assert len(found) == 3
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    builder = tfds.builder(LOCATED, data_dir=folder)
    builder.download_and_prepare()
    return folder, builder


@pytest.mark.parametrize(
    "imports", ["keras_multigrid, tensorflow_datasets", "tensorflow_datasets, keras_multigrid"]
)
def test_builders_are_known_whichever_is_imported_first(imports):
    program = f"""
import {imports}
print(tensorflow_datasets.builder_cls("mnist_spatial_transformer").__name__)
"""
    assert "MnistSpatialTransformer" in run(program)


def test_configurations_are_variants_of_both_sources():
    names = {
        cls.name: set(cls.builder_configs)
        for cls in (MnistSegmentation, builders.MnistSpatialTransformer, LocatedMnist)
    }
    variants = ["all", "rotation", "scaling", "affine", "translation"]
    assert names == {
        "mnist_segmentation": {"mnist", "digits"},
        "mnist_spatial_transformer": {*variants, *(f"{variant}_digits" for variant in variants)},
        "located_mnist": {
            *("plain", "noisy", "textured"),
            *("plain_digits", "noisy_digits", "textured_digits"),
        },
    }


def test_info_says_what_is_in_it(prepared):
    _, builder = prepared
    info = builder.info
    assert info.supervised_keys == ("image", "label")
    assert "Top-Down Image Pyramid" in info.citation
    assert "disjoint" in info.description
    assert {name: split.num_examples for name, split in info.splits.items()} == {
        "train": 1297,
        "validation": 200,
        "test": 300,
    }


def test_same_seed_same_bytes_whatever_the_number_of_threads(prepared, tmp_path):
    folder, _ = prepared
    program = f"""
import keras_multigrid, tensorflow_datasets as tfds
tfds.builder("{LOCATED}", data_dir="{tmp_path}").download_and_prepare()
"""
    run(program, TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    assert digests(tmp_path) == digests(folder)


def test_another_seed_is_another_set(prepared, tmp_path):
    folder, builder = prepared
    config = DrawnConfig(name="seed_1", source="digits", variant="plain", seed=1)
    other = LocatedMnist(config=config, data_dir=tmp_path)
    other.download_and_prepare()
    first, second = (
        np.stack([image for image, _ in tfds.as_numpy(each.as_dataset("test", as_supervised=True))])
        for each in (builder, other)
    )
    assert np.any(first != second)


@pytest.mark.parametrize(
    "name", ["mnist_segmentation/digits", "mnist_spatial_transformer/rotation_digits"]
)
def test_masks_are_prepared_too(name, tmp_path, monkeypatch):
    for task in (builders.Segmentation, builders.SpatialTransformer):
        monkeypatch.setattr(task, "SAMPLES", {"train": 5, "validation": 3, "test": 2})
    dataset, info = tfds.load(
        name, split="train", data_dir=tmp_path, with_info=True, as_supervised=True
    )
    images, masks = zip(*tfds.as_numpy(dataset))
    assert info.splits["test"].num_examples == 2
    assert np.shape(images) == (5, 64, 64, 1) and images[0].dtype == np.uint8
    assert np.max(images) > 250
    classes = 10 if "segmentation" in name else 1
    assert np.shape(masks) == (5, 64, 64, classes) and masks[0].dtype == bool
    assert 0.001 < np.mean(masks) < 0.2


def damage_info(folder):
    next(folder.rglob("dataset_info.json")).unlink()


def damage_record(folder):
    path = next(folder.rglob("*train.tfrecord*"))
    path.write_bytes(path.read_bytes()[:-100])


def remove_record(folder):
    next(folder.rglob("*test.tfrecord*")).unlink()


@pytest.mark.parametrize("damage", [damage_info, damage_record, remove_record])
def test_what_is_not_complete_is_said_and_made_again(prepared, tmp_path, damage, capfd):
    folder, _ = prepared
    tfds.builder(LOCATED, data_dir=tmp_path).download_and_prepare()
    damage(tmp_path)
    capfd.readouterr()
    tfds.load(LOCATED, split="test", data_dir=tmp_path)
    assert "is not complete; it is made again." in capfd.readouterr().err
    assert digests(tmp_path) == digests(folder)


def test_what_is_complete_is_left_alone(prepared, capfd):
    folder, _ = prepared
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    tfds.load(LOCATED, split="test", data_dir=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "not complete" not in capfd.readouterr().err


def test_a_killed_process_leaves_nothing_that_passes_for_the_set(prepared, tmp_path):
    folder, _ = prepared
    program = f"""
import keras_multigrid, tensorflow_datasets as tfds
tfds.builder("{LOCATED}", data_dir="{tmp_path}").download_and_prepare()
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list(tmp_path.rglob("*incomplete*")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.rglob("*incomplete*"))
    tfds.load(LOCATED, split="test", data_dir=tmp_path)
    assert digests(tmp_path) == digests(folder)


def test_missing_mnist_names_the_way_out(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    builder = tfds.builder("located_mnist/plain", data_dir=tmp_path)
    monkeypatch.setattr(tfds, "load", refuse)
    with pytest.raises(OSError, match=r"neither in data_dir=.*take source='digits'\.$"):
        builder.download_and_prepare()
