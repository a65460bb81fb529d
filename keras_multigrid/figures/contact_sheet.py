"""A page of samples of a data set, to look at."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures.style import CLASS_COLOURS, new_figure, stretched

COLUMNS = 8


def draw_contact_sheet(path, dataset, samples=32, title=None):
    """Draws the first samples of a data set: images with their labels, or above their masks.

    Args:
        path: Path of the PNG or PDF file.
        dataset: A dataset of `(images, targets)`, such as `load` returns; of ten crops the first is
            shown. Images that leave [0, 1], as normalized ones do, are stretched to it.
        samples: Number of samples.
        title: Line above the samples.

    Raises:
        ValueError: If there are no samples, or the file is of another kind.
        ImportError: If matplotlib is missing.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.datasets import load
    >>> from keras_multigrid.figures import draw_contact_sheet
    >>> data = load("located_mnist/textured", "test", batch_size=16, source="digits")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "samples.png")
    ...     draw_contact_sheet(path, data, samples=16)
    ...     path.read_bytes()[1:4]
    b'PNG'
    """
    import tensorflow as tf

    checks.instances(tf.data.Dataset, dataset=dataset)
    checks.paths(path=path)
    checks.positive_integers(samples=samples)
    checks.optional(checks.texts, title=title)
    images, targets = _first(dataset, samples)
    masks = targets if targets.ndim == 4 else None
    lines = -(-len(images) // COLUMNS)
    per_line = 1 if masks is None else 2
    figure = new_figure(path, COLUMNS, lines * per_line * 1.1 + 0.4, dpi=120)
    axes = figure.subplots(lines * per_line, COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, image in enumerate(images):
        line, column = divmod(index, COLUMNS)
        axis = axes[line * per_line, column]
        axis.imshow(_visible(image), cmap="gray", vmin=0, vmax=1)
        if masks is None:
            axis.set_title(str(targets[index]), fontsize=7, pad=2)
        else:
            axes[line * per_line + 1, column].imshow(_coloured(masks[index]))
    figure.suptitle(title, fontsize=9)
    figure.savefig(path)


def _first(dataset, samples):
    images, targets, found = [], [], 0
    for batch_images, batch_targets in dataset.as_numpy_iterator():
        images.append(batch_images)
        targets.append(batch_targets)
        found += len(batch_images)
        if found >= samples:
            break
    if not found:
        raise ValueError("The data set has no samples.")
    images, targets = np.concatenate(images)[:samples], np.concatenate(targets)[:samples]
    return images[:, 0] if images.ndim == 5 else images, targets


def _visible(image):
    if image.min() < 0 or image.max() > 1:
        image = stretched(image)
    return image[..., 0] if image.shape[-1] == 1 else image


def _coloured(masks):
    """Returns one picture of the masks of all classes, mixing the colours where they overlap."""
    if masks.shape[-1] == 1:
        return np.repeat(masks, 3, axis=-1)
    count = masks.sum(axis=-1, keepdims=True)
    return np.where(count > 0, masks @ CLASS_COLOURS / np.maximum(count, 1), 1)
