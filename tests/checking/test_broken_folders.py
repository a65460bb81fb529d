"""Folders with one fault each, and the sentence that each gets."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.checking import check_folder
from keras_multigrid.cli import main
from tests.datasets.masks.folders import SIZE, image_of, mask_of, save, write_folder, write_table


def mask_without_an_image(folder):
    (folder / "train/images/3.png").unlink()


def image_without_a_mask(folder):
    (folder / "train/masks/3.png").unlink()


def other_size(folder):
    save(folder / "train/images/3.png", image_of(3, (12, 15)))


def turned_by_exif(folder):
    path = folder / "train/images/3.png"
    path.unlink()
    image = Image.fromarray(image_of(3, SIZE[::-1]))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path.with_suffix(".jpg"), exif=exif)


def upside_down_by_exif(folder):
    path = folder / "train/images/3.png"
    path.unlink()
    image = Image.fromarray(image_of(3))
    exif = image.getexif()
    exif[0x0112] = 3
    image.save(path.with_suffix(".jpg"), exif=exif)


def a_value_too_many(folder):
    save(folder / "train/masks/3.png", mask_of(3, (0, 1, 2, 7)))


def void_not_said(folder):
    for number in range(6):
        save(folder / f"train/masks/{number}.png", mask_of(number, (0, 1, 2, 255)))


def a_colour_in_no_table(folder):
    for path in folder.glob("*/masks/*.png"):
        colours = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0]], "uint8")
        save(path, colours[np.array(Image.open(path))])
    (folder / "classes.csv").write_text("floor,0,0,0\nwall,200,0,0\n")


def black_and_white_for_many_classes(folder):
    for path in folder.glob("*/masks/*.png"):
        save(path, np.where(np.array(Image.open(path)) > 0, 255, 0).astype("uint8"))
    (folder / "classes.txt").write_text("".join(f"class{number}\n" for number in range(256)))


def smoothed(folder):
    for path in folder.glob("*/masks/*.png"):
        mask = Image.fromarray(np.where(np.array(Image.open(path)) > 0, 255, 0).astype("uint8"))
        mask.resize((8, 6), Image.Resampling.BILINEAR).resize(
            SIZE[::-1], Image.Resampling.BICUBIC
        ).save(path)


def once_jpeg(folder):
    path = folder / "train/masks/3.png"
    Image.open(path).save(path.with_suffix(".jpg"), quality=50)
    path.unlink()


def one_image_in_two_splits(folder):
    shutil.copy(folder / "train/images/3.png", folder / "val/images/7.png")
    shutil.copy(folder / "train/masks/3.png", folder / "val/masks/7.png")


def one_image_with_two_masks(folder):
    shutil.copy(folder / "train/images/3.png", folder / "train/images/4.png")


def a_cut_image(folder):
    path = folder / "train/images/3.png"
    path.write_bytes(path.read_bytes()[:-200])


def a_cut_mask(folder):
    path = folder / "train/masks/3.png"
    path.write_bytes(path.read_bytes()[:40])


def another_depth(folder):
    save(folder / "train/images/3.png", np.full(SIZE, 999, "uint16"))


def no_validation_mask_at_all(folder):
    shutil.rmtree(folder / "val/masks")


def annotations_of_coco(folder):
    for split in ("train", "val"):
        shutil.rmtree(folder / split / "masks")
    text = json.dumps({"images": [], "annotations": [], "categories": []})
    (folder / "train/instances.json").write_text(text)


def annotations_of_labelme(folder):
    shutil.rmtree(folder / "train/masks")
    (folder / "train/images/3.json").write_text('{"shapes": [], "imagePath": "3.png"}')


BROKEN = {  # from what breaks a folder to the sentence that it gets
    mask_without_an_image: r"1 masks have no image: .*3\.png; remove them, or add the images\.",
    image_without_a_mask: r"1 of 10 images have no mask: .*3\.png; add the masks, remove the",
    other_size: r"3\.png has 12 x 15 pixels, and its mask .*3\.png 12 x 16; expected the same",
    turned_by_exif: r"3\.jpg has 16 x 12 .* 12 x 16; the image is turned by its EXIF orientation",
    upside_down_by_exif: r"1 images have an EXIF orientation, by which programs show them turned",
    a_value_too_many: r"7 \(in 1 of 10 files\), where 7 may be what does not count, or a class;",
    void_not_said: r"255 \(in 6 of 10 files\), where 255 may be .* give --set ignore_index=255, or",
    a_colour_in_no_table: r"1 colours that are not in .*classes\.csv: #00c800, in .*; add them to",
    black_and_white_for_many_classes: r"hold 0 and 255 alone, two classes, and there are 256 names",
    smoothed: r"they look smoothed \(anti-aliased, resized or once JPEG\), such as .*; save them",
    once_jpeg: r"3\.jpg is a JPEG, which changes the values of masks; save them as PNG",
    one_image_in_two_splits: r"3\.png and .*7\.png are the same image, and in train and val",
    one_image_with_two_masks: r"3\.png and .*4\.png are the same image with different masks; keep",
    a_cut_image: r"3\.png is not an image file that can be read, or is cut; repair or remove it\.",
    a_cut_mask: r"masks/3\.png is not an image file that can be read, or is cut; repair or remove",
    another_depth: r"3\.png has values of uint16; expected uint8, as the other images or",
    no_validation_mask_at_all: r"val has images, but no folder masks or labels; expected images wi",
    annotations_of_coco: r"instances\.json has COCO's annotations: make masks of them with pycocot",
    annotations_of_labelme: r"3\.json is of labelme: make masks of its files with labelme's exam",
}


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "train", 6, (0, 1, 2))
    for number in range(6, 10):
        save(tmp_path / f"val/images/{number}.png", image_of(number))
        save(tmp_path / f"val/masks/{number}.png", mask_of(number, (0, 1, 2)))
    return tmp_path


def test_a_good_folder_has_no_problems(folder):
    assert check_folder(folder).problems == ()


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_each_fault_has_its_sentence(folder, damage, capsys):
    damage(folder)
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr().out
    (error,) = [line for line in printed.splitlines() if line.startswith("error: ")]
    (expected,) = [text for each, text in BROKEN.items() if each is damage]
    assert re.search(expected, error), error


def test_all_faults_are_told_at_once(folder):
    mask_without_an_image(folder)
    (folder / "train/masks/2.png").write_bytes(b"")
    shutil.copy(folder / "val/images/6.png", folder / "train/images/5.png")
    report = check_folder(folder)
    assert len(report.errors) == 4  # the copy has another mask, too
    assert {path.rpartition("/")[2] for problem in report.errors for path in problem.files} == {
        *("2.png", "3.png", "5.png", "6.png")
    }


def test_what_may_be_wrong_is_a_warning(folder, capsys):
    for path in folder.glob("val/masks/*.png"):
        save(path, np.zeros(SIZE, "uint8"))
    save(folder / "train/images/0.png", np.full((*SIZE, 3), 7, "uint8"))
    save(folder / "train/images/1.png", image_of(1, channels=1))
    assert main(["check", str(folder), "--set", "ignore_index=255"]) == 0
    printed = capsys.readouterr().out
    for sentence in (
        "warning: No mask of the split validation has class 1, class 2; their scores will not be",
        "warning: 1 images have one value alone: ",
        "warning: 1 images are grey, read as colours: ",
        "warning: No mask has the ignore_index 255.",
    ):
        assert sentence in printed


def test_groups_and_copies_across_splits_of_a_table(tmp_path):
    write_folder(tmp_path, 4)
    rows = [
        dict(image=f"images/{n}.png", mask=f"masks/{n}.png", split=split, group=f"p{n % 2}")
        for n, split in enumerate(["train", "train", "val", "test"])
    ]
    report = check_folder(write_table(tmp_path / "data.csv", rows))
    assert [problem.sentence.partition(":")[0] for problem in report.errors] == [
        "The group p0 is in the splits train and validation",
        "The group p1 is in the splits test and train",
    ]


def test_copies_across_folds(tmp_path):
    write_folder(tmp_path, 6)
    for kind in ("images", "masks"):
        shutil.copy(tmp_path / kind / "0.png", tmp_path / kind / "9.png")
    for fold in range(7):  # each image is a fold of its own
        (error,) = check_folder(tmp_path, folds=7, fold=fold).errors
        assert re.search(r"0\.png and .*9\.png .* in fold \d and fold \d: scores", error.sentence)


def test_settings_are_those_of_training(folder, capsys):
    void_not_said(folder)
    assert main(["check", str(folder), "--set", "ignore_index=255"]) == 0
    assert "class 2        2 " in capsys.readouterr().out
    assert main(["check", str(folder), "--set", "ignore=255"]) == 2
    assert "no field 'ignore'; did you mean 'ignore_index'?" in capsys.readouterr().err
    assert main(["check", str(folder / "nowhere")]) == 2
    assert "nowhere does not exist; expected a folder" in capsys.readouterr().err
