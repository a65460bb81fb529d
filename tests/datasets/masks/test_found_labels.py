"""What the values of masks mean: what is clear, and what is asked back."""

import numpy as np
import pytest
from PIL import Image

from keras_multigrid.datasets.masks.labels import IGNORED
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from tests.datasets.masks.folders import image_of, mask_of, save, write_folder

PALETTE = [(0, 0, 0), (200, 10, 10), (10, 200, 10)]
COLOURS = np.array(PALETTE, "uint8")


def coloured(number):
    return COLOURS[mask_of(number, (0, 1, 2))]


def write_coloured(folder, masks=coloured, count=4):
    for number in range(count):
        save(folder / f"images/{number}.png", image_of(number))
        save(folder / f"masks/{number}.png", masks(number))
    return folder


def table_of(names=("floor", "wall", "door"), colours=PALETTE):
    return "".join(f"{name},{r},{g},{b}\n" for name, (r, g, b) in zip(names, colours))


@pytest.mark.parametrize(
    "values, names",
    [((0, 1), ["class 0", "class 1"]), ((0, 255), ["class 0", "class 255"]), ((0, 1, 2), None)],
)
def test_what_is_clear(tmp_path, values, names):
    mask_set = read_mask_set(write_folder(tmp_path, 4, values))
    assert mask_set.labels.values == mask_set.labels.written == values
    assert list(mask_set.labels.names) == (names or ["class 0", "class 1", "class 2"])
    for pair in mask_set.pairs:
        image, labels = mask_set.read(pair)
        assert labels.dtype == "int32"
        np.testing.assert_array_equal(image, image_of(int(pair.name)))
        np.testing.assert_array_equal(
            np.array(values)[labels], mask_of(int(pair.name), values).astype("int32")
        )


ASKED = {
    "0, 1, 255": (
        (0, 1, 255),
        r"255 \(in 4 of 4 files\), where 255 may .* ignore_index=255, or",
    ),
    "0, 128, 255": ((0, 128, 255), r"gaps between them; give --set mask_values=0,128,255 if each"),
    "0, 128": ((0, 128), "where 128 may be what does not count, or a class"),
    "1, 2": ((1, 2), r"and no 0; give --set mask_values=1,2 if these are all classes"),
    "a gap": ((0, 1, 3, 4), "with gaps between them; give --set mask_values=0,1,3,4 if each"),
    "one class": ((0,), "hold 0 alone; expected at least two classes"),
    "smoothed": (tuple(range(0, 255, 9)), r"hold 29 values, from 0 to 252, and \d+% of the pixels"),
}


@pytest.mark.parametrize("values, message", ASKED.values(), ids=ASKED)
def test_what_is_asked_back(tmp_path, values, message):
    with pytest.raises(ValueError, match=message) as error:
        read_mask_set(write_folder(tmp_path, 4, values))
    assert "\n" not in str(error.value)


ANSWERS = {
    "ignored": ((0, 1, 255), dict(ignore_index=255), (0, 1), (255,)),
    "a class": ((0, 1, 255), dict(mask_values=[0, 1, 255]), (0, 1, 255), ()),
    "another order": ((0, 255), dict(mask_values=[255, 0]), (255, 0), ()),
    "two ignored": ((0, 1, 3, 4), dict(ignore_index=[3, 4]), (0, 1), (3, 4)),
    "0 is ignored": ((0, 1, 2), dict(ignore_index=0, class_names=["a", "b"]), (1, 2), (0,)),
    "names, one absent": ((0, 1, 3), dict(class_names=list("abcd")), (0, 1, 2, 3), ()),
    "two names": ((0, 255), dict(class_names=["a", "b"]), (0, 255), ()),
    "names with void": (
        (0, 1, 2),
        dict(ignore_index=2, class_names=["a", "b", "Void"]),
        (0, 1),
        (2,),
    ),
}


@pytest.mark.filterwarnings("ignore:No training mask")
@pytest.mark.parametrize("values, options, expected, ignored", ANSWERS.values(), ids=ANSWERS)
def test_settings_answer(tmp_path, values, options, expected, ignored):
    mask_set = read_mask_set(write_folder(tmp_path, 4, values), **options)
    assert (mask_set.labels.values, mask_set.labels.ignored) == (expected, ignored)
    pair = mask_set.pairs[0]
    oracle = np.full(256, 99)
    oracle[list(ignored)] = IGNORED
    oracle[list(expected)] = np.arange(len(expected))
    labels = mask_set.read(pair)[1]
    np.testing.assert_array_equal(labels, oracle[mask_of(0, values)])
    counts = [np.sum(labels == label) for label in range(len(expected))]
    assert list(mask_set.counts[0]) == counts


REFUSED = {
    "value without a class": (
        (0, 1, 7),
        dict(class_names=["a", "b"]),
        r"7 \(in 4 of 4 files\), and the classes have the values 0,1: .*if it does not count, give",
    ),
    "0 and 255 for three": ((0, 255), dict(class_names=list("abc")), "hold 0 and 255 alone"),
    "0 and 255 for 256": (
        (0, 255),
        dict(class_names=[str(number) for number in range(256)]),
        "hold 0 and 255 alone, two classes, and there are 256 names",
    ),
    "unclear name": (
        (1, 2),
        dict(ignore_index=0, class_names=list("abc")),
        "whether a is its name is not clear: leave the name out, or give --set mask_values=1,2,3",
    ),
    "too few names": ((0, 1), dict(class_names=["a"], mask_values=[0, 1]), "2 values, and there a"),
    "ignored class": ((0, 1), dict(ignore_index=1, mask_values=[0, 1]), "without those of ignore"),
    "no integer": ((0, 1), dict(ignore_index="x"), "ignore_index is 'x'; expected an integer"),
    "names": ((0, 1), dict(class_names="ab"), "class_names is 'ab'; expected a list"),
}


@pytest.mark.parametrize("values, options, message", REFUSED.values(), ids=REFUSED)
def test_settings_that_do_not_fit(tmp_path, values, options, message):
    with pytest.raises(ValueError, match=message):
        read_mask_set(write_folder(tmp_path, 4, values), **options)


def test_masks_that_are_not_alike(tmp_path):
    write_folder(tmp_path, 4)
    save(tmp_path / "masks/0.png", mask_of(0, (0, 255)))
    with pytest.raises(ValueError, match="no file holds both 1 and 255: some masks seem to be 0"):
        read_mask_set(tmp_path)


def test_an_absent_class_is_kept_and_named(tmp_path):
    with pytest.warns(UserWarning, match="No training mask has the classes c; they are kept"):
        mask_set = read_mask_set(write_folder(tmp_path, 4), class_names=["a", "b", "c"])
    assert mask_set.labels.names == ("a", "b", "c")


def test_names_in_a_file(tmp_path):
    write_folder(tmp_path, 4, (0, 1, 2))
    (tmp_path / "classes.txt").write_text("floor\nwall\ndoor\n")
    assert read_mask_set(tmp_path).labels.names == ("floor", "wall", "door")
    with pytest.raises(ValueError, match=r"class_names is a, b, and .*txt names floor, wall, door"):
        read_mask_set(tmp_path, class_names=["a", "b"])
    (tmp_path / "classes.csv").write_text(table_of())
    with pytest.raises(ValueError, match="both name classes; keep one"):
        read_mask_set(tmp_path)


@pytest.mark.parametrize("file", ["classes.csv", "class_dict.csv", "labelmap.txt"])
def test_colours_with_a_file(tmp_path, file):
    text = {
        "classes.csv": table_of(),
        "class_dict.csv": "name,r,g,b\n" + table_of(),
        "labelmap.txt": "# label:color_rgb:parts:actions\nfloor:0,0,0::\nwall:200,10,10::\n"
        "door:10,200,10::\n",
    }[file]
    write_coloured(tmp_path)
    (tmp_path / file).write_text(text)
    mask_set = read_mask_set(tmp_path)
    assert mask_set.labels.coloured and mask_set.labels.names == ("floor", "wall", "door")
    assert mask_set.labels.values == mask_set.labels.colours == (0, 0xC80A0A, 0x0AC80A)
    assert mask_set.labels.written == (0, 1, 2)
    for pair in mask_set.pairs:
        expected = mask_of(int(pair.name), (0, 1, 2))
        np.testing.assert_array_equal(mask_set.read(pair)[1], expected)


def test_a_colour_is_ignored_by_its_number(tmp_path):
    write_coloured(tmp_path)
    (tmp_path / "classes.csv").write_text(table_of())
    mask_set = read_mask_set(tmp_path, ignore_index=0)
    assert mask_set.labels.names == ("wall", "door")
    np.testing.assert_array_equal(
        mask_set.read(mask_set.pairs[0])[1], mask_of(0, (0, 1, 2)).astype("int32") - 1
    )
    with pytest.raises(ValueError, match="ignore_index is 3; expected the number of a line in"):
        read_mask_set(tmp_path, ignore_index=3)


def test_colours_without_a_file_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"4 masks hold colours, .* #c80a0a; write classes\.csv"):
        read_mask_set(write_coloured(tmp_path))


def test_a_colour_in_no_table_is_named(tmp_path):
    write_coloured(tmp_path)
    (tmp_path / "classes.csv").write_text(table_of(("floor", "wall")))
    with pytest.raises(ValueError, match=r"1 colours that are not in .*: #0ac80a, in .*; add them"):
        read_mask_set(tmp_path)


@pytest.mark.parametrize(
    "line, message",
    [
        ("floor,0,0\n", "the line 'floor,0,0'; expected a name and a colour, such as road,128"),
        ("floor,0,0,300\n", "expected a name and a colour"),
        ("a,0,0,0\na,1,1,1\n", "names a, a; expected different names"),
        ("a,0,0,0\nb,0,0,0\n", "has one colour for two classes"),
    ],
)
def test_bad_tables_of_classes(tmp_path, line, message):
    write_folder(tmp_path, 2)
    (tmp_path / "classes.csv").write_text(line)
    with pytest.raises(ValueError, match=message):
        read_mask_set(tmp_path)


def with_palette(folder, palettes):
    for number, palette in enumerate(palettes):
        save(folder / f"images/{number}.png", image_of(number))
        save(folder / f"masks/{number}.png", mask_of(number, (0, 1, 2)), palette)
    return folder


def test_a_palette_gives_colours_to_numbers(tmp_path):
    labels = read_mask_set(with_palette(tmp_path, [PALETTE] * 3)).labels
    assert (labels.values, labels.coloured) == ((0, 1, 2), False)
    assert labels.colours == (0, 0xC80A0A, 0x0AC80A)


def test_palettes_that_differ_need_a_file(tmp_path):
    with_palette(tmp_path, [PALETTE, PALETTE, [PALETTE[0], PALETTE[2], PALETTE[1]]])
    with pytest.raises(ValueError, match="palettes in which 1 is #c80a0a and #0ac80a; name the co"):
        read_mask_set(tmp_path)
    (tmp_path / "classes.csv").write_text(table_of())
    mask_set = read_mask_set(tmp_path)
    by_name = {pair.name: mask_set.read(pair)[1] for pair in mask_set.pairs}
    np.testing.assert_array_equal(by_name["0"], mask_of(0, (0, 1, 2)))
    np.testing.assert_array_equal(by_name["2"], np.array([0, 2, 1])[mask_of(2, (0, 1, 2))])


def test_a_palette_as_in_the_file_is_read_by_its_numbers(tmp_path):
    with_palette(tmp_path, [PALETTE] * 3)
    (tmp_path / "labelmap.txt").write_text("a:0,0,0::\nb:200,10,10::\nc:10,200,10::\n")
    labels = read_mask_set(tmp_path).labels
    assert (labels.names, labels.values, labels.coloured) == (("a", "b", "c"), (0, 1, 2), False)


def test_a_file_of_grey_colours(tmp_path):
    write_folder(tmp_path, 3, (0, 100, 200))
    (tmp_path / "classes.csv").write_text("a,0,0,0\nb,200,200,200\nc,100,100,100\n")
    labels = read_mask_set(tmp_path).labels
    assert (labels.names, labels.values, labels.coloured) == (("a", "b", "c"), (0, 200, 100), False)


def test_grey_stored_as_colours_is_grey(tmp_path):
    write_coloured(tmp_path, lambda number: np.repeat(mask_of(number)[..., None], 3, -1))
    assert read_mask_set(tmp_path).labels.values == (0, 1)


def test_a_jpeg_is_refused(tmp_path):
    write_folder(tmp_path, 3)
    (tmp_path / "masks/1.png").unlink()
    Image.fromarray(mask_of(1, (0, 255))).save(tmp_path / "masks/1.jpg", quality=60)
    with pytest.raises(
        ValueError, match=r"1\.jpg is a JPEG, which changes the values of masks; save"
    ):
        read_mask_set(tmp_path)


def test_colours_among_numbers(tmp_path):
    write_folder(tmp_path, 3, (0, 1, 2))
    mask_set = read_mask_set(tmp_path)
    save(tmp_path / "masks/0.png", coloured(0))
    with pytest.raises(ValueError, match=r"1 masks hold colours, such as .*0\.png"):
        read_mask_set(tmp_path)
    with pytest.raises(ValueError, match=r"0\.png holds colours; expected the numbers of classes"):
        mask_set.read(next(pair for pair in mask_set.pairs if pair.name == "0"))
