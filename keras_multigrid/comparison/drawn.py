"""A small folder of images and masks, drawn, to try a comparison on."""

import numpy as np
from PIL import Image

SIZE = (48, 64)
IMAGES = {"train": 8, "val": 4}
CLASSES = ("ground", "disc", "stripe")


def draw_folder(folder):
    """Draws discs and stripes on noise, the same each time; returns the folder."""
    generator = np.random.default_rng(0)
    rows, columns = np.indices(SIZE)
    for split, count in IMAGES.items():
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            top, left = generator.integers(10, 38, 2)
            place = generator.integers(0, 56)
            mask = np.where((columns >= place) & (columns < place + 6), 2, 0).astype("uint8")
            mask[(rows - top) ** 2 + (columns - left) ** 2 < 81] = 1
            image = generator.normal(60, 15, (*SIZE, 3)) + 80 * np.eye(3)[mask]
            image = image.clip(0, 255).astype("uint8")
            Image.fromarray(image).save(folder / split / "images" / f"{number}.png")
            Image.fromarray(mask).save(folder / split / "masks" / f"{number}.png")
    (folder / "classes.txt").write_text("\n".join([*CLASSES, ""]))
    return folder
