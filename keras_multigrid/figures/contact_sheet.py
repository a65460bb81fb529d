"""A page of samples of a data set, to look at."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

COLUMNS = 8


def draw_contact_sheet(path, images, targets, title=None):
    """Draws samples of a data set: images with their labels, or above their masks.

    Args:
        path: Path of the PNG or PDF file.
        images: `(samples, height, width, 1 or 3)`, or `(samples, crops, height, width, 1 or 3)`, of
            which the first crop is shown. Images that leave [0, 1], as normalized ones do, are
            stretched to it.
        targets: Labels `(samples,)`, or masks `(samples, height, width, classes)`.
        title: Line above the samples.

    Raises:
        ValueError: If there are no samples, or not a target for each.

    Example:

    >>> import keras_multigrid as kmg
    >>> data = kmg.datasets.load("located_mnist/textured", "test", batch_size=16, source="digits")
    >>> images, labels = next(data.as_numpy_iterator())
    >>> kmg.figures.draw_contact_sheet("samples.png", images, labels)
    """
    style.check_file(path)
    checks.arrays(images=images, targets=targets)
    checks.optional(checks.texts, title=title)
    images, targets = np.asarray(images), np.asarray(targets)
    images = images[:, 0] if images.ndim == 5 else images
    if images.ndim != 4 or not len(images) or targets.shape[:1] != images.shape[:1]:
        raise ValueError(
            f"The images have shape {images.shape}, the targets {targets.shape}; expected "
            "(samples, height, width, 1 or 3), a target for each, and at least one."
        )
    masks = targets if targets.ndim == 4 else None
    lines = -(-len(images) // COLUMNS)
    per_line = 1 if masks is None else 2
    figure = style.new_figure(COLUMNS, lines * per_line * 1.1 + 0.4, dpi=120)
    axes = figure.subplots(lines * per_line, COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, image in enumerate(images):
        line, column = divmod(index, COLUMNS)
        axis = axes[line * per_line, column]
        style.show(axis, style.stretched(image) if image.min() < 0 or image.max() > 1 else image)
        if masks is None:
            axis.set_title(str(targets[index]), fontsize=7, pad=2)
        else:
            style.show(axes[line * per_line + 1, column], _coloured(masks[index]))
    figure.suptitle(title, fontsize=9)
    figure.savefig(path)


def _coloured(masks):
    """Returns one picture of the masks of all classes, mixing the colours where they overlap."""
    if masks.shape[-1] == 1:
        return masks
    count = masks.sum(axis=-1, keepdims=True)
    return np.where(count > 0, masks @ style.CLASS_COLOURS / np.maximum(count, 1), 1)
