"""Attention by occlusion: where noise in the input changes the output (paper, Figures 6 and 7)."""

import dataclasses

import numpy as np

from keras_multigrid import checks
from keras_multigrid.attention_maps.batches import even_batches, progress_bar
from keras_multigrid.attention_maps.probes import (
    check_channel,
    check_images,
    check_probes,
    predict_maps,
)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What an occluder changed, at each of its positions.

    Attributes:
        outputs: `(images, height, width, channels)`, of the images as they are.
        probes: `(images, probes, 2)`, rows and columns in the outputs.
        changes: `(images, probes, rows, columns)`, one entry per position of the occluder: the
            largest absolute change of the output in the window round the probe.
        occluder: `(side, side, channels)`, the noise.
        stride: Pixels from one position to the next.
        window: Side of the window round a probe.
        image_size: Height and width of the images.
        channel: The output's channel that was looked at; None is the one that changed most.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.attention_maps import Sweep
    >>> changes, probes = np.array([[[[1.0, 2.0]]]]), np.array([[[0, 0]]])
    >>> output, noise = np.zeros((1, 2, 3, 1)), np.ones((2, 2, 1))
    >>> swept = Sweep(output, probes, changes, noise, stride=1, window=1, image_size=(2, 3))
    >>> swept.maps()[0, 0].tolist()  # the middle is covered twice
    [[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]
    """

    outputs: np.ndarray
    probes: np.ndarray
    changes: np.ndarray
    occluder: np.ndarray
    stride: int
    window: int
    image_size: tuple[int, int]
    channel: int | None = None

    def maps(self, threshold=0.0):
        """Returns the attention maps `(images, probes, height, width)`.

        Each pixel has the sum of the changes of all positions at which it was covered.

        Args:
            threshold: Changes below it count as none; the paper's release takes 0.1.
        """
        changes = np.where(self.changes >= threshold, self.changes, 0)
        images, probes, *positions = changes.shape
        height, width = self.image_size
        rows, columns = map(self._covered, positions)
        by_row = np.zeros((images, probes, height, positions[1]), "float32")
        for covered in rows:
            by_row[:, :, covered] += changes
        maps = np.zeros((images, probes, height, width), "float32")
        for covered in columns:
            maps[..., covered] += by_row
        return maps

    def _covered(self, positions):
        """Returns, for each row of the occluder, which rows of the image it covers; or columns."""
        last = self.stride * (positions - 1)
        return [slice(row, row + last + 1, self.stride) for row in range(len(self.occluder))]


def occlusion_attention(
    model,
    images,
    probes=None,
    occluder_size=8,
    stride=1,
    window=3,
    seed=0,
    threshold=0.0,
    channel=None,
    noise_range=None,
    batch_size=32,
    verbose="auto",
):
    """Returns attention maps: what parts of an image each probed pixel of the output heeds.

    A square of uniform random noise slides over the image; a pixel's attention is the sum, over
    all positions that cover it, of the largest absolute change of the output in a window round the
    probe (paper, Figures 6 and 7).

    Args:
        model: A `keras.Model` of any kind, with one input and one output that are like images.
        images: `(images, height, width, channels)`, as the model takes them.
        probes: Integers `(probes, 2)`, rows and columns in the output, or `(images, probes, 2)`,
            other ones for each image. None is `bounding_box_probes` of each output. All share one
            sweep, and cost hardly more than one.
        occluder_size: Side of the square, in pixels of the image.
        stride: Pixels from one position to the next. The square stays within the image: if the
            stride does not divide what is left beside it, the last rows or columns are not covered.
        window: Side of the window round a probe, odd; at the border it is cut off.
        seed: Of the noise, which is the same at all positions of all images.
        threshold: Changes below it count as none; the paper's release takes 0.1.
        channel: Number of the output's channel that is looked at; None is the one that changes
            most.
        noise_range: Smallest and largest value of the noise; None is those of `images`. Given, a
            map does not depend on which other images there are.
        batch_size: Images computed at once, which bounds the memory.
        verbose: `"auto"`, 0 (silent), 1 (a progress bar) or 2 (a line at the end).

    Returns:
        A float32 array `(images, probes, height, width)`, with the size of the images; the unit is
        that of the output.

    Raises:
        ValueError: If the model's output is no image, or an argument does not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.SGSEG(width_multiplier=0.1, input_shape=(32, 32, 1))
    >>> images = np.random.default_rng(0).normal(size=(1, 32, 32, 1))
    >>> maps = kmg.attention_maps.occlusion_attention(
    ...     model, images, [(16, 16)], stride=4, window=1, verbose=0
    ... )
    >>> maps.shape
    (1, 1, 32, 32)
    >>> bool(maps[0, 0, 16, 16] > 0), float(maps[0, 0, 0, 0])  # SG-11 sees 8 pixels to each side
    (True, 0.0)
    """
    checks.numbers(threshold=threshold)
    swept = sweep(
        model,
        images,
        probes,
        occluder_size,
        stride,
        window,
        seed,
        channel,
        noise_range,
        batch_size,
        verbose,
    )
    return swept.maps(threshold)


def sweep(
    model,
    images,
    probes=None,
    occluder_size=8,
    stride=1,
    window=3,
    seed=0,
    channel=None,
    noise_range=None,
    batch_size=32,
    verbose="auto",
):
    """Returns the changes at each position of the occluder, of which attention maps are made.

    Args:
        model, images, probes, occluder_size, stride, window, seed, channel, noise_range,
            batch_size, verbose: As for `occlusion_attention`.

    Returns:
        A `Sweep`.

    Raises:
        ValueError: As `occlusion_attention`.

    Example:

    >>> import keras
    >>> import keras_multigrid as kmg
    >>> images = keras.Input((16, 16, 1))
    >>> identity = keras.Model(images, keras.layers.Identity()(images))
    >>> swept = kmg.attention_maps.sweep(identity, [[[[0.0]] * 16] * 16], [(4, 4)], verbose=0)
    >>> swept.changes.shape, swept.maps(threshold=0.1).shape
    ((1, 1, 9, 9), (1, 1, 16, 16))
    """
    checks.models(model=model)
    checks.verbosity(verbose=verbose)
    images = check_images(model, images)
    size = images.shape[1:3]
    checks.integers(1, min(size), occluder_size=occluder_size)
    checks.integers(1, stride=stride, window=window, batch_size=batch_size)
    checks.integers(0, seed=seed)
    if window % 2 == 0:
        raise ValueError(f"window is {window}; expected an odd number, for its middle is a probe.")
    rows, columns = (range(0, side - occluder_size + 1, stride) for side in size)
    batches = even_batches([(row, column) for row in rows for column in columns], batch_size)
    room = len(batches[0])
    # In batches of the same size, for rounding depends on it: what sees nothing changes nothing.
    outputs = np.concatenate(
        [predict_maps(model, np.repeat(image[None], room, axis=0), room)[:1] for image in images]
    )
    probes = check_probes(probes, outputs)
    check_channel(channel, outputs)
    low, high = _noise_range(noise_range, images)
    shape = (occluder_size, occluder_size, images.shape[-1])
    occluder = np.random.default_rng(seed).uniform(low, high, shape).astype("float32")
    progress = progress_bar(len(images) * len(batches), verbose)
    found = []
    for image, output, places in zip(images, outputs, probes):
        watched = _windows(places, output.shape[:2], window)
        for batch in batches:
            occluded = _occluded(image, occluder, batch, room)
            changed = model.predict_on_batch(occluded)[: len(batch)]
            found.append(_changes(changed, output, watched, channel))
            if not np.isfinite(found[-1]).all():
                raise ValueError("The model's output of an occluded image is not finite.")
            progress.add(1)
    found = np.concatenate(found).reshape(len(images), len(rows), len(columns), -1)
    found = np.ascontiguousarray(np.moveaxis(found, 3, 1))
    return Sweep(outputs, probes, found, occluder, stride, window, size, channel)


def _windows(probes, size, window):
    """Returns the numbers of the pixels round each probe, counted along the rows of the output."""
    reach = np.arange(window) - window // 2
    height, width = size
    # Beyond the border a pixel of the border is looked at again: the largest stays the same.
    rows = np.clip(probes[:, :1] + reach, 0, height - 1)
    columns = np.clip(probes[:, 1:] + reach, 0, width - 1)
    return (rows[:, :, None] * width + columns[:, None]).reshape(len(probes), -1)


def _changes(changed, before, watched, channel):
    """Returns the largest absolute change in each window, `(outputs, probes)`."""
    differences = np.abs(changed.astype("float32") - before)
    channels = range(differences.shape[-1]) if channel is None else [channel]
    # Slice by slice: NumPy's maximum over a short last axis is many times slower.
    largest = np.maximum.reduce([differences[..., each] for each in channels])
    by_pixel = np.ascontiguousarray(largest.reshape(len(largest), -1).T)
    in_windows = by_pixel[watched[:, 0]]
    for pixels in watched.T[1:]:
        np.maximum(in_windows, by_pixel[pixels], out=in_windows)
    return in_windows.T


def _occluded(image, occluder, corners, room):
    """Returns copies of an image, `room` of them, each occluded at one of the corners."""
    images = np.repeat(image[None], room, axis=0)
    side = len(occluder)
    for copy, (row, column) in zip(images, corners):
        copy[row : row + side, column : column + side] = occluder
    return images


def _noise_range(noise_range, images):
    if noise_range is None:
        low, high = float(images.min()), float(images.max())
        return low, (high if high > low else low + 1)  # of images without contrast
    try:
        low, high = map(float, noise_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"noise_range is {noise_range!r}; expected the smallest and the largest value, such as "
            "(0, 1)."
        )
    return low, high
