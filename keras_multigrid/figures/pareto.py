"""Scores against multiply-adds, of the trials of a search."""

from keras_multigrid import checks
from keras_multigrid.figures import style

STYLES = {
    "shorter trainings": {"facecolor": "none", "edgecolor": style.GREY},
    "trials": {"color": style.GREY},
    "the first trial": {"color": style.VERMILION, "marker": "D", "zorder": 3},
}


def draw_pareto(path, trials, front, metric="score"):
    """Draws scores against multiply-adds, with the Pareto front: what no trial betters in both.

    Args:
        path: Path of the PNG or PDF file.
        trials: Mapping from `"trials"`, `"shorter trainings"` and `"the first trial"`, each of
            which may be missing, to points `(macs, score)`.
        front: Points `(macs, score, label)`, from the fewest multiply-adds to the most.
        metric: What the score is, for the label.

    Raises:
        ValueError: If there are no points on the front, or a group has another name.

    Example:

    >>> import keras_multigrid as kmg
    >>> trials = {"trials": [(1e6, 0.7), (2e6, 0.8), (2e6, 0.6)]}
    >>> kmg.figures.draw_pareto("pareto.png", trials, [(1e6, 0.7, "small"), (2e6, 0.8, "large")])
    """
    style.check_file(path)
    checks.mappings(trials=trials)
    checks.lists(front=front)
    checks.texts(metric=metric)
    if not front or not set(trials) <= set(STYLES):
        raise ValueError(
            f"There are {len(front)} points on the front, and trials are of {list(trials)}; "
            f"expected one point or more, and of {list(STYLES)}."
        )
    figure = style.new_figure(6.4, 4.4, dpi=120)
    axis = figure.subplots()
    for label, options in STYLES.items():
        if trials.get(label):
            macs, scores = zip(*trials[label])
            axis.scatter([each / 1e6 for each in macs], scores, s=28, label=label, **options)
    macs, scores, labels = zip(*front)
    macs = [each / 1e6 for each in macs]
    options = {"where": "post", "marker": "o", "color": style.BLUE, "zorder": 2}
    axis.step(macs, scores, label="Pareto front", **options)
    above = scores[-1] >= scores[0]  # labels are on the side where the front leaves room
    for place, label in zip(zip(macs, scores), labels):
        offset = (5, 5 if above else -10)
        axis.annotate(label, place, offset, textcoords="offset points", fontsize=7)
    axis.set_xlabel("multiply-adds per image (M)", fontsize=8)
    axis.set_ylabel(metric, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.margins(0.12)
    style.open_frame(axis)
    axis.legend(fontsize=8, frameon=False)
    figure.savefig(path)
