"""Scores of networks against what they cost, a panel for each kind of cost."""

from keras_multigrid import checks
from keras_multigrid.figures import style

PANEL = (3.4, 3.2)  # inches


def draw_comparison(path, panels, metric="mean IoU"):
    """Draws the mean score of each network against its cost, with a line over its trainings.

    Args:
        path: Path of the PNG or PDF file.
        panels: Mapping from the label of a cost to a mapping from networks to `(cost, scores)`,
            the scores a list, one for each training.
        metric: What the score is, for the label.

    Raises:
        ValueError: If there is no panel, a panel has no networks, or a network no scores.

    Example:

    >>> import keras_multigrid as kmg
    >>> networks = {"U-NET": (0.2, [0.41, 0.43]), "PMG": (0.3, [0.44, 0.45])}
    >>> kmg.figures.draw_comparison("comparison.png", {"a step (s)": networks})
    """
    style.check_file(path)
    checks.mappings(panels=panels)
    checks.texts(metric=metric)
    for label, networks in panels.items():
        for network, (cost, scores) in networks.items():
            if not cost > 0 or not scores:
                raise ValueError(
                    f"{network} in {label!r} has a cost of {cost} and {len(scores)} scores; "
                    "expected a positive cost, and a score or more."
                )
    if not panels or not all(panels.values()):
        raise ValueError("There are no networks to draw; expected a panel of one or more.")
    width, height = PANEL
    figure = style.new_figure(width * len(panels), height + 0.4, dpi=150)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    looks = {}
    for network in (network for networks in panels.values() for network in networks):
        looks.setdefault(network, _look(len(looks)))
    for axis, (label, networks) in zip(axes, panels.items()):
        for network, (cost, scores) in networks.items():
            marker, colour = looks[network]
            axis.plot([cost] * 2, [min(scores), max(scores)], color=colour, linewidth=1)
            mean = sum(scores) / len(scores)
            axis.plot(cost, mean, marker, color=colour, markersize=6, label=network)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.margins(0.12)
        axis.set_xlim(left=0)  # costs that are all but equal look so
        style.open_frame(axis)
    axes[0].set_ylabel(metric, fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    options = {"loc": "outside lower center", "fontsize": 7, "frameon": False}
    figure.legend(handles, labels, ncols=min(5, len(labels)), **options)
    figure.savefig(path)


def _look(number):
    """Returns a marker and a colour that no other of the first 49 networks has both of."""
    kinds = len(style.COLOURS)
    return style.MARKERS[number % kinds], style.COLOURS[(number + number // kinds) % kinds]
