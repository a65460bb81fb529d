"""Which images a folder holds, and of which class each is."""

import os

import pytest
import tensorflow as tf

from keras_multigrid.cli import main
from keras_multigrid.datasets import list_images, load, load_image_folder

PNG = tf.io.encode_png(tf.zeros((4, 4, 3), tf.uint8)).numpy()
TRAINED = ["cat", "dog", "eel"]
LEFT_BEHIND = (
    *("__MACOSX", "@eaDir", ".ipynb_checkpoints", "lost+found", ".hidden", "$RECYCLE.BIN"),
    *("System Volume Information", "#recycle", "@Recycle", "__pycache__"),
)


def write(directory, *paths):
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(PNG)
    return directory


def relative(paths, directory):
    return [os.path.relpath(path, directory) for path in paths]


# Labels.


@pytest.mark.parametrize("split", [["cat"], ["dog", "eel"], ["eel"], TRAINED])
def test_labels_are_those_of_the_names_that_are_given(tmp_path, split, recwarn):
    write(tmp_path, *(f"{name}/1.png" for name in split))
    class_names, paths, labels = list_images(tmp_path, TRAINED)
    assert class_names == TRAINED
    assert relative(paths, tmp_path) == [f"{name}/1.png" for name in split]
    assert labels == [TRAINED.index(name) for name in split]
    missing = [name for name in TRAINED if name not in split]
    said = [f"{tmp_path} has classes without images: {', '.join(missing)}"] if missing else []
    assert [str(warning.message) for warning in recwarn] == said


def test_the_order_is_that_of_the_names_that_are_given(tmp_path):
    write(tmp_path, "cat/1.png", "dog/1.png")
    class_names, paths, labels = list_images(tmp_path, ("dog", "cat"))
    assert class_names == ["dog", "cat"] and labels == [0, 1]
    assert relative(paths, tmp_path) == ["dog/1.png", "cat/1.png"]


def test_an_unknown_class_is_refused_with_the_nearest_name(tmp_path):
    write(tmp_path, "cat/1.png", "Dog/1.png", "emu/1.png")
    expected = r"has the classes Dog, emu, .* the 3 classes cat, dog, eel; did you mean dog\?"
    with pytest.raises(ValueError, match=expected) as refused:
        load_image_folder(tmp_path, ".", 2, class_names=TRAINED)
    assert "\n" not in str(refused.value)


def test_an_unknown_folder_without_images_is_not_a_class(tmp_path):
    write(tmp_path, "cat/1.png", "notes/read.me")
    with pytest.warns(UserWarning, match="passes over folders without images: notes"):
        _, paths, labels = list_images(tmp_path, ["cat"])
    assert relative(paths, tmp_path) == ["cat/1.png"] and labels == [0]


def test_names_in_two_ways_of_unicode_are_one_class(tmp_path):
    """As macOS decomposes accents, and other systems do not."""
    write(tmp_path, "cafe\u0301/1.png")
    assert list_images(tmp_path, ["bar", "caf\u00e9"])[2] == [1]
    write(tmp_path, "caf\u00e9/2.png")
    with pytest.raises(ValueError, match="has two folders of the class caf\u00e9"):
        list_images(tmp_path)


@pytest.mark.parametrize(
    "class_names, message",
    [
        ("cat", "class_names is 'cat'; expected a list of different names"),
        ([], r"class_names is \[\]; expected a list of different names"),
        (["cat", 1], "expected a list of different names"),
        (["cat", "cat"], "expected a list of different names"),
    ],
)
def test_class_names_that_cannot_be_meant(tmp_path, class_names, message):
    with pytest.raises(ValueError, match=message):
        list_images(write(tmp_path, "cat/1.png"), class_names)


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_systems_leave_behind_is_not_a_class_nor_has_images(tmp_path, name):
    write(tmp_path, "cat/1.png", f"{name}/1.png", f"{name}/cat/2.png", f"cat/sub/{name}/3.png")
    class_names, paths, _ = list_images(tmp_path)
    assert class_names == ["cat"] and relative(paths, tmp_path) == ["cat/1.png"]
    assert list_images(tmp_path, ["cat"])[1] == paths


def test_splits_are_labelled_by_the_training_folder(tmp_path):
    write(tmp_path, *(f"train/{name}/1.png" for name in TRAINED))
    write(tmp_path, "validation/dog/1.png", "validation/eel/1.png", "new/emu/1.png")
    options = {"data_dir": tmp_path, "image_size": 8}
    with pytest.warns(UserWarning, match="classes without images: cat"):
        ((_, labels),) = load("image_folder", "validation", 4, **options)
    assert labels.numpy().tolist() == [1, 2]
    with pytest.raises(ValueError, match="new has the class emu, "):
        load("image_folder", "new", 4, **options)
    ((_, labels),) = load("image_folder", "new", 4, class_names=["dodo", "emu"], **options)
    assert labels.numpy().tolist() == [1]


def test_a_split_that_numbers_its_own_classes_is_said(tmp_path):
    write(tmp_path, "test/dog/1.png")
    with pytest.warns(UserWarning, match="train is not a directory: .* the folders of test itself"):
        load("image_folder", "test", 1, data_dir=tmp_path, image_size=8)


# Links.


def test_two_files_and_a_link_up_are_refused(tmp_path):
    write(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat/all").symlink_to("..")
    with pytest.raises(
        ValueError, match=r"cat/all is a link to .*, a folder that it is in; remove"
    ):
        list_images(tmp_path)


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "../cat"])
def test_links_up_are_refused(tmp_path, target):
    (write(tmp_path, "set/cat/1.png") / "set/cat/up").symlink_to(target)
    with pytest.raises(ValueError, match="cat/up is a link to "):
        list_images(tmp_path / "set")


def test_links_in_a_circle_are_refused(tmp_path):
    write(tmp_path, "set/cat/1.png", "store/a/1.png", "store/b/1.png")
    (tmp_path / "set/cat/a").symlink_to(tmp_path / "store/a")
    (tmp_path / "store/a/b").symlink_to("../b")
    (tmp_path / "store/b/a").symlink_to("../a")
    with pytest.raises(ValueError, match="cat/a/b/a is a link to "):
        list_images(tmp_path / "set")


@pytest.mark.parametrize("link, target", [("dog/more", "../cat"), ("dog/2.png", "../cat/1.png")])
def test_one_image_in_two_classes_is_refused(tmp_path, link, target):
    (write(tmp_path, "cat/1.png", "dog/1.png") / link).symlink_to(target)
    expected = r"dog/(more/1|2)\.png and .*cat/1\.png are one file in two classes; "
    with pytest.raises(ValueError, match=expected):
        list_images(tmp_path)


def test_two_classes_that_are_one_folder_are_refused(tmp_path):
    (write(tmp_path, "cat/1.png") / "kitten").symlink_to("cat")
    with pytest.raises(ValueError, match="are one file in two classes"):
        list_images(tmp_path)


def test_each_file_of_a_class_counts_once(tmp_path):
    write(tmp_path, "cat/2024/1.png", "cat/2.png", "store/3.png")
    for link, target in {
        "cat/latest": "2024",
        "cat/again.png": "2.png",
        "cat/3.png": "../store/3.png",
        "cat/3 too.png": "../store/3.png",
    }.items():
        (tmp_path / link).symlink_to(target)
    (tmp_path / "set").mkdir()
    (tmp_path / "set/cat").symlink_to("../cat")
    with pytest.warns(UserWarning, match="has 3 links to images that their class has already"):
        _, paths, labels = list_images(tmp_path / "set")
    assert relative(paths, tmp_path / "set") == ["cat/2.png", "cat/2024/1.png", "cat/3 too.png"]
    assert labels == [0, 0, 0]


@pytest.mark.parametrize("link", ["dog", "cat/more", "cat/2.png", "cat/sub/2.png"])
@pytest.mark.parametrize("target", ["nowhere", "itself"])
def test_links_to_nothing_are_named(tmp_path, link, target):
    link = write(tmp_path, "cat/1.png", "cat/sub/1.png") / link
    link.symlink_to(link.name if target == "itself" else target)
    with pytest.raises(ValueError, match=f"{link} is a link to .*, which cannot be read; "):
        list_images(tmp_path)


# Images of other kinds.


def test_images_that_are_passed_over_are_named(tmp_path):
    others = ("cat/1.TIF", "cat/2.jfif", "cat/sub/3.heic", "dog/.4.tif", "dog/5.txt")
    write(tmp_path, "cat/1.png", "dog/1.png", *others)
    with pytest.warns(
        UserWarning, match="passes over 3 images of other kinds: .*; convert"
    ) as said:
        _, paths, _ = list_images(tmp_path)
    assert relative(paths, tmp_path) == ["cat/1.png", "dog/1.png"]
    (message,) = [str(warning.message) for warning in said]
    for path in others:
        assert (str(tmp_path / path) in message) == (path in others[:3])


def test_a_folder_of_other_images_alone_names_them(tmp_path, capsys):
    write(tmp_path, "train/cat/1.tif", "train/dog/1.tif")
    assert main(["data", "image_folder", "--data-dir", str(tmp_path)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "has no sub-folders with images; " in error and "cat/1.tif" in error
