"""The table of the papers' networks: the papers' figures, arguments, preprocessing, signatures."""

import csv
import inspect
import pathlib

import numpy as np
import pytest

import keras_multigrid as kmg

zoo = kmg.applications
TABLES = pathlib.Path(__file__).parents[1] / "tables"
NOT_OURS = ("ResNet-34 C", "WRN-34 (2.0)")
COLUMNS = {
    "1": {"paper_error_pct": "error"},
    "2": {"mean_iou_pct": "mean IoU", "mean_error_pct": "pixel error"},
    "3": {"mean_iou_pct": "mean IoU", "mean_error_pct": "pixel error"},
    "4": {
        "top1_10crop": "top-1 error, 10 crops",
        "top5_10crop": "top-5 error, 10 crops",
        "top1_single": "top-1 error",
        "top5_single": "top-5 error",
    },
}


def rows_of(table):
    lines = (TABLES / f"table{table}.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    found = {row["method"]: row for row in rows if row["method"] not in NOT_OURS}
    if table == "4":
        found["VGG-16-ImageNet"] = found.pop("VGG-16")  # Table 1 has another
    return found


@pytest.mark.parametrize("table", COLUMNS)
def test_figures_are_the_papers(table):
    expected = rows_of(table)
    found = {row.name: row for row in zoo.PAPER_MODELS if table in row.scores}
    assert found.keys() == expected.keys()
    for name, row in found.items():
        scores = {ours: expected[name][theirs] for theirs, ours in COLUMNS[table].items()}
        assert row.scores[table] == {key: float(value) for key, value in scores.items() if value}
        if table == "1":
            assert row.params == float(expected[name]["paper_params_m"])
            assert row.macs == float(expected[name]["paper_macs_m"])


def test_names_tell_arguments_kinds_and_units():
    """The fields, of which no name is parsed in the package, are what the names say."""
    for row in zoo.PAPER_MODELS:
        second = row.name.endswith(("MNIST", "ImageNet")) and row.name[0] in "MB"
        expected = {"M": "top-down", "B": "baseline"}[row.name[0]] if second else None
        multigrid = "multigrid" if "MG" in row.name else "single grid"
        assert row.kind == (expected or multigrid), row.name
        assert row.residual == row.name.startswith(("R-", "RES", "ResNet")), row.name
        if "1" in row.scores:
            assert row.name.endswith(f"-{row.arguments['depth']}")
            assert ("-sm-" in row.name) == row.arguments.get("small", False)
            assert row.family == row.name.removeprefix("R-").partition("-")[0]


def test_tables():
    assert zoo.paper_model("PMG-11").table == "2, 3"
    assert zoo.paper_model("M1-MNIST").table == "II.3"
    assert zoo.paper_model("R-MG-18").table == ""


CONSTRUCTORS = {row.constructor.__name__: row.constructor for row in zoo.PAPER_MODELS}


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_arguments_are_explicit_and_all_but_two_given_by_name(name):
    parameters = list(inspect.signature(CONSTRUCTORS[name]).parameters.values())
    assert [each.name for each in parameters[:2]] == ["include_top", "weights"]
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters[2:])
    assert {"input_tensor", "input_shape", "classes", "name"} <= {each.name for each in parameters}
    assert all(each.default is not each.empty for each in parameters)
    documented = CONSTRUCTORS[name].__doc__
    assert all(f"\n    {each.name}: " in documented for each in parameters)


def test_repeats_replaces_the_depth_of_a_name():
    row = zoo.paper_model("R-PMG-sm-16")
    assert row.arguments_with(repeats=3) == {"small": True, "repeats": 3}
    assert row.arguments_with(repeats=None, classes=5)["depth"] == 16
    with pytest.raises(ValueError, match="depth of R-PMG-sm-16 is 16; leave it out"):
        row.arguments_with(depth=30)


def test_preprocessing_is_the_networks_own():
    white = np.full((1, 4, 4, 3), 255, "uint8")
    own = {
        row.name: float(np.asarray(row.preprocess_input(white))[0, 0, 0, 0])
        for row in zoo.PAPER_MODELS
        if row.preprocess_input not in (None, zoo.preprocess_digits)
    }
    rgb = pytest.approx((1 - 0.485) / 0.229, rel=1e-6)
    second = {f"{kind}{n}-ImageNet": 1 for kind in ("M", "BL") for n in (1, 2)}
    caffe = {"VGG-16-ImageNet": 255 - 103.939, "ResNet-50": 255 - 103.939}
    first = {"R-MG-18": rgb, "R-MG-34": rgb, "R-PMG-30-SEG": rgb}
    assert own == {**first, **second, **{key: pytest.approx(v) for key, v in caffe.items()}}
    digits = [row for row in zoo.PAPER_MODELS if row.preprocess_input is zoo.preprocess_digits]
    assert {row.table for row in digits} == {"2, 3", "2"}
