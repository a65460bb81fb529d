"""What lies in one folder: several configurations, versions and formats, and overwriting."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import keras_multigrid as kmg
from keras_multigrid.datasets.builders import DrawnConfig
from tests.datasets.test_builders import (
    CONFIGS,
    ONE_OF_EACH,
    SIZES,
    draw_without_xla,
    prepared,
    records,
    shrink,
)


@pytest.fixture(autouse=True, scope="module")
def small_and_quick():
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        draw_without_xla(patch)
        yield


def config_of(seed=0, name="mine", source="digits", variant="plain", **options):
    return DrawnConfig(name=name, source=source, variant=variant, seed=seed, **options)


def images_of(builder):
    return next(iter(builder.as_dataset(split="test", batch_size=-1).values())).numpy()


def overwriting(mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS):
    return tfds.download.DownloadConfig(download_mode=mode)


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_two_configurations_of_one_name_are_told_apart(tmp_path):
    """Another seed, source or variant under the same name must not read what is there."""
    prepared("located_mnist", tmp_path, config=config_of(0))
    before = stamps(tmp_path)
    for other in (config_of(1), config_of(0, variant="noisy"), config_of(0, source="mnist")):
        builder = tfds.builder("located_mnist", data_dir=tmp_path, config=other)
        for attempt in (
            builder.download_and_prepare,
            lambda builder=builder: builder.as_dataset(split="test"),
            lambda builder=builder: builder.as_data_source(split="test"),
        ):
            with pytest.raises(ValueError, match=r"was drawn with .*; expected .*another name"):
                attempt()
    assert stamps(tmp_path) == before
    assert len(images_of(prepared("located_mnist", tmp_path, config=config_of(0)))) == 4


@pytest.mark.parametrize(
    "mode", [mode for mode in tfds.GenerateMode if mode.overwrite_dataset], ids=str
)
def test_overwriting_gives_what_is_asked_for(mode, tmp_path):
    prepared("located_mnist", tmp_path / "a", config=config_of(0))
    expected = images_of(prepared("located_mnist", tmp_path / "b", config=config_of(1)))
    builder = tfds.builder("located_mnist", data_dir=tmp_path / "a", config=config_of(1))
    builder.download_and_prepare(download_config=overwriting(mode))
    np.testing.assert_array_equal(images_of(builder), expected)
    again = prepared("located_mnist", tmp_path / "a", config=config_of(1))
    np.testing.assert_array_equal(images_of(again), expected)
    with pytest.raises(ValueError, match="was drawn with"):
        prepared("located_mnist", tmp_path / "a", config=config_of(0))


def test_two_configurations_and_two_versions_lie_side_by_side(tmp_path):
    found = []
    for options in (
        {"config": "plain_digits"},
        {"config": "noisy_digits"},
        {"config": config_of(5, version="1.0.0")},
        {"config": config_of(6, version="2.0.0")},
    ):
        builder = prepared("located_mnist", tmp_path, **options)
        found.append((builder, images_of(builder)))
    for builder, images in found:
        again = tfds.builder("located_mnist", data_dir=tmp_path, config=builder.builder_config)
        assert again.is_prepared() and again.data_path == builder.data_path
        np.testing.assert_array_equal(images_of(again), images)
    assert len({images.tobytes() for _, images in found}) == len(found)
    by_version = prepared("located_mnist", tmp_path, config=config_of(5, version="1.0.0"))
    assert by_version.info.full_name == "located_mnist/mine/1.0.0"
    both = tfds.builder_from_directories([builder.data_path for builder, _ in found[:2]])
    assert len(both.as_dataset(split="test")) == 8


def test_what_was_prepared_before_settings_were_noted_is_read(tmp_path):
    builder = prepared("located_mnist/plain_digits", tmp_path)
    images = images_of(builder)
    (builder.data_path / "metadata.json").unlink()
    before = stamps(tmp_path)
    again = prepared("located_mnist/plain_digits", tmp_path)
    np.testing.assert_array_equal(images_of(again), images)
    assert stamps(tmp_path) == before


@pytest.mark.parametrize(
    "file_format", ["array_record", pytest.param("parquet", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_other_formats_are_prepared_once(name, file_format, tmp_path, capsys):
    builder = prepared(name, tmp_path, file_format=file_format)
    before = stamps(tmp_path)
    again = prepared(name, tmp_path, file_format=file_format)
    assert again.is_prepared() and stamps(tmp_path) == before
    assert "not complete" not in capsys.readouterr().err
    samples = [sample["image"] for sample in again.as_data_source(split="test")]
    expected = images_of(prepared(name, tmp_path / "records"))
    np.testing.assert_array_equal(samples, expected)
    next(builder.data_path.glob("*-test*")).unlink()
    assert not builder.is_prepared()


@pytest.mark.parametrize("file_format", ["array_record", "parquet"])
def test_load_reads_other_formats(file_format, tmp_path):
    loaded = []
    for folder, options in ((tmp_path / "a", {}), (tmp_path / "b", {"file_format": file_format})):
        prepared("mnist_segmentation/digits", folder, **options)
        data = kmg.datasets.load(
            "mnist_segmentation", "test", 3, source="digits", data_dir=str(folder)
        )
        loaded.append([tensor.numpy() for batch in data for tensor in batch])
    for expected, found in zip(*loaded, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name, config, message",
    [
        ("located_mnist", config_of(source="svhn"), "source 'svhn'; expected 'mnist' or 'digits'"),
        ("located_mnist", config_of(variant=""), "variant ''; expected 'plain' or 'noisy' or"),
        ("mnist_segmentation", config_of(variant="plain"), "variant 'plain'; expected ''"),
        ("mnist_spatial_transformer", config_of(variant=[]), r"variant \[\]; expected 'all' or"),
        ("located_mnist", config_of(seed="3"), "seed is '3'; expected an integer from 0 on"),
        ("located_mnist", config_of(seed=-1), "seed is -1; expected an integer from 0 on"),
        ("located_mnist", tfds.core.BuilderConfig(name="q"), "expected a name or a DrawnConfig"),
    ],
)
def test_wrong_configurations_are_refused_before_any_work(name, config, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tfds.builder(name, data_dir=tmp_path, config=config)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_librarys_test_case_reads(name, tmp_path):
    """Its `DatasetBuilderTestCase` needs packages of its own; this reads the same attributes."""
    builder_class = tfds.builder_cls(name)
    assert name in tfds.list_builders(with_community_datasets=False)
    assert builder_class.code_path.is_file() and builder_class.name == name
    assert builder_class.url_infos is None and not builder_class.MANUAL_DOWNLOAD_INSTRUCTIONS
    names = {config.name for config in builder_class.BUILDER_CONFIGS}
    for config in [*names, config_of(variant=builder_class.BUILDER_CONFIGS[0].variant)]:
        builder = builder_class(data_dir=tmp_path, config=config, version=None)
        assert isinstance(builder, tfds.core.DatasetBuilder)
        assert builder.info.name == name and builder.get_metadata().tags == []
        assert builder.builder_config.description != builder.info.description
        assert list(builder.builder_configs) == CONFIGS[name]
        for other in (pickle.loads(pickle.dumps(builder)), copy.deepcopy(builder)):
            assert other.builder_config == builder.builder_config
            assert other.data_path == builder.data_path
    assert builder_class.DEFAULT_BUILDER_CONFIG_NAME in {None, *names}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_samples_have_the_specification_that_the_information_promises(name, tmp_path):
    builder = prepared(name, tmp_path)
    for split, number in SIZES.items():
        data = builder.as_dataset(split=split)
        assert data.element_spec == {
            key: tf.TensorSpec(feature.shape, feature.tf_dtype)
            for key, feature in builder.info.features.items()
        }
        assert len(list(data)) == number == builder.info.splits[split].num_examples
    contents = [records(tmp_path)[key] for key in records(tmp_path)]
    assert len(set(contents)) == len(SIZES)
