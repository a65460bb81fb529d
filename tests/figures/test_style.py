"""What all pictures share: where they can be written, and in which formats."""

import inspect

import numpy as np
import pytest

from keras_multigrid import figures
from keras_multigrid.figures.style import draw_both

PICTURES = [name for name in figures.__all__ if name.startswith("draw_")]


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("file", ["figure", "figure.jpg", "missing/figure.png"])
def test_files_that_cannot_be_written_are_refused_before_anything_else(name, file, tmp_path):
    draw = getattr(figures, name)
    needed = [
        each for each in inspect.signature(draw).parameters.values() if each.default is each.empty
    ]
    message = rf"{file}'; expected a name that ends in \.png or \.pdf, in a folder that exists\."
    with pytest.raises(ValueError, match=message):
        draw(tmp_path / file, *needed[1:])


def test_the_suffix_chooses_the_format(tmp_path):
    columns = [[figures.Panel({"": np.ones((1, 4, 4, 3))})]]
    starts = [
        path.read_bytes()[:4] for path in draw_both(tmp_path / "a.b", figures.draw_panels, columns)
    ]
    assert starts == [b"\x89PNG", b"%PDF"]
    figures.draw_panels(tmp_path / "LARGE.PNG", columns)
    assert (tmp_path / "LARGE.PNG").read_bytes().startswith(b"\x89PNG")
    assert len([*tmp_path.iterdir()]) == 3
