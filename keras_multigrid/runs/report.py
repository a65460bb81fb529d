"""What runs write for people: a one-page report with pictures."""

import dataclasses

from keras_multigrid.figures import draw_training_curves
from keras_multigrid.runs.skipped import skipped_sentence
from keras_multigrid.whole_files import write_text

REPORT, CURVES = "report.md", "curves.png"


def write_report(folder, recipe, models, metrics, log):
    """Writes a page about a finished run, with its pictures where matplotlib is installed.

    Args:
        folder: Path of the run's folder.
        recipe: Its `Recipe`.
        models: Mapping from names to trained networks: its own first, then the baselines'.
        metrics: What `metrics.json` will hold.
        log: List of dictionaries, the metrics of each epoch.
    """
    pictures = []
    try:
        draw_training_curves(folder / CURVES, {recipe.network_name(): log})
        pictures.append(("Training", CURVES))
        pictures += recipe.draw(folder, models, metrics["results"])
    except ImportError:
        print("The report has no pictures: pip install 'keras_multigrid[plot]' for them.")
    write_text(folder / REPORT, _report(recipe, metrics, log, pictures))


def _report(recipe, metrics, log, pictures):
    paper = recipe.paper_scores()
    scores = [
        f"| {name} | {value:.2f} | {f'{paper[name]:.2f}' if name in paper else ''} |"
        for name, value in metrics["scores"].items()
    ]
    defaults = {field.name: field.default for field in dataclasses.fields(recipe)}
    changes = [
        f"| {name} | {value} | {defaults[name]} |"
        for name, value in metrics["fields"].items()
        if value != defaults[name] and name not in ("data_dir", "checkpoint_seconds")
    ]
    figures = ", ".join(f"{name} {value}" for name, value in metrics["versions"].items())
    return "\n".join(
        [
            f"# {recipe.network_name()} on {recipe.NAME}",
            "",
            f"{metrics['trainable_params']:,} parameters, {metrics['macs']:,} multiply-adds. "
            f"{len(log)} epochs of {recipe.steps_per_epoch} batches of {recipe.batch_size}, "
            f"{metrics['training_seconds']:.0f} s of training, seed {recipe.seed}.",
            "",
            f"| on the {recipe.TEST_SPLIT} data, percent | here | paper |",
            "|---|---|---|",
            *scores,
            "",
            *(["| setting | here | paper |", "|---|---|---|", *changes] if changes else []),
            "" if changes else "All settings are the paper's.",
            *([f"{skipped_sentence(metrics['skipped'])}.", ""] if "skipped" in metrics else []),
            *[f"![{title}]({name})\n" for title, name in pictures],
            f"Run with: {figures}.",
            "",
        ]
    )
