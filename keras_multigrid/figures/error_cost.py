"""Error against multiply-adds, the paper's beside ours (Table 1)."""

import dataclasses

from keras_multigrid import checks
from keras_multigrid.figures.style import BLACK, BLUE, GREEN, VERMILION, new_figure, open_frame

KINDS = {  # in the colours and markers of the figure
    "VGG": (BLACK, "o"),
    "RES": (BLACK, "o"),
    "MG": (BLUE, "s"),
    "PMG": (VERMILION, "D"),
}
OTHER = (GREEN, "^")


@dataclasses.dataclass(frozen=True)
class Result:
    """A network's error.

    Attributes:
        network: Its name, such as `"R-PMG-sm-16"`.
        macs: Multiply-adds per image.
        error: Test error in percent.
        is_ours: Whether it was measured here; else it is the paper's.

    Example:

    >>> from keras_multigrid.figures import Result
    >>> result = Result("R-PMG-sm-16", macs=183.3e6, error=29.41)
    >>> result.family, result.is_residual
    ('PMG-sm', True)
    """

    network: str
    macs: float
    error: float
    is_ours: bool = False

    def __post_init__(self):
        checks.fields(self)

    @property
    def family(self):
        """The name without depth and R-, such as `"PMG-sm"`."""
        return self.network.removeprefix("R-").rpartition("-")[0]

    @property
    def is_residual(self):
        """Whether the network has residual units."""
        return self.network.startswith(("R-", "RES"))


def draw_error_cost(path, results):
    """Draws error against multiply-adds, a line per family of networks (paper, Table 1).

    Networks without residual units are in the left panel, those with in the right one. The
    paper's results are hollow, ours filled; the small variants' lines are dashed.

    Args:
        path: Path of the PNG or PDF file.
        results: List of `Result`.

    Raises:
        ValueError: If there are no results.
        ImportError: If matplotlib is missing.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_multigrid.figures import Result, draw_error_cost
    >>> results = [Result("MG-6", 116.63e6, 32.08), Result("MG-6", 116.75e6, 31.5, is_ours=True)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "table1.png")
    ...     draw_error_cost(path, results)
    ...     path.read_bytes()[1:4]
    b'PNG'
    """
    checks.paths(path=path)
    checks.lists(results=results)
    if not results:
        raise ValueError("There are no results; expected one or more.")
    panels = {
        title: [result for result in results if result.is_residual == is_residual]
        for title, is_residual in (("plain", False), ("residual", True))
    }
    panels = {title: found for title, found in panels.items() if found}
    figure = new_figure(path, 3.6 * len(panels) + 0.2, 3.6)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, found) in zip(axes, panels.items()):
        families = dict.fromkeys((result.family, result.is_ours) for result in found)
        for family, is_ours in families:
            line = [each for each in found if (each.family, each.is_ours) == (family, is_ours)]
            _draw(axis, family, is_ours, sorted(line, key=lambda result: result.macs))
        axis.set_title(title, fontsize=8)
        axis.set_xscale("log")
        axis.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel("multiply-adds per image (M)", fontsize=8)
        axis.tick_params(labelsize=7)
        open_frame(axis)
        axis.legend(fontsize=6.5, frameon=False)
    axes[0].set_ylabel("test error (%)", fontsize=8)
    figure.savefig(path)


def _draw(axis, family, is_ours, line):
    kind, _, size = family.partition("-")
    colour, marker = KINDS.get(kind, OTHER)
    axis.plot(
        [result.macs / 1e6 for result in line],
        [result.error for result in line],
        color=colour,
        marker=marker,
        markersize=3.5 if size else 5,
        markerfacecolor=colour if is_ours else "white",
        linestyle="--" if size else "-",
        linewidth=1,
        label=f"{family}, {'ours' if is_ours else 'paper'}",
    )
