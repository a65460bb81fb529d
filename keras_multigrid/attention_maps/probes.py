"""Where outputs are probed: pixels whose attention maps are asked for."""

import numpy as np

from keras_multigrid import checks


def bounding_box_probes(outputs):
    """Returns seven probes on what each output shows, as the release of the paper places them.

    The corners of the bounding box, the middles of its left and right sides, and its centre; the
    box has all pixels above the middle between the output's smallest and its largest value.

    Args:
        outputs: `(images, height, width, channels)`, what a network returns.

    Returns:
        Integers `(images, 7, 2)`, rows and columns.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.attention_maps import bounding_box_probes
    >>> outputs = np.zeros((1, 9, 9, 1))
    >>> outputs[0, 2:7, 3:6] = 1
    >>> bounding_box_probes(outputs)[0].tolist()
    [[2, 3], [2, 5], [6, 3], [6, 5], [4, 3], [4, 5], [4, 4]]
    """
    checks.arrays(outputs=outputs)
    probes = []
    for output in np.max(outputs, axis=-1):
        rows, columns = np.nonzero(output >= (output.min() + output.max()) / 2)
        (top, bottom), (left, right) = ((each.min(), each.max()) for each in (rows, columns))
        middle, centre = (top + bottom) // 2, (left + right) // 2
        corners = [(top, left), (top, right), (bottom, left), (bottom, right)]
        probes.append([*corners, (middle, left), (middle, right), (middle, centre)])
    return np.array(probes)


def check_probes(probes, outputs):
    """Returns probes as integers `(images, probes, 2)`; None is those of `bounding_box_probes`.

    Args:
        probes: None, `(probes, 2)` for all images alike, or `(images, probes, 2)`.
        outputs: `(images, height, width, channels)`.

    Raises:
        ValueError: If they have another shape, or lie outside.
    """
    if probes is None:
        return bounding_box_probes(outputs)
    probes = np.asarray(probes)
    count, height, width, _ = outputs.shape
    if probes.ndim == 2:
        probes = np.broadcast_to(probes, (count, *probes.shape))
    shape = probes.shape
    if len(shape) != 3 or shape[0] != count or not shape[1] or shape[2] != 2:
        raise ValueError(
            f"The probes have shape {shape}; expected (probes, 2), rows and columns in the output, "
            f"or ({count}, probes, 2), other ones for each image."
        )
    if probes.dtype.kind not in "iu":
        raise ValueError(f"The probes are {probes.dtype}; expected integers.")
    outside = ((probes < 0) | (probes >= (height, width))).any(-1)
    if outside.any():
        row, column = probes[outside][0]
        raise ValueError(
            f"Probe ({row}, {column}) is outside the output; expected rows from 0 to "
            f"{height - 1} and columns from 0 to {width - 1}."
        )
    return probes
