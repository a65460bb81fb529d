"""Class folders are checked alike."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.checking import check_folder, write_page
from keras_multigrid.cli import main
from tests.datasets.masks.folders import image_of, save


@pytest.fixture
def folder(tmp_path):
    number = 0
    for split, count in (("train", 4), ("val", 2)):
        for name in ("cat", "dog"):
            for _ in range(count):
                save(tmp_path / split / name / f"{number}.png", image_of(number))
                number += 1
    return tmp_path


def test_a_good_folder(folder):
    report = check_folder(folder)
    assert report.kind == "classes" and report.problems == ()
    assert dict(report.facts)["images"] == "12: 8 train, 4 validation"
    cat, dog = report.classes
    assert (cat.name, cat.images) == ("cat", {"train": 4, "validation": 2})
    assert dog.shares == {"train": 0.5, "validation": 0.5}


def test_classes_at_the_top(folder):
    report = check_folder(folder / "train")
    assert report.problems == () and dict(report.facts)["images"] == "8: 6 train, 2 validation"


def test_copies_that_the_drawn_split_parts(folder):
    for number in range(1, 9):
        shutil.copy(folder / "train/cat/0.png", folder / f"train/cat/copy{number}.png")
    (error,) = check_folder(folder / "train").errors
    assert "in train and validation: scores would be too good" in error.sentence


def test_folders_beside_the_splits_and_two_of_one_split(folder):
    shutil.copytree(folder / "train/cat", folder / "cow")
    (warning,) = check_folder(folder).problems
    assert "has cow beside its splits, which is passed over" in warning.sentence
    shutil.copytree(folder / "val", folder / "valid")
    with pytest.raises(ValueError, match="has val and valid, which are one split"):
        check_folder(folder)


def test_folders_that_are_no_classes(folder, tmp_path):
    for name in ("train", "valid"):
        save(tmp_path / "coco" / name / "1.png", image_of(1))
    (error,) = check_folder(tmp_path / "coco").errors
    assert "coco has train, valid; expected images with masks" in error.sentence
    text = '{"images": [], "annotations": [], "categories": []}'
    (folder / "instances.json").write_text(text)
    (error,) = check_folder(folder).errors
    assert "COCO's annotations" in error.sentence


def copied(folder):
    shutil.copy(folder / "train/cat/0.png", folder / "val/cat/0.png")


def two_classes(folder):
    shutil.copy(folder / "train/cat/0.png", folder / "train/dog/0.png")


def cut(folder):
    path = folder / "train/cat/0.png"
    path.write_bytes(path.read_bytes()[:50])


def unknown_class(folder):
    shutil.copytree(folder / "val/dog", folder / "val/Dog")
    shutil.rmtree(folder / "val/dog")


def no_training(folder):
    shutil.rmtree(folder / "train")


def empty_class(folder):
    (folder / "train/eel").mkdir()


BROKEN = {
    copied: r"cat/0\.png and .*cat/0\.png are the same image, and in train and validation: scores",
    two_classes: r"0\.png are the same image, of the classes cat and dog; remove the wrong one\.",
    cut: r"cat/0\.png is not an image file that can be read, or is cut; repair or remove it\.",
    unknown_class: r"has the class Dog, and labels are those of the 2 classes cat, dog; did you",
    no_training: r"has the splits validation, and no train; add it, or name the folder of one",
    empty_class: r"There are no images to learn eel from; add some, or remove the class\.",
}


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_each_fault_has_its_sentence(folder, damage):
    damage(folder)
    (error,) = check_folder(folder).errors
    (expected,) = [text for each, text in BROKEN.items() if each is damage]
    assert re.search(expected, error.sentence), error.sentence


def test_what_may_be_wrong_is_a_warning(folder):
    shutil.copy(folder / "train/cat/0.png", folder / "train/cat/00.png")
    shutil.rmtree(folder / "val/dog")
    image = Image.fromarray(image_of(99))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / "train/cat/turned.jpg", exif=exif)
    (folder / "train/cat/x.heic").touch()
    report = check_folder(folder)
    assert report.errors == ()
    expected = ("other kinds", "are the same image;", "EXIF orientation", "no images of dog")
    for text in expected:
        assert sum(text in problem.sentence for problem in report.warnings) == 1


def test_command_and_page(folder, capsys):
    assert main(["check", str(folder), "--set", "class_names=dog,cat"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["dog", "cat"]
    page, sheet = write_page(check_folder(folder), folder / "checked")
    assert page.read_text().count("data:image/png") == 12
    assert np.array(Image.open(sheet)).shape[2] == 3
