"""What all pictures share: files, and colours that colour-blind eyes tell apart."""

import pathlib

SUFFIXES = (".png", ".pdf")
# Okabe and Ito's colours.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vPX"


def new_figure(path, width, height, layout="constrained"):
    """Returns a figure of a size in inches, for a file that matplotlib can write."""
    if pathlib.Path(path).suffix not in SUFFIXES:
        raise ValueError(f"path is {str(path)!r}; expected one that ends in .png or .pdf.")
    try:
        from matplotlib.figure import Figure  # no pyplot: no display is needed
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install 'keras_multigrid[plot]'."
        ) from error
    return Figure(figsize=(width, height), dpi=200, layout=layout)


def open_frame(axis):
    """Leaves the left and the lower side of an axis' frame, over a light grid."""
    axis.grid(color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
