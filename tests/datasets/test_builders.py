"""The TensorFlow Datasets builders: registered, the same for everyone, complete or made again."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import keras_multigrid as kmg
from keras_multigrid.datasets import Segmentation, SpatialTransformer, load_digits
from keras_multigrid.datasets import digits as digits_module
from keras_multigrid.datasets.builders import DrawnConfig

ROOT = pathlib.Path(__file__).parents[2]
SIZES = {"train": 9, "validation": 5, "test": 4}
PARTS = {"train": slice(0, 9), "validation": slice(9, 14), "test": slice(14, 18)}
DISTORTIONS = ("all", "rotation", "scaling", "affine", "translation")
CONFIGS = {
    "mnist_segmentation": ["mnist", "digits"],
    "mnist_spatial_transformer": [*DISTORTIONS, *(f"{name}_digits" for name in DISTORTIONS)],
    "located_mnist": ["plain", "noisy", "textured"]
    + ["plain_digits", "noisy_digits", "textured_digits"],
}
ONE_OF_EACH = ("mnist_segmentation/digits", "mnist_spatial_transformer/all_digits") + (
    "located_mnist/noisy_digits",
)
TRAINING = ("mnist_segmentation/digits", "located_mnist/noisy_digits")

tfds.disable_progress_bar()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture
def quick(monkeypatch):
    """Draws without XLA, which would compile for seconds."""
    draw_without_xla(monkeypatch)


def shrink(patch):
    """Makes the data sets small."""
    patch.setattr(Segmentation, "SAMPLES", SIZES)
    patch.setattr(SpatialTransformer, "SAMPLES", SIZES)
    patch.setattr(digits_module, "SCIKIT_LEARN_SPLITS", PARTS)
    patch.setattr("keras_multigrid.datasets.builders.CHUNK", max(SIZES.values()))


def draw_without_xla(patch):
    def draw_batches(*arguments, **options):
        return tf.data.Dataset.from_tensors(drawn_without_xla(*arguments, **options))

    patch.setattr("keras_multigrid.datasets.builders.draw_batches", draw_batches)


def drawn_without_xla(draw, samples, batch_size, seed):
    return draw(tf.range(samples), tf.constant([seed, 0], tf.int64))


def prepared(name, data_dir, **options):
    builder = tfds.builder(name, data_dir=data_dir, **options)
    builder.download_and_prepare()
    return builder


def records(folder):
    """Returns the contents of all files of records below a folder."""
    paths = pathlib.Path(folder).rglob("*.tfrecord*")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def examples(folder):
    """Returns the features in all files of records; their order is another in each process."""
    found = {}
    for path in pathlib.Path(folder).rglob("*.tfrecord*"):
        records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        features = [tf.train.Example.FromString(record).features.feature for record in records]
        found[str(path.relative_to(folder))] = [
            {name: feature.SerializeToString() for name, feature in each.items()}
            for each in features
        ]
    return found


def run_process(call, *arguments, **environment):
    """Runs `call` of this file in another process."""
    program = (
        f"import sys; from tests.datasets import test_builders; test_builders.{call}(*sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


# What there is.


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_have_their_names_and_say_what_they_are(name):
    configs = tfds.builder_cls(name).BUILDER_CONFIGS
    assert [config.name for config in configs] == CONFIGS[name]
    assert len({config.description for config in configs}) == len(configs)
    for config in configs:
        assert config.source == ("digits" if "digits" in config.name else "mnist")
        assert config.name.startswith(config.variant)


@pytest.mark.parametrize(
    "name, target, shape, dtype",
    [
        ("mnist_segmentation/digits", "masks", (64, 64, 10), np.bool_),
        ("mnist_spatial_transformer/scaling_digits", "mask", (64, 64, 1), np.bool_),
        ("located_mnist/textured_digits", "label", (), np.int64),
    ],
)
def test_information(name, target, shape, dtype, tmp_path):
    info = tfds.builder(name, data_dir=tmp_path).info
    assert info.supervised_keys == ("image", target)
    side = 56 if target == "label" else 64
    assert info.features["image"].shape == (side, side, 1)
    assert info.features["image"].np_dtype == np.uint8
    assert info.features[target].shape == shape
    assert info.features[target].np_dtype == dtype
    year = "2020" if target == "label" else "2017"
    assert info.citation.startswith("@") and year in info.citation
    assert "disjoint handwritten digits" in info.description
    assert ("55,000" if target == "label" else "50,000") in info.description


def test_a_label_is_one_of_ten(tmp_path):
    builder = tfds.builder("located_mnist/plain_digits", data_dir=tmp_path)
    assert builder.info.features["label"].num_classes == 10


# What is prepared.


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "located_mnist/plain"])
def test_builders_write_what_is_drawn_from_the_digits_of_each_split(name, tmp_path, monkeypatch):
    asked, drawn = [], []

    def load(split, **options):
        asked.append((split, *options.values()))
        return load_digits("test", source="digits")

    def draw_batches(*arguments, **options):
        drawn.append(drawn_without_xla(*arguments, **options))
        return tf.data.Dataset.from_tensors(drawn[-1])

    monkeypatch.setattr("keras_multigrid.datasets.builders.load_digits", load)
    monkeypatch.setattr("keras_multigrid.datasets.builders.draw_batches", draw_batches)
    loaded = tfds.load(name, data_dir=tmp_path, as_supervised=True, batch_size=-1)
    source = "digits" if "digits" in name else "mnist"
    training = 55_000 if "located" in name else 50_000
    assert asked == [(split, source, str(tmp_path), training) for split in SIZES]
    assert set(loaded) == set(SIZES)
    for split, (expected_images, expected_targets) in zip(SIZES, drawn):
        images, targets = loaded[split]
        assert len(images) == (4 if "located" in name else SIZES[split])
        np.testing.assert_array_equal(images, np.round(255 * expected_images))
        np.testing.assert_array_equal(targets, expected_targets)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Returns a folder with the training samples of two configurations, of this process."""
    data_dir = tmp_path_factory.mktemp("here")
    prepare_training(data_dir)
    return data_dir


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """Returns a folder with the same of a process with more threads, which then dies."""
    data_dir = tmp_path_factory.mktemp("there")
    done = run_process("prepare_and_die", data_dir, TF_NUM_INTRAOP_THREADS="4", OMP_NUM_THREADS="4")
    assert done.returncode == -signal.SIGKILL, done.stderr
    return data_dir


def prepare_training(data_dir, jit_compile=False):
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        patch.setattr("keras_multigrid.datasets.builders.SPLITS", ("train",))
        patch.setattr(Segmentation, "jit_compile", jit_compile, raising=False)
        for name in TRAINING:
            prepared(name, data_dir)


def prepare_with_xla(data_dir):
    prepare_training(data_dir, jit_compile=True)


def test_another_process_with_more_threads_writes_the_same_samples(here, there):
    expected = examples(here)
    assert [len(samples) for samples in expected.values()] == [SIZES["train"]] * len(TRAINING)
    assert examples(there / "training") == expected


@pytest.mark.slow
def test_another_process_draws_the_same_by_xla(tmp_path):
    prepare_with_xla(tmp_path / "here")
    threads = {"TF_NUM_INTRAOP_THREADS": "4", "OMP_NUM_THREADS": "4"}
    done = run_process("prepare_with_xla", tmp_path / "there", **threads)
    assert done.returncode == 0, done.stderr
    assert examples(tmp_path / "there") == examples(tmp_path / "here")


def test_drawing_again_in_the_same_process_writes_the_same_bytes(here, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_multigrid.datasets.builders.SPLITS", ("train",))
        tf.random.set_seed(5)
        prepared("located_mnist/noisy_digits", tmp_path)
    again = records(tmp_path)
    assert again == {name: records(here)[name] for name in again}


def test_another_seed_writes_other_bytes_in_every_split(quick, tmp_path):
    configs = [
        DrawnConfig(name=f"seed_{seed}", source="digits", variant="plain", seed=seed)
        for seed in (0, 1, 0)
    ]
    folders = [tmp_path / part for part in "abc"]
    first, other, again = (
        list(records(prepared("located_mnist", folder, config=config).data_path).values())
        for folder, config in zip(folders, configs)
    )
    assert first == again
    assert not set(first) & set(other)
    assert len(first) == 3


def test_no_seed_shares_a_stream_with_another_seed_or_split(tmp_path, monkeypatch):
    seeds = []

    def draw_batches(*arguments, seed):
        seeds.append(seed)
        return tf.data.Dataset.from_tensors(drawn_without_xla(*arguments, seed))

    monkeypatch.setattr("keras_multigrid.datasets.builders.draw_batches", draw_batches)
    for seed in range(4):
        config = DrawnConfig(name=f"seed_{seed}", source="digits", variant="plain", seed=seed)
        prepared("located_mnist", tmp_path, config=config)
    assert len(set(seeds)) == len(seeds) == 12


# The digits they draw from.


def test_splits_share_no_digit_and_cover_all(monkeypatch):
    monkeypatch.undo()  # the small sizes
    taken = [
        index for part in digits_module.SCIKIT_LEARN_SPLITS.values() for index in range(1797)[part]
    ]
    assert sorted(taken) == list(range(1797))


@pytest.mark.parametrize("split", SIZES)
def test_digits_are_images_of_all_classes(split, monkeypatch):
    monkeypatch.undo()  # the small sizes
    images, labels = load_digits(split, source="digits")
    assert images.shape == (len(labels), 28, 28)
    assert images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(labels) == set(range(10))


@pytest.mark.parametrize(
    "split, part", [("train", "train[:7]"), ("validation", "train[7:]"), ("test", "test")]
)
def test_mnist_is_split_by_the_number_of_training_digits(split, part, monkeypatch):
    def load(name, split, **options):
        assert (name, split) == ("mnist", part)
        return tf.fill([2, 28, 28, 1], tf.constant(51, tf.uint8)), tf.constant([3, 4])

    monkeypatch.setattr(tfds, "load", load)
    images, labels = load_digits(split, training_digits=7)
    np.testing.assert_allclose(images, np.full((2, 28, 28), 0.2), atol=1e-7)
    assert labels.tolist() == [3, 4]


def test_missing_mnist_is_one_line_that_names_the_way_out(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    # TensorFlow Datasets itself tries for minutes before it gives up.
    monkeypatch.setattr(tfds, "load", refuse)
    for attempt in (
        lambda: load_digits("test", source="mnist", data_dir=str(tmp_path)),
        lambda: kmg.datasets.load("mnist_segmentation", "test", 4, data_dir=str(tmp_path)),
        lambda: kmg.datasets.load("located_mnist", "test", 4, data_dir=str(tmp_path)),
    ):
        with pytest.raises(OSError, match=r"^MNIST is neither in .* source='digits'\.$") as raised:
            attempt()
        assert "\n" not in str(raised.value)
        assert f"data_dir={str(tmp_path)!r}" in str(raised.value)
    assert not list(tmp_path.rglob("*.tfrecord*"))


@pytest.mark.parametrize(
    "split, source, message",
    [
        ("dev", "mnist", "no split 'dev'; expected one of train, validation, test"),
        ("test", "svhn", "no source 'svhn'; expected one of mnist, digits"),
    ],
)
def test_unknown_digits_are_an_error(split, source, message):
    with pytest.raises(ValueError, match=message):
        load_digits(split, source=source)


# What is half there.


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Returns a folder with a complete data set."""
    data_dir = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        draw_without_xla(patch)
        prepared("located_mnist/plain_digits", data_dir)
    return data_dir


def remove_information(folder):
    (folder / "dataset_info.json").unlink()


def truncate_records(folder):
    path = next(folder.glob("*-validation.tfrecord*"))
    os.truncate(path, path.stat().st_size - 1)


def remove_records(folder):
    next(folder.glob("*-test.tfrecord*")).unlink()


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "damage", [remove_information, truncate_records, remove_records, remove_all]
)
def test_what_is_not_complete_is_said_and_made_again(damage, undisturbed, quick, tmp_path, capsys):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "located_mnist/plain_digits/1.0.0"
    damage(folder)
    assert records(tmp_path) != records(undisturbed) or damage is remove_information
    loaded = tfds.load("located_mnist/plain_digits", data_dir=tmp_path)
    assert f"{folder} is not complete; it is made again." in capsys.readouterr().err
    assert records(tmp_path) == records(undisturbed)
    assert {split: len(list(dataset)) for split, dataset in loaded.items()} == SIZES


def test_what_is_complete_is_left_as_it_is(undisturbed, quick, tmp_path, capsys):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)

    def stamps():
        paths = (tmp_path / "located_mnist/plain_digits/1.0.0").iterdir()
        return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}

    before = stamps()
    assert len(before) == 6
    tfds.load("located_mnist/plain_digits", data_dir=tmp_path)
    prepared("located_mnist/plain_digits", tmp_path)
    assert stamps() == before
    assert "not complete" not in capsys.readouterr().err


def prepare_and_die(data_dir):
    """Prepares all, then a set of which one split and a part of another is written when it dies."""
    prepare_training(pathlib.Path(data_dir, "training"))
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        draw_without_xla(patch)
        builder = tfds.builder("located_mnist/plain_digits", data_dir=data_dir)
        generate = builder._generate_examples

        def generate_some(split):
            for index, example in generate(split):
                if split == "validation" and index == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield index, example

        patch.setattr(builder, "_generate_examples", generate_some)
        builder.download_and_prepare()


def test_a_killed_preparation_leaves_nothing_in_the_way(undisturbed, there, quick):
    assert list((there / "located_mnist/plain_digits").glob("incomplete*"))
    loaded = tfds.load("located_mnist/plain_digits", data_dir=there)
    assert {split: len(list(dataset)) for split, dataset in loaded.items()} == SIZES
    folder = "located_mnist/plain_digits/1.0.0"
    assert records(there / folder) == records(undisturbed / folder)
