"""The layouts of folders and tables, and what cannot be meant."""

import pathlib

import numpy as np
import pytest

from keras_multigrid.datasets.masks.pairs import list_pairs
from tests.datasets.masks.folders import image_of, save, write_table


def touch(folder, *names):
    for name in names:
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(folder, **patterns):
    """Returns split, name and the paths below the folder of each pair."""
    return [
        (
            pair.split,
            pair.name,
            *(
                path and pathlib.Path(path).relative_to(folder).as_posix()
                for path in (pair.image, pair.mask, pair.field_of_view)
            ),
        )
        for pair in list_pairs(folder, **patterns)
    ]


@pytest.mark.parametrize("masks", ["masks", "labels", "Masks"])
def test_images_with_masks(tmp_path, masks):
    touch(tmp_path, "images/b.JPG", "images/sub/a.png", f"{masks}/b.png", f"{masks}/sub/a.tif")
    touch(tmp_path, "images/notes.txt", "images/.b.png", f"{masks}/Thumbs.db", "README.md")
    assert found(tmp_path) == [
        (None, "b", "images/b.JPG", f"{masks}/b.png", None),
        (None, "sub/a", "images/sub/a.png", f"{masks}/sub/a.tif", None),
    ]


@pytest.mark.parametrize("name", ["val", "validation", "valid"])
def test_folders_of_splits(tmp_path, name):
    for split in ("train", name, "test"):
        touch(tmp_path / split, "images/1.png", "masks/1.png")
    expected = [("train", "train"), ("validation", name), ("test", "test")]
    assert found(tmp_path) == [
        (split, "1", f"{folder}/images/1.png", f"{folder}/masks/1.png", None)
        for split, folder in expected
    ]


def test_splits_below_images(tmp_path):
    for split in ("train", "val"):
        touch(tmp_path, f"images/{split}/1.png", f"masks/{split}/1.png")
    assert [pair[:2] for pair in found(tmp_path)] == [
        ("train", "train/1"),
        ("validation", "val/1"),
    ]


def test_images_for_testing_may_lack_masks(tmp_path):
    touch(tmp_path, "train/images/1.png", "train/masks/1.png", "test/images/2.png")
    touch(tmp_path, "train/field_of_view/1.png")
    assert found(tmp_path)[1] == ("test", "2", "test/images/2.png", None, None)
    touch(tmp_path, "test/images/3.png", "test/masks/3.png")
    with pytest.raises(ValueError, match=r"1 of 3 images have no mask: .*2\.png"):
        list_pairs(tmp_path)


def test_patterns(tmp_path):
    touch(tmp_path, "images/21_training.tif", "masks/21_manual1.gif", "images/3_training.tif")
    touch(tmp_path, "masks/3_manual1.gif")
    touch(tmp_path, "field_of_view/21_training_mask.gif", "field_of_view/3_training_mask.gif")
    patterns = dict(mask_pattern="{number}_manual1.gif", field_of_view_pattern="{stem}_mask")
    assert found(tmp_path, **patterns)[0] == (
        *(None, "21_training", "images/21_training.tif"),
        *("masks/21_manual1.gif", "field_of_view/21_training_mask.gif"),
    )


def test_voc(tmp_path):
    names = ("a", "b", "c")
    touch(tmp_path, *(f"JPEGImages/{name}.jpg" for name in (*names, "unlabelled")))
    touch(tmp_path, *(f"SegmentationClass/{name}.png" for name in names))
    assert len(list_pairs_of_voc(tmp_path, {"train": "a\nb\n", "val": "c\n"})) == 3
    assert [pair[:2] for pair in found(tmp_path)] == [
        *[("train", "a"), ("train", "b"), ("validation", "c")]
    ]
    with pytest.raises(ValueError, match=r"val\.txt has b, which train has, too"):
        list_pairs_of_voc(tmp_path, {"train": "a\nb\n", "val": "b\n"})
    with pytest.raises(ValueError, match="name images that are not there: d; add them"):
        list_pairs_of_voc(tmp_path, {"train": "a\nd\n", "val": ""})
    (tmp_path / "JPEGImages/unlabelled.jpg").unlink()
    assert {pair.split for pair in list_pairs_of_voc(tmp_path, {"default": "a"})} == {None}


def list_pairs_of_voc(folder, lists):
    directory = folder / "ImageSets/Segmentation"
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        path.unlink()
    for name, text in lists.items():
        (directory / f"{name}.txt").write_text(text)
    return list_pairs(folder)


def test_table(tmp_path):
    touch(tmp_path, "x/1.png", "x/2.png", "y/1.png", "y/2.png")
    row = dict(image="x/1.png", mask="y/1.png", split="val", group="p1")
    path = write_table(
        tmp_path / "data.csv",
        [row, {**row, "image": "x/2.png", "mask": "y/2.png", "split": "train"}],
    )
    second, first = list_pairs(path)
    assert (first.name, first.split, first.group) == ("x/1", "validation", "p1")
    assert (second.split, second.image) == ("train", str(tmp_path / "x/2.png"))
    path.write_text("﻿image;mask\nx/1.png;y/1.png\n")  # as Excel writes it
    (only,) = list_pairs(path)
    assert (only.split, only.mask) == (None, str(tmp_path / "y/1.png"))
    with pytest.raises(ValueError, match="names each file; leave out mask_pattern"):
        list_pairs(path, mask_pattern="{stem}.png")
    path.write_text(f"image,mask\n{tmp_path / 'x/1.png'},y/1.png\n")
    (only,) = list_pairs(path)
    assert only.name == str(tmp_path / "x/1").lstrip("/")


BAD_TABLES = {
    "columns": ("picture,mask\na,b\n", "has the columns picture,mask; expected image,mask"),
    "rows": ("image,mask\n", "has no rows"),
    "file": ("image,mask\nx.png,z.png\n", "line 2: there is no mask .*z.png"),
    "split": ("image,mask,split\nx.png,y.png,dev\n", "line 2: the split is 'dev'; expected train"),
    "repeated": ("image,mask\nx.png,y.png\nx.png,x.png\n", "names the image .*x.png twice"),
    "partly": (
        "image,mask,split\nx.png,y.png,train\ny.png,x.png,\n",
        "lacks the split of some rows",
    ),
}


@pytest.mark.parametrize("text, message", BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables(tmp_path, text, message):
    touch(tmp_path, "x.png", "y.png")
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        list_pairs(tmp_path / "data.csv")


BAD_FOLDERS = {
    "nothing": (["photos/1.png"], {}, "has photos; expected images with masks or labels, the"),
    "no masks": (["images/1.png"], {}, "has images, but no folder masks or labels"),
    "no images": (["images/1.txt", "masks/1.txt"], {}, "has no images in its folders"),
    "masks and labels": (["images/1.png", "masks/1.png", "labels/1.png"], {}, "keep one of the"),
    "two layouts": (
        ["images/1.png", "masks/1.png", "train/images/1.png", "train/masks/1.png"],
        {},
        "which are meant is not clear",
    ),
    "val twice": (
        [f"{split}/{kind}/1.png" for split in ("val", "valid") for kind in ("images", "masks")],
        {},
        "which are meant is not clear: keep one of each split",
    ),
    "two images": (["images/1.png", "images/1.jpg", "masks/1.png"], {}, "have one name; remove"),
    "image left": (
        ["images/1.png", "images/2.png", "masks/1.png"],
        {},
        r"1 of 2 images have no mask: .*2\.png; add the masks",
    ),
    "mask left": (
        ["images/1.png", "masks/1.png", "masks/2.png"],
        {},
        r"1 masks have no image: .*2\.png; remove them",
    ),
    "other names": (
        ["images/a1.png", "images/a2.png", "masks/a1_mask.png", "masks/a2_mask.png"],
        {},
        r"is it --set mask_pattern=\{stem\}_mask\.png\?",
    ),
    "by number": (
        ["images/a1.png", "images/b2.png", "masks/m1_x.png", "masks/m2_x.png"],
        {},
        r"is it --set mask_pattern=m\{number\}_x\.png\?",
    ),
    "no pattern fits": (
        ["images/a.png", "masks/b.png"],
        {},
        r"say how they are named, such as --set mask_pattern=\{stem\}_mask\.png",
    ),
    "pattern": (["images/1.png"], dict(mask_pattern="mask.png"), "mask_pattern is 'mask.png'; exp"),
    "one mask for two": (
        ["images/a1.png", "images/b1.png", "masks/1.png"],
        dict(mask_pattern="{number}.png"),
        "both have the mask .*1.png; expected one for each",
    ),
    "one field of view": (
        ["images/1.png", "images/2.png", "masks/1.png", "masks/2.png", "field_of_view/1.png"],
        {},
        r"1 of 2 images have no field of view: .*2\.png",
    ),
    "no folder for a pattern": (
        ["images/1.png", "masks/1.png"],
        dict(field_of_view_pattern="{stem}_mask.png"),
        "field_of_view_pattern is given, and .* has no folder field_of_view; add it",
    ),
    "half of the splits": (
        ["images/train/1.png", "images/2.png", "masks/train/1.png", "masks/2.png"],
        {},
        "is in the folder of a split, and other images are not",
    ),
}


@pytest.mark.parametrize("names, patterns, message", BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_what_cannot_be_meant_is_one_line(tmp_path, names, patterns, message):
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match=message) as error:
        list_pairs(tmp_path, **patterns)
    assert "\n" not in str(error.value)


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="nowhere is not a directory; expected images with masks"):
        list_pairs(tmp_path / "nowhere")


FOREIGN = {
    "COCO": ('{"images": [], "annotations": [], "categories": []}', "COCO's annotations: make"),
    "labelme": ('{"shapes": [], "imagePath": "1.png"}', "is of labelme: make masks of its files"),
}


def test_boxes_of_yolo_are_recognized(tmp_path):
    touch(tmp_path, "images/1.jpg", "labels/1.txt")
    (tmp_path / "labels/1.txt").write_text("0 0.5 0.25 1 0.125\n")
    with pytest.raises(ValueError, match=r"has no image files, but 1\.txt; .* is of YOLO, a box"):
        list_pairs(tmp_path)
    (tmp_path / "labels/1.txt").write_text("sky\n")
    with pytest.raises(ValueError, match=r"a mask for each image, such as PNG\.$"):
        list_pairs(tmp_path)


@pytest.mark.parametrize("text, message", FOREIGN.values(), ids=FOREIGN)
def test_annotations_of_others_are_recognized(tmp_path, text, message):
    save(tmp_path / "images/1.png", np.asarray(image_of(1)))
    (tmp_path / "images/1.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        list_pairs(tmp_path)
