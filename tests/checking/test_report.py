"""What a check counts, and the page that shows it."""

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.checking import Report, check_folder, write_page
from keras_multigrid.cli import main
from tests.datasets.masks.folders import SIZE, image_of, mask_of, save, write_folder


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", 5, (0, 1, 255))


def test_classes_are_counted(folder):
    report = check_folder(folder, ignore_index=255, class_names=["sky", "tree"])
    sky, tree = report.classes
    facts = dict(report.facts)
    ignored = sum(np.sum(mask_of(number, (0, 1, 255)) == 255) for number in range(5))
    assert facts["not counting"] == f"{ignored / (5 * 12 * 16):.2%} of the pixels"
    assert facts["images"] == "5: 4 train, 1 validation (drawn)"
    assert facts["size"] == "12 x 16 (height x width)" and facts["channels"] == "3"
    masks = {split: [] for split in ("train", "validation")}
    for sample in report.samples:
        masks[sample.pair.split].append(mask_of(int(sample.pair.name), (0, 1, 255)))
    for split, each in masks.items():
        zeros, ones = (sum(np.sum(mask == value) for mask in each) for value in (0, 1))
        assert sky.shares[split] == pytest.approx(zeros / (zeros + ones))
        assert tree.shares[split] == pytest.approx(ones / (zeros + ones))
        assert tree.images[split] == len(each)
    assert (sky.name, tree.name, tree.stored) == ("sky", "tree", "1")


def test_sizes_and_values(folder):
    save(folder / "images/0.png", np.zeros((4, 30, 3), "uint8"))
    save(folder / "masks/0.png", mask_of(0, (0, 1), (4, 30)))
    facts = dict(check_folder(folder).facts)
    assert facts["size"] == "4 x 30 to 12 x 16 (height x width)"
    assert facts["values"].startswith("0 to 25")


def test_page_and_contact_sheet(folder, capsys):
    folder = folder.rename(folder.with_name("a <b> & é"))
    output = folder.parent / "checked"
    arguments = ["check", str(folder), "--set", "ignore_index=255", "--output", str(output)]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"Written: {output / 'check.html'}, {output / 'contact_sheet.png'}"
    )
    page = (output / "check.html").read_text("utf-8")
    assert "a &lt;b&gt; &amp; é" in page and "<b> &" not in page
    assert page.count("data:image/png;base64,") == 5
    assert "http:" not in page and "https:" not in page
    sheet = np.array(Image.open(output / "contact_sheet.png"))
    cell = 8 + 16 + 4 + 16
    assert sheet.shape == (2 * (12 + 8) + 8, 4 * cell + 8, 3)
    np.testing.assert_array_equal(sheet[8 : 8 + 12, 8 : 8 + 16], image_of(0))


def test_page_of_a_folder_with_problems_shows_what_can_be_shown(folder):
    report = check_folder(folder)  # 255 is not clear
    page, _ = write_page(report, folder.parent / "checked")
    text = page.read_text()
    assert "1 to be mended before training" in text and "ignore_index=255" in text
    assert text.count("data:image/png") == 5


def test_page_without_images(tmp_path):
    (page,) = write_page(Report("x", "masks", ()), tmp_path / "new")
    assert "Nothing that would make training wrong" in page.read_text()


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_deep_images_are_shown(tmp_path, kind):
    import tifffile

    write_folder(tmp_path, 2)
    for number in range(2):
        (tmp_path / f"images/{number}.png").unlink()
        image = image_of(number, channels=1).astype(kind) * 7
        tifffile.imwrite(tmp_path / f"images/{number}.tif", image)
    report = check_folder(tmp_path)
    assert report.problems == () and dict(report.facts)["type"] == kind
    _, sheet = write_page(report, tmp_path / "checked")
    assert np.ptp(np.array(Image.open(sheet))[8 : 8 + SIZE[0], 8 : 8 + SIZE[1]]) == 255


def test_values_that_are_not_finite(tmp_path):
    import tifffile

    write_folder(tmp_path, 3)
    for number in range(3):
        (tmp_path / f"images/{number}.png").unlink()
        image = image_of(number, channels=1).astype("float32")
        image[0, 0] = np.nan if number == 1 else 0
        tifffile.imwrite(tmp_path / f"images/{number}.tif", image)
    (error,) = check_folder(tmp_path).errors
    assert error.sentence.startswith("1 images have values that are not finite: ")
    assert error.files == (str(tmp_path / "images/1.tif"),)
