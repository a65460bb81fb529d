"""Classes of one's own folders: they are those of training, wherever a network is used."""

import contextlib
import dataclasses
import io
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_multigrid.cli import main
from keras_multigrid.datasets import list_images
from keras_multigrid.export import export_model, read_class_names
from keras_multigrid.export.card import Facts
from keras_multigrid.recipes import RECIPES
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.recipes.photographs import Photographs
from keras_multigrid.runs.run_folder import begun_recipe, load_run
from keras_multigrid.runs.train import _validation_data
from keras_multigrid.server.interface import read_interface
from keras_multigrid.tuning import search, tune

OF_OWN_DATA = ("segmentation", "classification")  # names are those of the data
OWN_IMAGES = [name for name, recipe in RECIPES.items() if issubclass(recipe, Photographs)]
TRAINED = ("cat", "dog", "eel")
LEVELS = dict(zip(TRAINED, (40, 120, 200)))
BAD = b"no image"
MODELS = {"imagenet": "VGG-6", "imagenet_top_down": "BL1-ImageNet"}  # small, and not a `TopDown`


def write(folder, *paths):
    """Writes images of the grey level of their class, or a bad file where the name says so."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        level = LEVELS.get(pathlib.Path(path).parent.name, 0)
        grey = tf.io.encode_png(np.full((70, 80, 3), level, "uint8")).numpy()
        (folder / path).write_bytes(BAD if "bad" in path else grey)
    return folder


def of_folder(name, folder, *settings):
    return resolve(RECIPES[name], "smoke", ["data=image_folder", f"data_dir={folder}", *settings])


def perfect(recipe):
    """Returns a network that tells the classes by their grey level."""
    (rescaling,) = [
        layer for layer in recipe.preprocessing(None) if isinstance(layer, keras.layers.Rescaling)
    ]
    levels = np.array([*LEVELS.values()])[:, None] * rescaling.scale + rescaling.offset
    image = keras.Input((None, None, 3))
    distance = keras.ops.mean(image, axis=(1, 2))[:, None] - levels.astype("float32")
    return keras.Model(image, keras.ops.softmax(-100 * keras.ops.sum(distance**2, axis=-1)))


@pytest.fixture(params=OWN_IMAGES)
def name(request):
    return request.param


@pytest.mark.filterwarnings("ignore:.*classes without images")
@pytest.mark.parametrize("split", [TRAINED, TRAINED[1:], TRAINED[:1], TRAINED[::2]], ids="-".join)
def test_a_perfect_network_stays_perfect_without_a_class_or_the_training_data(
    name, split, tmp_path
):
    for part in ("train", "validation"):
        write(tmp_path / "old", *(f"{part}/{each}/1.png" for each in TRAINED))
    write(tmp_path / "new", *(f"validation/{each}/1.png" for each in split))
    recipe = of_folder(name, tmp_path / "old", f"model={MODELS[name]}").settled()
    recipe = dataclasses.replace(recipe, data_dir=str(tmp_path / "new"), evaluation_batches=None)
    results = recipe.evaluate(perfect(recipe), "validation", verbose=0)
    accuracies = [value for key, value in results.items() if key[:4] in ("top1", "accu")]
    assert accuracies and min(accuracies) == 1


def test_an_unknown_class_is_one_sentence_before_any_work(name, tmp_path, capsys):
    write(tmp_path / "data", "train/cat/1.png", "train/dog/1.png", "validation/emu/1.png")
    settings = ["--set", "data=image_folder", "--set", f"data_dir={tmp_path / 'data'}"]
    run, search = tmp_path / "run", tmp_path / "search"
    for command in (["train", name, "--output", str(run)], ["tune", name, "--output", str(search)]):
        assert main([*command, "--scale", "smoke", *settings]) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert "data/validation has the class emu, and labels are those of the 2 classes" in error
    assert {path.name for path in run.iterdir()} <= {".lock"} and not search.exists()


@pytest.mark.filterwarnings("ignore:.*classes without images")
def test_names_may_be_given_in_another_order(name, tmp_path):
    write(tmp_path, "train/cat/1.png", "validation/dog/1.png")
    recipe = of_folder(name, tmp_path, "class_names=eel,dog,cat").settled()
    assert recipe.class_names == ("eel", "dog", "cat") and recipe.classes() == 3
    ((_, labels),) = recipe.load("train", 2)
    assert labels.numpy().tolist() == [2]


def test_a_network_of_another_number_of_classes_is_one_sentence(name, tmp_path):
    write(tmp_path, "train/cat/1.png", "train/dog/1.png", "validation/cat/1.png")
    recipe = of_folder(name, tmp_path)
    expected = r"The network has 3 classes, and .*train has 2; give the data that it was trained on"
    with pytest.raises(ValueError, match=expected):
        recipe.evaluate(perfect(recipe), "validation")


@pytest.mark.parametrize(
    "settings, message",
    [
        (["on_error=ignore"], "on_error is 'ignore'; expected one of raise, skip"),
        (["data=folder"], "data is 'folder'; expected one of imagenet2012, image_folder"),
        (["class_names=cat,cat"], "expected a list of different names"),
        (["data=imagenet2012", "on_error=skip"], "on_error is for data=image_folder"),
        (["data=imagenet2012", "class_names=a,b"], "class_names is for data=image_folder"),
    ],
)
def test_settings_that_cannot_be_meant(name, settings, message):
    with pytest.raises(ValueError, match=message):
        of_folder(name, ".", *settings)


def test_a_trial_has_the_names_of_its_search(tmp_path, monkeypatch):
    write(tmp_path, "train/b/1.png", "train/a/1.png", "validation/a/1.png", "validation/b/1.png")
    recipe, searches = of_folder("imagenet", tmp_path), []
    monkeypatch.setattr(search, "work", lambda search, _: searches.append(search))
    monkeypatch.setattr(search, "read_results", lambda *_: [{}])
    monkeypatch.setattr(search, "write_report", lambda *_: None)
    tune(recipe, tmp_path / "search")
    assert searches[0].recipe.class_names == ("a", "b")
    written = json.loads((tmp_path / "search" / "search.json").read_text())
    assert written["recipe"]["class_names"] == ["a", "b"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in OF_OWN_DATA])
def test_each_recipe_names_all_its_outputs_or_none(name):
    recipe = resolve(RECIPES[name], "smoke", [])
    names = recipe.label_names()
    assert (names is None) == (name in ("quickstart", "mnist_spatial_transformer", *OWN_IMAGES))
    assert names is None or len({*names}) == len(names) == recipe.classes()


# One run, with a corrupt file: it ends, goes on without the file, and is used.


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for part in ("train", "validation"):
        write(folder, *(f"{part}/{each}/{number}.png" for each in TRAINED for number in "12"))
    return write(folder, "train/cat/bad.png", "validation/eel/bad.png")


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "first"


@pytest.fixture(scope="module")
def arguments(images, run):
    settings = ["data=image_folder", f"data_dir={images}", "model=VGG-6", "image_size=32"]
    settings += ["steps_per_epoch=6", "ten_crop=false", "evaluation_batches=none"]
    return ["train", "imagenet", "--scale", "smoke", "--output", str(run)] + [
        argument for setting in settings for argument in ("--set", setting)
    ]


def command(*arguments):
    """Returns the status of a command, what it prints, and its errors."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        status = main([*map(str, arguments)])
    return status, out.getvalue(), error.getvalue()


@pytest.fixture(scope="module")
def refused(arguments):
    return command(*arguments)


@pytest.fixture(scope="module")
def finished(refused, arguments):
    return command(*arguments, "--set", "on_error=skip")


@pytest.fixture(scope="module")
def new_data(tmp_path_factory):
    """Data that came after the training, without a folder `train`."""
    return write(tmp_path_factory.mktemp("new"), "test/eel/1.png", "test/eel/bad.png")


def test_a_corrupt_image_ends_a_run_with_one_sentence(refused, images):
    status, _, error = refused
    assert status == 1 and error.count("\n") == 1
    assert f"{images}/train/cat/bad.png cannot be decoded; repair it, or" in error
    assert "--set on_error=skip" in error


def test_the_run_goes_on_without_it_and_says_what_was_skipped(finished, run, images):
    status, out, error = finished
    assert status == 0
    bad = [f"{images}/train/cat/bad.png", f"{images}/validation/eel/bad.png"]
    sentence = f"Skipped 2 files that cannot be decoded: {', '.join(bad)}"
    assert sentence in out and sentence in (run / "report.md").read_text()
    assert json.loads((run / "metrics.json").read_text())["skipped"] == bad
    assert (run / "skipped.txt").read_text().splitlines() == bad
    assert "ran out of data" not in error
    named = [line for line in error.splitlines() if "cannot be decoded" in line]
    assert len(named) == 2  # each file once


def test_names_are_kept_with_the_run_and_its_model(finished, run, tmp_path):
    assert json.loads((run / "recipe.json").read_text())["fields"]["class_names"] == [*TRAINED]
    alone = shutil.copy(run / "model.keras", tmp_path / "alone.keras")
    assert read_class_names(alone) == read_class_names(run) == [*TRAINED]
    assert keras.models.load_model(alone).output_shape == (None, 3)


def test_new_data_need_no_training_data(finished, run, new_data):
    evaluate = ("evaluate", run, "--split", "test", "--data-dir", new_data)
    status, _, error = command(*evaluate, "--on-error", "raise")
    assert status == 1 and f"{new_data}/test/eel/bad.png cannot be decoded" in error
    status, out, _ = command(*evaluate)  # as the run did
    assert status == 0
    assert f"Skipped 1 file that cannot be decoded: {new_data}/test/eel/bad.png" in out
    recipe, _ = load_run(run, str(new_data))
    ((_, labels),) = recipe.load("test", 2)
    assert labels.numpy().tolist() == [2]


def test_new_data_of_an_unknown_class_are_refused(finished, run, tmp_path):
    write(tmp_path, "test/eel/1.png", "test/emu/1.png")
    status, _, error = command("evaluate", run, "--split", "test", "--data-dir", tmp_path)
    assert status == 2 and "test has the class emu, and labels are those of" in error


def test_a_finished_run_is_finished_without_its_data(finished, run, arguments):
    status, out, _ = command(*arguments, "--set", "data_dir=nowhere")
    assert status == 0 and "is finished" in out


def test_a_run_keeps_its_names_when_its_data_change(finished, run, tmp_path):
    """It is continued with what it began with, whatever folders are there now."""
    continued = tmp_path / "run"
    continued.mkdir()
    shutil.copy(run / "recipe.json", continued)
    (continued / "checkpoints").mkdir()

    def settled(data):
        recipe = of_folder("imagenet", tmp_path / data)
        recipe = recipe.settled(begun_recipe(continued, recipe))
        recipe.check_data()
        return recipe

    write(tmp_path / "less", "train/dog/1.png", "validation/eel/1.png")
    with pytest.warns(UserWarning, match="less/train has classes without images: cat, eel"):
        recipe = settled("less")
    assert recipe.class_names == TRAINED
    write(tmp_path / "more", *(f"train/{name}/1.png" for name in (*TRAINED, "ant")))
    with pytest.raises(ValueError, match="more/train has the class ant, and labels are those"):
        settled("more")


def test_a_run_of_an_earlier_version_takes_the_names_of_its_training_data(finished, run, tmp_path):
    earlier = tmp_path / "run"
    earlier.mkdir()
    shutil.copy(run / "model.keras", earlier)
    written = json.loads((run / "recipe.json").read_text())
    del written["fields"]["class_names"], written["fields"]["on_error"]
    written["fields"]["data_dir"] = str(tmp_path)
    (earlier / "recipe.json").write_text(json.dumps(written))
    write(tmp_path, *(f"train/{name}/1.png" for name in TRAINED), "test/eel/1.png")
    recipe, _ = load_run(earlier)
    ((_, labels),) = recipe.load("test", 2)
    assert labels.numpy().tolist() == [2]
    (tmp_path / "train").rename(tmp_path / "training")
    with pytest.raises(ValueError, match="train is not a directory"):
        recipe.load("test", 2)


def test_an_exported_run_has_the_names(finished, run):
    status, _, _ = command("export", run, "--format", "keras")
    version = run / "keras" / "VGG-6" / "1"
    assert status == 0
    assert read_class_names(version) == read_class_names(version / "model.keras") == [*TRAINED]
    card = (version / "README.md").read_text()
    assert "## Classes\n\n0 cat, 1 dog, 2 eel.\n" in card
    assert "class_names" not in card.partition("## Recipe")[2]  # those of the folders


def means():
    """Returns a small network of three outputs."""
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


def test_a_served_model_has_the_names(tmp_path):
    facts = Facts(class_names=(*TRAINED[:2], "caf\udce9"))  # of a folder that is not UTF-8
    version = export_model(means(), tmp_path / "means", facts=facts)
    assert read_interface(version.parent).class_names == [*facts.class_names]
    assert "0 cat, 1 dog, 2 caf\\udce9.\n" in (version / "README.md").read_text()


def test_names_that_do_not_fit_the_outputs_are_not_exported(tmp_path):
    with pytest.raises(ValueError, match="The network has 3 outputs, and there are 2 class_names"):
        export_model(means(), tmp_path, "keras", facts=Facts(class_names=("cat", "dog")))
    with pytest.raises(ValueError, match="class_names is 'cat'; expected a list"):
        export_model(means(), tmp_path, "keras", facts=Facts(class_names="cat"))
    assert [*tmp_path.iterdir()] == []


def test_data_without_a_readable_image_are_one_sentence(tmp_path, capsys):
    write(tmp_path, *(f"{part}/cat/bad.png" for part in ("train", "validation")))
    model = f"model={MODELS['imagenet']}"
    recipe = of_folder("imagenet", tmp_path, model, "on_error=skip").settled()
    with pytest.raises(ValueError, match="validation has no image that can be decoded"):
        recipe.evaluate(recipe.network(), "validation", verbose=0)
    with pytest.raises(ValueError, match="There are 0 samples"):
        recipe.load("train", 2, first_batch=0)
    capsys.readouterr()
    data = ["data", "image_folder", "--data-dir", str(tmp_path)]
    for option, status, message in (
        ([], 1, "train/cat/bad.png cannot be decoded; "),
        (["--on-error", "skip"], 2, "image_folder, train: the data set has no samples"),
    ):
        assert main([*data, *option]) == status
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_devices_share_all_validation_data_though_files_are_skipped(tmp_path, monkeypatch):
    write(tmp_path, "train/cat/1.png", *(f"validation/cat/{number}.png" for number in range(7)))
    write(tmp_path, "validation/cat/bad.png")
    recipe = of_folder("imagenet", tmp_path, "on_error=skip", "evaluation_batches=none")
    monkeypatch.setattr(keras.distribution, "distribution", object)
    assert _validation_data(recipe, "validation").cardinality() == 3  # but the last of 4


def test_a_file_that_vanishes_is_one_sentence(tmp_path, monkeypatch, capsys):
    write(tmp_path, "train/cat/1.png")
    listed = list_images(tmp_path / "train")
    monkeypatch.setattr("keras_multigrid.datasets.image_folder.list_images", lambda *_: listed)
    (tmp_path / "train/cat/1.png").unlink()
    assert main(["data", "image_folder", "--data-dir", str(tmp_path)]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.endswith("train/cat/1.png; No such file or directory")


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_names_of_what_is_no_model_are_an_error(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.keras is not a \.keras file, or is damaged"):
        read_class_names(tmp_path)
