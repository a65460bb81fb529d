"""Attention by gradients: how a probed pixel of the output depends on each pixel of the input."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_multigrid import checks
from keras_multigrid.attention_maps.batches import even_batches, progress_bar
from keras_multigrid.attention_maps.probes import (
    check_channel,
    check_images,
    check_probes,
    predict_maps,
)

SEEN = 0.0455  # share of the largest gradient that bounds the effective receptive field


def input_gradient(model, images, probes=None, channel=None, batch_size=32, verbose="auto"):
    """Returns the gradient of each probed pixel of the output with respect to the image.

    It is exact for changes that are small; `occlusion_attention` asks about large ones. Beside the
    paper, after Simonyan et al., "Deep inside convolutional networks" (2014).

    Args:
        model: A `keras.Model` of any kind, with one input and one output that are like images.
        images: `(images, height, width, channels)`, as the model takes them.
        probes: As for `occlusion_attention`.
        channel: Number of the output's channel; None is the largest at the probe.
        batch_size: Gradients computed at once, which bounds the memory.
        verbose: `"auto"`, 0 (silent), 1 (a progress bar) or 2 (a line at the end).

    Returns:
        A float32 array `(images, probes, height, width, channels)`, with the images' sizes.

    Raises:
        ValueError: If the model's output is no image, or an argument does not fit the model.

    Example:

    >>> import keras, numpy as np
    >>> import keras_multigrid as kmg
    >>> image = keras.Input((8, 8, 1))
    >>> model = keras.Model(image, keras.layers.Rescaling(3.0)(image))
    >>> ones = np.ones((1, 8, 8, 1))
    >>> gradient = kmg.attention_maps.input_gradient(model, ones, [(2, 5)], verbose=0)
    >>> float(gradient[0, 0, 2, 5, 0]), float(gradient.sum())
    (3.0, 3.0)
    """
    checks.verbosity(verbose=verbose)
    images, places = _checked(model, images, probes, channel, batch_size)
    return _mean_gradients(model, images, 0.0, np.ones(1), places, batch_size, verbose)


def integrated_gradients(
    model,
    images,
    probes=None,
    baseline=None,
    steps=32,
    channel=None,
    batch_size=32,
    verbose="auto",
):
    """Returns how much each pixel of an image adds to each probed pixel of the output.

    Gradients are averaged along the straight way from a baseline to the image and multiplied by
    the difference, so that a map's sum is the difference of the outputs, the better the more steps
    (Sundararajan et al., "Axiomatic attribution for deep networks", 2017).

    Args:
        model, images, probes, channel, batch_size, verbose: As for `input_gradient`.
        baseline: What stands for nothing: an image `(height, width, channels)`, or a number; None
            is the smallest value of the images.
        steps: Gradients along the way.

    Returns:
        A float32 array `(images, probes, height, width, channels)`, signed.

    Raises:
        ValueError: If the model's output is no image, or an argument does not fit the model.

    Example:

    >>> import keras, numpy as np
    >>> import keras_multigrid as kmg
    >>> image = keras.Input((8, 8, 1))
    >>> square = keras.Model(image, keras.ops.square(image))
    >>> images = np.full((1, 8, 8, 1), 3.0)
    >>> maps = kmg.attention_maps.integrated_gradients(
    ...     square, images, [(2, 5)], baseline=1, verbose=0
    ... )
    >>> float(maps.sum())  # 3 * 3 - 1 * 1
    8.0
    """
    checks.optional(checks.arrays, baseline=baseline)
    checks.verbosity(verbose=verbose)
    checks.integers(1, steps=steps)
    images, places = _checked(model, images, probes, channel, batch_size)
    try:
        baseline = np.broadcast_to(
            images.min() if baseline is None else np.asarray(baseline, "float32"), images.shape[1:]
        )
    except ValueError as error:
        raise ValueError(
            f"The baseline has shape {np.shape(baseline)}; expected an image, {images.shape[1:]}, "
            "or a number."
        ) from error
    shares = (np.arange(steps) + 0.5) / steps  # the middles of the steps
    gradients = _mean_gradients(model, images, baseline, shares, places, batch_size, verbose)
    return gradients * (images - baseline)[:, None]


@dataclasses.dataclass(frozen=True)
class ReceptiveField:
    """What a pixel of the output sees, measured.

    Attributes:
        sensitivity: `(height, width)`, the mean absolute gradient of each pixel of the input, of
            its channels the largest.
        probe: Row and column of the pixel in the output.

    Example:

    >>> import numpy as np
    >>> from keras_multigrid.attention_maps import ReceptiveField
    >>> field = ReceptiveField(np.array([[0, 0, 0], [0, 1, 0.5], [0, 0.01, 0]]), probe=(1, 1))
    >>> field.box, field.effective_pixels
    ((1, 1, 2, 2), 2)
    """

    sensitivity: np.ndarray
    probe: tuple[int, int]

    @property
    def box(self):
        """First row, first column, last row and last column that have any influence, or None."""
        rows, columns = np.nonzero(self.sensitivity)
        if not len(rows):
            return None
        return tuple(int(end) for end in (rows.min(), columns.min(), rows.max(), columns.max()))

    @property
    def effective_pixels(self):
        """Number of pixels with at least 4.55 % of the largest influence (Luo et al., 2016)."""
        largest = self.sensitivity.max()
        return int((self.sensitivity >= SEEN * largest).sum()) if largest else 0


def receptive_field(model, images, probe=None, channel=None, batch_size=32, verbose="auto"):
    """Measures which pixels of the input a pixel of the output sees, and how much of them.

    The absolute gradients are averaged over the images, for where a maximum or a ReLU passes
    nothing on depends on the image: a few dozen images show the whole field. After Luo et al.,
    "Understanding the effective receptive field" (2016).

    Args:
        model, images, channel, batch_size, verbose: As for `input_gradient`; images of noise will
            do.
        probe: Row and column in the output; None is its middle.

    Returns:
        A `ReceptiveField`.

    Raises:
        ValueError: If the model's output is no image, or an argument does not fit the model.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> noise = np.random.default_rng(0).normal(size=(8, 64, 64, 1))
    >>> model = kmg.applications.SGSEG(width_multiplier=0.2)
    >>> field = kmg.attention_maps.receptive_field(model, noise, verbose=0)
    >>> field.probe, field.box  # eight convolutions see eight pixels to each side
    ((32, 32), (24, 24, 40, 40))
    """
    checks.models(model=model)
    checks.positive_integers(batch_size=batch_size)
    if probe is None:
        images = check_images(model, images)
        height, width = predict_maps(model, images[:1], batch_size).shape[1:3]
        probe = (height // 2, width // 2)
    gradients = input_gradient(model, images, [probe], channel, batch_size, verbose)
    sensitivity = np.abs(gradients[:, 0]).mean(axis=0).max(axis=-1)
    return ReceptiveField(sensitivity, (int(probe[0]), int(probe[1])))


def _checked(model, images, probes, channel, batch_size):
    """Returns images, and for each the places of its probes among the output's values."""
    checks.models(model=model)
    checks.integers(1, batch_size=batch_size)
    images = check_images(model, images)
    outputs = predict_maps(model, images, batch_size)
    check_channel(channel, outputs)
    rows, columns = np.moveaxis(check_probes(probes, outputs), -1, 0)
    if channel is None:
        channel = outputs[np.arange(len(images))[:, None], rows, columns].argmax(-1)
    _, _, width, channels = outputs.shape
    return images, (rows * width + columns) * channels + channel


def _mean_gradients(model, images, baseline, shares, places, batch_size, verbose):
    """Returns gradients `(images, probes, height, width, channels)`, means along a way.

    Args:
        images, places: As of `_checked`.
        baseline: Where the way to the images begins.
        shares: Of the way, at which gradients are taken.
    """
    count, probes = places.shape
    batches = even_batches(list(np.ndindex(count, probes, len(shares))), batch_size)
    gradient = _gradient_function(model)
    progress = progress_bar(len(batches), verbose)
    means = np.zeros((count, probes, *images.shape[1:]), "float32")
    for batch in batches:
        padded = [*batch, *batch[:1] * (len(batches[0]) - len(batch))]
        image, probe, share = np.array(padded).T
        along = shares[share][:, None, None, None]
        inputs = (baseline + along * (images[image] - baseline)).astype("float32")
        gradients = gradient(inputs, places[image, probe].astype("int32"))
        own = slice(len(batch))
        np.add.at(means, (image[own], probe[own]), gradients[own] / len(shares))
        progress.add(1)
    return means


def _gradient_function(model):
    """Returns a function from images and a place for each to gradients, as NumPy arrays.

    The samples of a batch do not mix, so that the gradient of the places' sum is that of each.
    """

    def probed(images, places):
        outputs = ops.cast(model(images, training=False), "float32")
        flat = ops.reshape(outputs, (images.shape[0], -1))
        return ops.sum(ops.take_along_axis(flat, places[:, None], axis=1))

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def gradient(images, places):
            with tf.GradientTape() as tape:
                tape.watch(images)
                value = probed(images, places)
            return tape.gradient(value, images, unconnected_gradients="zero")

        return lambda *arrays: gradient(*map(tf.constant, arrays)).numpy()
    if backend == "jax":
        import jax

        gradient = jax.jit(jax.grad(probed))
        return lambda *arrays: np.asarray(gradient(*map(ops.convert_to_tensor, arrays)))

    import torch

    def gradient(images, places):
        images = ops.convert_to_tensor(images).requires_grad_()
        value = probed(images, ops.convert_to_tensor(places))
        if not value.requires_grad:  # the image has no part in it
            return np.zeros(tuple(images.shape), "float32")
        found = torch.autograd.grad(value, images, allow_unused=True, materialize_grads=True)
        return ops.convert_to_numpy(found[0])

    return gradient
