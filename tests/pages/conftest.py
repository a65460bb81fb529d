"""What the pages suppose, and small sets of samples."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from keras_multigrid.datasets import Segmentation, SpatialTransformer
from tests.datasets.masks.folders import write_folder

SAMPLES = {"train": 40, "validation": 30, "test": 30}


@pytest.fixture
def folder(tmp_path, monkeypatch, drawn_without_xla):
    """A working directory with what the pages suppose, where sets of samples are small."""
    tfds.disable_progress_bar()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "data"))
    for drawing in (Segmentation, SpatialTransformer):
        monkeypatch.setattr(drawing, "SAMPLES", SAMPLES)
    Image.fromarray(np.zeros([64, 64], np.uint8)).save("image.png")
    write_folder("photos", 4, values=(0, 1, 255))
