"""Error against multiply-adds, the paper's beside ours (Table 1)."""

import dataclasses

from keras_multigrid import checks
from keras_multigrid.figures import style

MARKS = {  # colours and markers of families
    "VGG": (style.BLACK, "o"),
    "RES": (style.BLACK, "o"),
    "MG": (style.BLUE, "s"),
    "PMG": (style.VERMILION, "D"),
}
OTHER = (style.GREEN, "^")


@dataclasses.dataclass(frozen=True)
class Result:
    """A network's error.

    Attributes:
        family: The network's family, such as `"PMG"`; a line joins its results.
        macs: Multiply-adds per image.
        error: Test error in percent.
        is_residual: Whether the network has residual units.
        is_small: Whether it is one of the small variants.
        is_ours: Whether it was measured here; else it is the paper's.

    Example:

    >>> from keras_multigrid.figures import Result
    >>> result = Result("PMG", macs=183.3e6, error=29.41, is_residual=True, is_small=True)
    """

    family: str
    macs: float
    error: float
    is_residual: bool = False
    is_small: bool = False
    is_ours: bool = False

    def __post_init__(self):
        checks.fields(self)


def draw_error_cost(path, results):
    """Draws error against multiply-adds, a line per family of networks (paper, Table 1).

    Networks without residual units are in the left panel, those with in the right one. The
    paper's results are hollow, ours filled; the small variants' lines are dashed.

    Args:
        path: Path of the PNG or PDF file.
        results: List of `Result`.

    Raises:
        ValueError: If there are no results.

    Example:

    >>> from keras_multigrid.figures import Result, draw_error_cost
    >>> results = [Result("MG", 116.63e6, 32.08), Result("MG", 116.75e6, 31.5, is_ours=True)]
    >>> draw_error_cost("table1.png", results)
    """
    style.check_file(path)
    checks.lists(results=results)
    if not results:
        raise ValueError("There are no results; expected one or more.")
    panels = {
        title: [result for result in results if result.is_residual == is_residual]
        for title, is_residual in (("plain", False), ("residual", True))
    }
    panels = {title: found for title, found in panels.items() if found}
    figure = style.new_figure(3.6 * len(panels) + 0.2, 3.6)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (title, found) in zip(axes, panels.items()):
        lines = {}
        for result in sorted(found, key=lambda result: result.macs):
            kind = result.family, result.is_small, result.is_ours
            lines.setdefault(kind, []).append(result)
        for kind in dict.fromkeys((each.family, each.is_small, each.is_ours) for each in found):
            _draw(axis, *kind, lines[kind])
        axis.set_title(title, fontsize=8)
        style.log_costs(axis)
        axis.set_xlabel("multiply-adds per image (M)", fontsize=8)
        axis.tick_params(labelsize=7)
        style.open_frame(axis)
        axis.legend(fontsize=6.5, frameon=False)
    axes[0].set_ylabel("test error (%)", fontsize=8)
    figure.savefig(path)


def _draw(axis, family, is_small, is_ours, line):
    colour, marker = MARKS.get(family, OTHER)
    axis.plot(
        [result.macs / 1e6 for result in line],
        [result.error for result in line],
        color=colour,
        marker=marker,
        markersize=3.5 if is_small else 5,
        markerfacecolor=colour if is_ours else "white",
        linestyle="--" if is_small else "-",
        linewidth=1,
        label=f"{family}{'-sm' if is_small else ''}, {'ours' if is_ours else 'paper'}",
    )
