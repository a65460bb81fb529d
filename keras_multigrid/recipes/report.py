"""What runs write for people: pictures of predictions, and the versions they ran with."""

import importlib.metadata
import platform

import keras

import keras_multigrid


def versions():
    """Returns the versions of Python and of the packages that a result depends on."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras_multigrid": keras_multigrid.__version__,
        **{name: importlib.metadata.version(name) for name in ("keras", "numpy", backend)},
    }


def draw_predictions(path, rows):
    """Draws images in rows, one column per sample.

    Args:
        path: Path of the PNG file.
        rows: Mapping from a row's label to its images, of shape `(samples, height, width, 1)`.
    """
    from matplotlib.figure import Figure  # no pyplot: no display is needed

    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(1.0 + columns, len(rows)), dpi=150, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, (label, images) in zip(axes, rows.items()):
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, image in zip(row, images):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    figure.savefig(path)
