"""What the trainings of a comparison have found so far, read from their folders."""

from keras_multigrid.runs.run_folder import LOG, RESULTS
from keras_multigrid.runs.trained import read_results
from keras_multigrid.training.json_lines import read_json_lines


def finished_networks(output):
    """Returns the folder of each network that has a finished training, by label."""
    return {path.parent.name: path.parent for path in _finished(output)}


def finished_run(folder):
    """Returns the folder of a network's first finished training."""
    return min(path.parent for path in folder.glob(f"seed-*/{RESULTS}"))


def read_trainings(output):
    """Returns, for each network, what its trainings have found, by seed.

    Returns:
        A dictionary from a label to one from a seed to the run's metrics, with `val_mean_iou`, the
        best by validation, which is known of each epoch.
    """
    found = {}
    for folder in _finished(output):
        metrics = read_results(folder / RESULTS)
        epochs = [epoch.get("val_mean_iou") for epoch in read_json_lines(folder / LOG)]
        best = max((value for value in epochs if value is not None), default=None)
        seed = int(folder.name.removeprefix("seed-"))
        found.setdefault(folder.parent.name, {})[seed] = {**metrics, "val_mean_iou": best}
    return {label: dict(sorted(seeds.items())) for label, seeds in sorted(found.items())}


def _finished(output):
    return sorted(path.parent for path in output.glob(f"*/seed-*/{RESULTS}"))
