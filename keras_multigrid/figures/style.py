"""What all pictures share: files, and colours that colour-blind eyes tell apart."""

import pathlib

import numpy as np

SUFFIXES = (".png", ".pdf")
# Okabe and Ito's colours.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vPX"
# Distinct also for colour-blind eyes, after Paul Tol's muted palette.
CLASS_COLOURS = np.array(
    [
        [0.80, 0.40, 0.47],
        [0.20, 0.13, 0.53],
        [0.87, 0.80, 0.47],
        [0.07, 0.47, 0.20],
        [0.53, 0.80, 0.93],
        [0.53, 0.13, 0.33],
        [0.27, 0.67, 0.60],
        [0.60, 0.60, 0.20],
        [0.67, 0.27, 0.60],
        [0.30, 0.30, 0.30],
    ]
)


def new_figure(path, width, height, layout="constrained", dpi=200):
    """Returns a figure of a size in inches, for a file that matplotlib can write."""
    if pathlib.Path(path).suffix not in SUFFIXES:
        raise ValueError(f"path is {str(path)!r}; expected one that ends in .png or .pdf.")
    try:
        from matplotlib.figure import Figure  # no pyplot: no display is needed
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install 'keras_multigrid[plot]'."
        ) from error
    return Figure(figsize=(width, height), dpi=dpi, layout=layout)


def draw_both(path, draw, *arguments):
    """Draws into a PNG and a PDF file; returns their paths.

    Args:
        path: Path without the suffix.
        draw: Function of a path and the arguments.
        *arguments: Of it.
    """
    paths = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    for each in paths:
        draw(each, *arguments)
    return paths


def open_frame(axis):
    """Leaves the left and the lower side of an axis' frame, over a light grid."""
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def stretched(image):
    """Returns an image, or several alike, in [0, 1], for display."""
    image = np.asarray(image, float)
    if not np.isfinite(image).all():
        raise ValueError("An image has values that are not finite; expected finite ones.")
    return (image - image.min()) / (np.ptp(image) or 1) if image.size else image
