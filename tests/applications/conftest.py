"""What the tests of weights share."""

import pytest

from tests.applications.saving import SUFFIXES, save, segmenter
from tests.random_weights import randomize


@pytest.fixture(scope="package")
def saved(tmp_path_factory):
    """A folder with a network in all kinds of files, and the network."""
    folder = tmp_path_factory.mktemp("saved")
    model = segmenter()
    randomize(model)
    for suffix in SUFFIXES:
        save(model, folder / f"net{suffix}")
    return folder, model
