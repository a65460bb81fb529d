"""The papers' tables and figures: trains their rows, and prints ours beside the paper's."""

import dataclasses
import json
import pathlib

from keras_multigrid import checks
from keras_multigrid.progress import say
from keras_multigrid.recipes.figures import PAPER_FIGURES, reproduce_figure
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.recipes.paper_figures import reproduce_paper_figures
from keras_multigrid.recipes.paper_tables import PAPER_TABLES
from keras_multigrid.recipes.run import run
from keras_multigrid.recipes.run_folder import RESULTS, default_folder
from keras_multigrid.recipes.trained import read_results

FIGURES = "figures"  # of the first paper


def reproduce(name, rows=None, scale="quick", settings=(), output=None):
    """Trains networks of a table, and keeps the table of all that was trained so far.

    Each network has a folder of its own below `output`; finished ones are not trained again, so an
    interrupted call is continued by the same call, and a table grows over several.

    Args:
        name: `"table1"` to `"table4"`, or `"figures"`, those of the first paper; of the second
            paper `"figure4"` and `"figure6"`, whose networks are trained in several sessions, and
            for which pictures are drawn, too.
        rows: List of networks, of `"figure4"` with their data: `"M3-MNIST/plain"`; of `"figures"`
            those of `draw_paper_figures`. None takes all, in the paper's order.
        scale: `"smoke"`, `"quick"`, `"long"` (of some) or `"paper"`.
        settings: List of `"key=value"` texts that change fields of the recipe.
        output: Folder; None is `runs/` and the name. `NAME.md` in it is the table.

    Returns:
        The table as Markdown, or which figures were written.

    Raises:
        ValueError: If there is no such table, network, scale or field.

    Example:

    >>> from keras_multigrid.recipes import reproduce
    >>> print(reproduce("table2", ["PMG-11"], "smoke", output="runs/smoke"))
    """
    checks.texts(name=name)
    checks.optional(checks.lists, rows=rows)
    checks.lists(settings=settings)
    checks.optional(checks.paths, output=output)
    if name == FIGURES:
        output = pathlib.Path(output or pathlib.Path("runs", FIGURES))
        return reproduce_paper_figures(rows, scale, settings, output)
    if name in PAPER_FIGURES:
        return reproduce_figure(name, rows, scale, settings, output)
    if name not in PAPER_TABLES:
        known = ", ".join([*PAPER_TABLES, FIGURES, *PAPER_FIGURES])
        raise ValueError(f"There is no table or figure {name!r}; expected one of {known}.")
    table = PAPER_TABLES[name]
    for row in rows or ():
        if row not in table.rows:
            raise ValueError(f"{name} has no row {row!r}; expected one of {', '.join(table.rows)}.")
    output = pathlib.Path(output or pathlib.Path("runs", name))
    recipe = resolve(table.recipe, scale, settings)
    chosen = rows or list(table.rows)
    for number, row in enumerate(chosen, 1):
        row_recipe = dataclasses.replace(recipe, model=row)
        say(f"\n{name}, row {number} of {len(chosen)}: {row}")
        run(row_recipe, output / default_folder(row_recipe).name)
        text = _as_markdown(table, output)
        (output / f"{name}.md").write_text(text)
    return text


def _as_markdown(table, output):
    """Returns the table of all finished runs in a folder."""
    runs = [read_results(path, table.recipe) for path in sorted(output.glob(f"*/{RESULTS}"))]
    runs = [finished for finished in runs if finished["recipe"] == table.recipe.NAME]
    header = [
        "network",
        *[f"{column}: {who}" for column in table.columns for who in ("ours", "paper")],
    ]
    lines = [f"# {table.title}", "", "| " + " | ".join([*header, "what was run"]) + " |"]
    lines.append("|---" * (len(header) + 1) + "|")
    for row, paper in table.rows.items():
        for of_row in (each for each in runs if each["fields"]["model"] == row):
            cells = [row]
            for column, figure in zip(table.columns, paper):
                ours = of_row["scores"].get(column)
                cells += [_percent(ours), _percent(figure)]
            lines.append("| " + " | ".join([*cells, _what_was_run(of_row, table.recipe)]) + " |")
    return "\n".join([*lines, ""])


def _percent(value):
    return "" if value is None else f"{value:.2f}"


def _what_was_run(run, recipe_class):
    """Returns the share of the paper's training, and the settings that differ from the paper's."""
    fields = run["fields"]
    paper = json.loads(json.dumps(dataclasses.asdict(recipe_class())))  # lists for tuples
    samples = run["epochs"] * fields["steps_per_epoch"] * fields["batch_size"]
    of_paper = paper["epochs"] * paper["steps_per_epoch"] * paper["batch_size"]
    counted = (
        f"{run['epochs']} epochs of {fields['steps_per_epoch']} x {fields['batch_size']} samples "
        f"({100 * samples / of_paper:.2g} % of the paper's), {run['training_seconds']:.0f} s"
    )
    not_told = (
        "epochs",
        "steps_per_epoch",
        "batch_size",
        "model",
        "data_dir",
        "checkpoint_seconds",
        "class_names",
        "on_error",
    )
    changes = [
        f"{name}={value}"
        for name, value in fields.items()
        if name not in not_told and value != paper[name]
    ]
    return ", ".join([counted, *changes, f"seed {fields['seed']}"])
