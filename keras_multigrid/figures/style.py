"""What all pictures share: their files, one palette, and how images, lines and axes look."""

import pathlib

import numpy as np

from keras_multigrid import checks

SUFFIXES = (".png", ".pdf")
# Okabe and Ito's colours, which colour-blind eyes tell apart.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = "osD^vPX"
DARK_GREY, GREY, LIGHT_GREY, PALE_BLUE = "0.4", "0.6", "0.87", "#DDEAF4"
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


def check_file(path):
    """Raises a `ValueError`, before anything is computed, if no picture can be written there."""
    checks.paths(path=path)
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES or not path.parent.is_dir():
        raise ValueError(
            f"path is {str(path)!r}; expected a name that ends in .png or .pdf, in a folder that "
            "exists."
        )


def check_result(kind, attributes, **values):
    """Checks what another module returns by its attributes, so that it need not be imported."""
    for name, value in values.items():
        if not all(hasattr(value, attribute) for attribute in attributes):
            raise ValueError(f"{name} is a {type(value).__name__}; expected a {kind}.")


def new_figure(width, height, layout="constrained", dpi=200):
    """Returns a figure of a size in inches."""
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
        *arguments: Passed on to it.
    """
    paths = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    for each in paths:
        draw(each, *arguments)
    return paths


def stretched(image):
    """Returns an image, or several alike, in [0, 1], for display."""
    image = np.asarray(image, float)
    if not np.isfinite(image).all():
        raise ValueError("An image has values that are not finite; expected finite ones.")
    return (image - image.min()) / (np.ptp(image) or 1) if image.size else image


def show(axis, image, **options):
    """Shows an image with values in [0, 1], grey if it has one channel."""
    image = np.asarray(image)
    image = image[..., 0] if image.shape[2:] == (1,) else image
    axis.imshow(image, **{"cmap": "gray", "vmin": 0, "vmax": 1, **options})


def frame(axis, colour=GREY, linewidth=0.4):
    """Puts a line round an image, without ticks."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(color=colour, linewidth=linewidth)


def outline(axis, left, top, side, **options):
    """Outlines a square part of an image."""
    from matplotlib.patches import Rectangle

    axis.add_patch(Rectangle((left, top), side, side, fill=False, **options))


def open_frame(axis):
    """Leaves the left and the lower side of an axis' frame, over a light grid."""
    axis.grid(color=LIGHT_GREY, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def log_costs(axis):
    """Makes the horizontal axis logarithmic, with round numbers."""
    axis.set_xscale("log")
    axis.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")


def legend_of_lines(figure, lines, **options):
    """Adds a legend below a figure, of pairs of a label and a colour, or of what `Line2D` takes."""
    from matplotlib.lines import Line2D

    styles = [(label, v if isinstance(v, dict) else {"color": v}) for label, v in lines]
    handles = [Line2D([], [], label=label, **style) for label, style in styles]
    options = {"loc": "outside lower center", "ncols": len(handles), "fontsize": 7, **options}
    figure.legend(handles=handles, frameon=False, **options)
