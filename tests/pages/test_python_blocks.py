"""The Python of the pages runs, block after block in one namespace, at smoke size."""

import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg
from tests.pages import reading
from tests.pages.small import BLOCKS_SMALLER

RANDOM = np.random.default_rng(0)
PAGES = [path for path in reading.PAGES if reading.python_blocks(path)]


def own_photographs():
    return {
        "your_images": RANDOM.integers(0, 256, (10, 32, 32, 3), np.uint8),
        "your_labels": np.arange(10),
    }


def own_network():
    images = RANDOM.uniform(size=(2, 48, 48, 1)).astype("float32")
    masks = (RANDOM.uniform(size=(2, 48, 48, 10)) < 0.5).astype("float32")
    model = kmg.applications.PMGSEG(
        input_shape=(48, 48, 1), channel_ratios=(1, 1 / 2), repeats=1, width_multiplier=1 / 16
    )
    model.compile(loss="binary_crossentropy", metrics=[kmg.metrics.RegionIoU()])
    return {"model": model, "images": images, "data": tf.data.Dataset.from_tensors((images, masks))}


SUPPOSED = {  # what the reader has
    "README.md": own_photographs,
    "docs/how_to/classify.md": own_photographs,
    "docs/how_to/flip.md": own_photographs,
    "docs/how_to/tune.md": own_photographs,
    "docs/how_to/explain.md": own_network,
}


@pytest.mark.parametrize("page", PAGES, ids=reading.name_of)
def test_blocks_run_in_their_order(page, folder, request):
    if not request.config.getoption("--runslow"):
        request.getfixturevalue("eagerly")
    name = reading.name_of(page)
    namespace = SUPPOSED[name]() if name in SUPPOSED else {}
    for block in reading.python_blocks(page):
        if "localhost:8501" in block:
            continue  # goes to the server, in test_commands.py
        for text, smaller in BLOCKS_SMALLER.items():
            block = block.replace(text, smaller)
        exec(compile(block, name, "exec"), namespace)


def test_each_entry_of_the_lists_is_on_a_page():
    blocks = [block for page in PAGES for block in reading.python_blocks(page)]
    for text in BLOCKS_SMALLER:
        assert any(text in block for block in blocks), text
    assert {*SUPPOSED} <= {reading.name_of(page) for page in PAGES}
