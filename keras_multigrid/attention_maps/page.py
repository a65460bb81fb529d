"""A page on which pointing at a pixel of the output shows what it heeds: one file, no network."""

import base64
import html
import importlib.resources
import json
import math
import re

import numpy as np

from keras_multigrid import checks
from keras_multigrid.attention_maps.occlusion import sweep
from keras_multigrid.attention_maps.probes import check_images, predict_maps
from keras_multigrid.figures.style import stretched
from keras_multigrid.whole_files import write_text

MOST_BYTES = 24 * 2**20  # of all changes: a page of more can hardly be opened


def write_attention_page(
    path,
    model,
    images,
    title=None,
    occluder_size=8,
    stride=4,
    window=3,
    seed=0,
    channel=None,
    probe_stride=None,
    batch_size=32,
    verbose="auto",
    names=None,
):
    """Writes an HTML page that shows the attention map of each pixel of the output.

    Every pixel is a probe of one sweep of the occluder (paper, Figures 6 and 7). The file has all
    it needs, and works without a network.

    Args:
        path: Path of the HTML file.
        model, images, occluder_size, window, seed, channel, batch_size, verbose: As for
            `occlusion_attention`; the images have 1 or 3 channels.
        title: Of the page; None names the model.
        stride: Pixels from one position of the occluder to the next; the file has a byte for each
            position and probe: 1.2 MB per image of 64x64 pixels.
        probe_stride: Only each so many rows and columns of the output are probes; the pixels
            between share theirs. None takes all, or as many as fit into a page.
        names: Of the images, such as those of their files; None numbers them.

    Raises:
        ValueError: If the page would be too large, there is not a name for each image, or as of
            `occlusion_attention`.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.05, input_shape=(32, 32, 1))
    >>> images = np.random.default_rng(0).random((1, 32, 32, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "attention.html")
    ...     kmg.attention_maps.write_attention_page(path, model, images, stride=8, verbose=0)
    ...     path.read_text()[:15]
    '<!doctype html>'
    """
    checks.paths(path=path)
    checks.models(model=model)
    checks.optional(checks.texts, title=title)
    checks.verbosity(verbose=verbose)
    images = check_images(model, images)
    checks.integers(1, min(images.shape[1:3]), occluder_size=occluder_size)
    checks.integers(1, stride=stride, batch_size=batch_size)
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"The images have {images.shape[-1]} channels; expected 1 or 3.")
    checks.optional(checks.lists, names=names)
    if names is None:
        names = [f"Image {number}" for number in range(1, len(images) + 1)]
    elif len(names) != len(images):
        raise ValueError(f"names is {names!r}; expected {len(images)}, one for each image.")
    height, width = predict_maps(model, images[:1], batch_size).shape[1:3]
    positions = [(side - occluder_size) // stride + 1 for side in images.shape[1:3]]

    def size(probe_stride):
        probes = -(-height // probe_stride) * -(-width // probe_stride)
        return len(images) * probes * math.prod(positions)

    if probe_stride is None:
        strides = range(1, max(height, width))
        probe_stride = next((each for each in strides if size(each) <= MOST_BYTES), 1)
    checks.integers(1, probe_stride=probe_stride)
    if size(probe_stride) > MOST_BYTES:
        raise ValueError(
            f"The page would have {size(probe_stride) / 2**20:,.0f} MiB; expected at most "
            f"{MOST_BYTES // 2**20}. Take fewer images, or a larger stride or probe_stride."
        )
    rows, columns = np.arange(0, height, probe_stride), np.arange(0, width, probe_stride)
    probes = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    swept = sweep(
        model,
        images,
        probes,
        occluder_size,
        stride,
        window,
        seed,
        channel,
        batch_size=batch_size,
        verbose=verbose,
    )
    template = importlib.resources.files(__package__).joinpath("page.html").read_text("utf-8")
    data = json.dumps(_data(images, names, swept, probe_stride))
    parts = {
        "title": html.escape(_printable(title or f"What {model.name} heeds")),
        "method": _method(swept),
        "data": data.replace("<", r"\u003c"),  # a name must not end the script that holds it
    }
    text = re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], template)  # at once: texts have {{
    write_text(path, text)


def _method(swept):
    side = len(swept.occluder)
    what = "the channel that changes most" if swept.channel is None else f"channel {swept.channel}"
    return (
        f"A square of {side} x {side} pixels of noise was slid over the input, {swept.stride} "
        "pixels at a time. A pixel's attention is the sum, over all places that covered it, of the "
        f"largest change of the output ({what}) in {swept.window} x {swept.window} pixels round "
        "the pixel pointed at."
    )


def _data(images, names, swept, probe_stride):
    shown = slice(None) if swept.channel is None else [swept.channel]
    outputs = swept.outputs[..., shown].max(-1)
    low, high = min(0.0, float(outputs.min())), max(1.0, float(outputs.max()))
    return {
        "imageSize": images.shape[1:3],
        "channels": images.shape[-1],
        "outputSize": outputs.shape[1:],
        "outputRange": (low, high),
        "positions": swept.changes.shape[2:],
        "stride": swept.stride,
        "occluderSize": len(swept.occluder),
        "probeStride": probe_stride,
        "images": [
            {
                "name": _printable(name),
                "input": _encoded(255 * image),
                "output": _encoded(255 * (output - low) / (high - low)),
                **_changes(changes),
            }
            for name, image, output, changes in zip(
                names, stretched(images), outputs, swept.changes
            )
        ],
    }


def _changes(changes):
    """Returns the changes of each probe as bytes, relative to its largest."""
    most = changes.max((1, 2))
    relative = changes / np.where(most > 0, most, 1)[:, None, None]
    return {
        "changes": _encoded(255 * relative),
        "most": base64.b64encode(most.astype("<f4").tobytes()).decode(),
    }


def _printable(name):
    """Returns a name with its lone surrogates spelled out, which files have that are not UTF-8."""
    return str(name).encode("utf-8", "backslashreplace").decode()


def _encoded(values):
    return base64.b64encode(np.round(values).astype("uint8").tobytes()).decode()
