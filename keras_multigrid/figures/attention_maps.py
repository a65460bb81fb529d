"""Attention maps over images (paper, Figures 6 and 7)."""

import numpy as np

from keras_multigrid import checks
from keras_multigrid.figures import style

INCH = 0.95  # side of a picture
PROBE_COLOURS = style.COLOURS[1:] + style.COLOURS[:1]  # vermilion and green first
PROBE_MARKERS = style.MARKERS
LEAST_POSITIONS = 4  # of the occluder that are shown
MOST_PROBES = len(PROBE_MARKERS)
PROBE_LINE = 1.6  # width of the frame in a probe's colour


def draw_attention_maps(path, images, attention):
    """Draws what influences probed pixels of outputs, image by image (paper, Figure 6).

    A row per image: the image, and for each network its output with the probes, and the attention
    map of each probe, framed in the probe's colour.

    Args:
        path: Path of the PNG or PDF file.
        images: `(images, height, width, 1 or 3)`, in any range.
        attention: Mapping from networks to `(outputs, probes, maps)`: outputs `(images, height,
            width, channels)`, of which the largest channel is shown, from 0 to 1; probes `(images,
            probes, 2)`; and maps `(images, probes, height, width)` as of `Sweep.maps`,
            each drawn from zero to its own largest value.

    Raises:
        ValueError: If there are no networks or more than 7 probes, or shapes do not agree.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.05, input_shape=(32, 32, 1), classes=1)
    >>> images = np.random.default_rng(0).random((2, 32, 32, 1))
    >>> swept = kmg.attention_maps.sweep(model, images, [(9, 9), (20, 9)], stride=6, verbose=0)
    >>> shown = {"PMG-11": (swept.outputs, swept.probes, swept.maps())}
    >>> kmg.figures.draw_attention_maps("figure6.png", images, shown)
    """
    style.check_file(path)
    checks.arrays(images=images)
    checks.mappings(attention=attention)
    images = np.asarray(images)
    attention = {name: tuple(map(np.asarray, shown)) for name, shown in attention.items()}
    _check(images, attention)
    widths = [1 + probes.shape[1] for _, probes, _ in attention.values()]
    columns, rows = 1 + sum(widths), len(images)
    width, height = INCH * columns + 0.12 * len(widths), INCH * rows + 0.3
    figure = style.new_figure(width, height, layout=None)

    def place(row, column, gaps):
        left, bottom = INCH * column + 0.12 * gaps + 0.03, INCH * (rows - row - 1) + 0.03
        side = INCH - 0.06
        return figure.add_axes((left / width, bottom / height, side / width, side / height))

    for row, image in enumerate(images):
        axis = place(row, 0, 0)
        _show(axis, style.stretched(image))
        titled = [(axis, "input")]
        column = 1
        for gaps, (network, (outputs, probes, maps)) in enumerate(attention.items(), 1):
            axis = place(row, column, gaps)
            _show(axis, outputs[row].max(-1))
            titled.append((axis, network))
            for probe, colour, marker in zip(probes[row], PROBE_COLOURS, PROBE_MARKERS):
                _mark(axis, probe, colour, marker)
            for number, map_ in enumerate(maps[row]):
                axis = place(row, column + 1 + number, gaps)
                _show_map(axis, map_, map_.max(), PROBE_COLOURS[number], PROBE_LINE)
                titled.append((axis, f"probe {number + 1}"))
            column += widths[gaps - 1]
        if row == 0:
            for axis, title in titled:
                axis.set_title(title, fontsize=8, pad=4)
    figure.savefig(path)


def draw_attention_generation(path, image, model, swept, index=0):
    """Draws how an attention map comes about (paper, Figure 7).

    Above: the image under some positions of the occluder, what the network makes of each, and how
    it differs from the output of the image as it is, with the window round the probe that changed
    most. Below: the attention map of each probe, framed in the probe's colour.

    Args:
        path: Path of the PNG or PDF file.
        image: `(height, width, 1 or 3)`, one of those that were swept.
        model: The network.
        swept: The network's `kmg.attention_maps.Sweep`.
        index: Number of the image in the sweep.

    Raises:
        ValueError: If there are more than 7 probes.

    Example:

    >>> import numpy as np
    >>> import keras_multigrid as kmg
    >>> model = kmg.applications.PMGSEG(width_multiplier=0.05, input_shape=(32, 32, 1), classes=1)
    >>> images = np.random.default_rng(0).random((1, 32, 32, 1))
    >>> swept = kmg.attention_maps.sweep(model, images, stride=6, verbose=0)
    >>> kmg.figures.draw_attention_generation("figure7.png", images[0], model, swept)
    """
    style.check_file(path)
    needed = ("outputs", "probes", "changes", "occluder", "maps")
    style.check_result("kmg.attention_maps.Sweep", needed, swept=swept)
    checks.arrays(image=image)
    checks.models(model=model)
    checks.integers(index=index)
    output, probes = swept.outputs[index], swept.probes[index]
    changes, maps = swept.changes[index], swept.maps()[index]
    check_probe_count(len(probes))
    most = int(changes.max((1, 2)).argmax())
    count = max(len(probes), LEAST_POSITIONS)
    corners = _some_corners(changes[most], count) * swept.stride
    occluded = np.repeat(np.asarray(image, "float32")[None], len(corners), axis=0)
    side = len(swept.occluder)
    for copy, (row, column) in zip(occluded, corners):
        copy[row : row + side, column : column + side] = swept.occluder
    shown = slice(None) if swept.channel is None else [swept.channel]
    changed = model.predict(occluded, verbose=0)[..., shown]
    differences = np.abs(changed - output[..., shown]).max(-1)

    figure = style.new_figure(INCH * (1 + count) + 0.6, INCH * 4 + 0.5)
    axes = figure.subplots(4, 1 + count)
    for axis in axes.flat:
        axis.axis("off")
    for axis, label in zip(axes[:, 0], ("occluded", "output", "change", "attention")):
        axis.text(0.95, 0.5, label, transform=axis.transAxes, ha="right", va="center", fontsize=8)
    for column, corner in enumerate(corners, 1):
        _show(axes[0, column], style.stretched(occluded[column - 1]))
        _outline(axes[0, column], corner, side)
        _show(axes[1, column], changed[column - 1].max(-1))
        _show_map(axes[2, column], differences[column - 1], differences.max())
        corner = probes[most] - swept.window // 2
        _outline(axes[2, column], corner, swept.window)
    for number, map_ in enumerate(maps):
        _show_map(axes[3, number + 1], map_, map_.max(), PROBE_COLOURS[number], PROBE_LINE)
    for column in range(1, len(corners) + 1):
        for place, colour, marker in zip(probes, PROBE_COLOURS, PROBE_MARKERS):
            _mark(axes[1, column], place, colour, marker)
    figure.savefig(path)


def _some_corners(changes, count):
    """Returns occluder positions, from the one that changes most to one that changes little."""
    order = np.argsort(changes, axis=None)[::-1]
    shares = np.linspace(0, 1, count) ** 2  # changes fall off quickly
    chosen = order[(shares * (changes.size // 2)).astype(int)]
    return np.stack(np.unravel_index(chosen, changes.shape), axis=1)


def _show(axis, picture):
    style.show(axis, picture)
    axis.axis("on")
    style.frame(axis)


def _show_map(axis, map_, largest, colour=style.GREY, linewidth=0.4):
    """Shows what is measured, from zero to the largest value, in a frame."""
    style.show(axis, map_, cmap="magma", vmax=largest or 1)
    axis.axis("on")
    style.frame(axis, colour, linewidth)


def _mark(axis, probe, colour, marker):
    row, column = probe
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6, "markersize": 4.5}
    axis.plot(column, row, marker, color=colour, clip_on=False, **edge)


def _outline(axis, corner, side):
    row, column = corner
    style.outline(axis, column - 0.5, row - 0.5, side, color="white", lw=0.9)


def _check(images, attention):
    if not attention:
        raise ValueError("There are no networks; expected one or more.")
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"The images have shape {images.shape}; expected (images, height, width, 1 or 3)."
        )
    for network, (outputs, probes, maps) in attention.items():
        check_probe_count(probes.shape[1])
        if maps.shape[1:2] != probes.shape[1:2]:
            raise ValueError(
                f"{network!r} has {probes.shape[1]} probes and maps of shape {maps.shape}; "
                "expected a map for each probe."
            )
        if not len(outputs) == len(probes) == len(maps) == len(images):
            raise ValueError(
                f"{network!r} has {len(outputs)} outputs, probes of {len(probes)} and maps of "
                f"{len(maps)} images; expected {len(images)} of each, as there are images."
            )


def check_probe_count(count):
    """Raises a `ValueError` if there are more probes than can be told apart."""
    if count > MOST_PROBES:
        raise ValueError(
            f"There are {count} probes; expected at most {MOST_PROBES}, for more cannot be told "
            "apart. Pass fewer."
        )
