"""What cross-validation comes to, over its folds."""

import numpy as np

from keras_multigrid.whole_files import write_json, write_text

FOLDS, SUMMARY = "folds.md", "folds.json"


def write_folds(folder, recipe, folds):
    """Writes a table of the folds' scores, with their mean and spread.

    Args:
        folder: Path of the folder of all folds.
        recipe: Their `Recipe`.
        folds: List of what `run` returned for each.

    Returns:
        Dictionary of the mean and the sample standard deviation of each metric.
    """
    names = [name for name in folds[0]["results"] if all(name in f["results"] for f in folds)]
    values = {name: [fold["results"][name] for fold in folds] for name in names}
    summary = {
        name: {
            "mean": float(np.mean(of_folds)),
            "deviation": float(np.std(of_folds, ddof=1)),
            "folds": of_folds,
        }
        for name, of_folds in values.items()
    }
    lines = [
        f"# {recipe.folds} folds of {recipe.folder_name()}",
        "",
        "Each fold was tested by a network that has not seen it, with its last weights: the best "
        "by validation would flatter. The spread is the standard deviation over folds.",
        "",
        f"| | {' | '.join(f'fold {number}' for number in range(len(folds)))} | mean | spread |",
        f"|---|{'---:|' * (len(folds) + 2)}",
        *(_row(name, **scores) for name, scores in summary.items()),
        "",
    ]
    write_text(folder / FOLDS, "\n".join(lines))
    write_json(folder / SUMMARY, summary)
    for name in ("mean_iou", "mean_dice", "pixel_accuracy"):
        if name in summary:
            scores = summary[name]
            print(f"  {name:<16} {scores['mean']:.4f}, spread {scores['deviation']:.4f}")
    print(f"Written to {folder}: {FOLDS}, {SUMMARY}, and a run of each fold")
    return summary


def _row(name, folds, mean, deviation):
    cells = [f"{value:.4f}" for value in (*folds, mean, deviation)]
    return f"| {name} | {' | '.join(cells)} |"
