"""What a package index and a citation show, and the numbers that the pages keep."""

import csv
import re
import runpy

import pytest
import setuptools

import keras_multigrid as kmg
from keras_multigrid.applications import PAPER_MODELS
from tests.pages import reading

CHEAP = ("VGG-6", "MG-sm-6", "SG-11", "M1-MNIST", "BL1-MNIST")


@pytest.fixture
def long_description(monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, "setup", lambda **options: given.update(options))
    runpy.run_path(str(reading.ROOT / "setup.py"))
    return given["long_description"]


def test_the_long_description_stands_alone(long_description):
    assert "![" not in long_description and "<!--" not in long_description
    assert all(
        link.startswith("https://") for link in re.findall(r"\]\(([^)]*)\)", long_description)
    )
    assert "Quickstart (`docs/start/quickstart.md`)" in long_description
    assert "keras-multigrid train segmentation" in long_description


def test_the_readme_is_short():
    assert (reading.ROOT / "README.md").stat().st_size <= 8 * 1024


def test_the_citation_is_of_this_version():
    text = (reading.ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.*)$", text, re.MULTILINE) == [kmg.__version__]


def counted():
    with open(reading.ROOT / "docs/reference/counts.csv", newline="") as file:
        return {row["network"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=[] if model.name in CHEAP else pytest.mark.slow, id=model.name)
        for model in PAPER_MODELS
    ],
)
def test_counts_of_the_networks_page_are_those_of_the_models(model):
    row, counts = counted()[model.name], kmg.complexity.count(model.constructor, **model.arguments)
    assert int(row["parameters"]) == counts.trainable_params
    assert int(row["multiply_adds"]) == counts.macs


def test_counts_are_of_all_networks():
    assert [*counted()] == [model.name for model in PAPER_MODELS]
