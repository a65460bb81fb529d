"""Small folders of images and masks, drawn."""

import csv
import pathlib

import numpy as np
from PIL import Image

SIZE = (12, 16)


def image_of(number, size=SIZE, channels=3):
    """Returns an image that no other number has."""
    rng = np.random.default_rng(number)
    shape = size if channels == 1 else (*size, channels)
    return rng.integers(0, 256, shape, dtype="uint8")


def mask_of(number, values=(0, 1), size=SIZE):
    """Returns a mask in which each value comes, the later ones more rarely."""
    rng = np.random.default_rng(1000 + number)
    shares = 0.3 ** np.arange(len(values))
    mask = rng.choice(values, size, p=shares / shares.sum())
    mask.flat[: len(values)] = values
    return mask.astype("uint8")


def save(path, array, palette=None):
    """Writes an array as an image file, with a palette of colours, a list of triples, if given."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if palette is not None:
        image = Image.fromarray(array, "L")
        image.putpalette([level for colour in palette for level in colour])
    image.save(path)
    return path


def write_folder(folder, count=6, values=(0, 1), masks="masks", **options):
    """Writes `images/0.png` and so on, with masks of these values."""
    folder = pathlib.Path(folder)
    for number in range(count):
        save(folder / "images" / f"{number}.png", image_of(number, **options))
        save(folder / masks / f"{number}.png", mask_of(number, values))
    return folder


def write_table(path, rows):
    """Writes a CSV file of dictionaries."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path
