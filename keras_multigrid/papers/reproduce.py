"""The papers' tables and figures: trains their rows, and prints ours beside the paper's."""

import dataclasses
import json
import pathlib

from keras_multigrid import checks
from keras_multigrid.papers.multigrid_figures import (
    ALL_FIGURES,
    TRAINED_FIGURES,
    reproduce_multigrid_figures,
)
from keras_multigrid.papers.tables import PAPER_TABLES, check_rows
from keras_multigrid.papers.top_down_figures import TOP_DOWN_FIGURES, reproduce_top_down_figure
from keras_multigrid.progress import say
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import RESULTS, default_folder
from keras_multigrid.runs.trained import read_results
from keras_multigrid.whole_files import write_text

NAMES = (*PAPER_TABLES, *TRAINED_FIGURES, ALL_FIGURES, *TOP_DOWN_FIGURES)


def reproduce(name, rows=None, scale="quick", settings=(), output=None):
    """Trains the networks of a table or figure, and makes it of all that was trained so far.

    Each network has a folder of its own below `output`; finished ones are not trained again, so an
    interrupted call is continued by the same call, and a table grows over several.

    Args:
        name: Of the multigrid paper `"table1"` to `"table4"`, `"multigrid-figure4"` to
            `"multigrid-figure7"`, or `"multigrid-figures"`, all that `draw_paper_figures` draws; of
            the top-down paper `"top-down-figure4"` and `"top-down-figure6"`, whose networks are
            trained in several sessions.
        rows: List of networks, of `"top-down-figure4"` with their data: `"M3-MNIST/plain"`. None
            takes all, in the paper's order.
        scale: `"smoke"`, `"quick"`, `"long"` (of some) or `"paper"`.
        settings: List of `"key=value"` texts that change fields of the recipe.
        output: Folder; None is `runs/` and the name, of figures of the multigrid paper
            `runs/multigrid-figures`. `NAME.md` in it is the table.

    Returns:
        The table as Markdown, or which figures were written.

    Raises:
        ValueError: If there is no such table, figure, network, scale or field.

    Example:

    >>> from keras_multigrid.papers import reproduce
    >>> print(reproduce("table2", ["PMG-11"], "smoke", output="runs/smoke"))
    """
    checks.texts(name=name)
    checks.optional(checks.lists, rows=rows)
    checks.lists(settings=settings)
    checks.optional(checks.paths, output=output)
    if name not in NAMES:
        raise ValueError(
            f"There is no table or figure {name!r}; expected one of {', '.join(NAMES)}."
        )
    of_multigrid_figures = name in (*TRAINED_FIGURES, ALL_FIGURES)
    default = ALL_FIGURES if of_multigrid_figures else name
    output = pathlib.Path(output or pathlib.Path("runs", default))
    if of_multigrid_figures:
        return reproduce_multigrid_figures(name, rows, scale, settings, output)
    if name in TOP_DOWN_FIGURES:
        return reproduce_top_down_figure(name, rows, scale, settings, output)
    table = PAPER_TABLES[name]
    check_rows(name, rows, table.rows)
    recipe = resolve(table.recipe, scale, settings)
    chosen = rows or list(table.rows)
    for number, row in enumerate(chosen, 1):
        row_recipe = dataclasses.replace(recipe, model=row)
        say(f"\n{name}, row {number} of {len(chosen)}: {row}")
        run(row_recipe, output / default_folder(row_recipe).name)
        text = _as_markdown(table, output)
        write_text(output / f"{name}.md", text)
    return text


def _as_markdown(table, output):
    """Returns the table of all finished runs in a folder."""
    runs = [read_results(path, table.recipe) for path in sorted(output.glob(f"*/{RESULTS}"))]
    runs = [finished for finished in runs if finished["recipe"] == table.recipe.NAME]
    rows, columns = table.rows, table.columns
    header = ["network", *[f"{column}: {who}" for column in columns for who in ("ours", "paper")]]
    lines = [f"# {table.title}", "", "| " + " | ".join([*header, "what was run"]) + " |"]
    lines.append("|---" * (len(header) + 1) + "|")
    for row, paper in rows.items():
        for of_row in (each for each in runs if each["fields"]["model"] == row):
            cells = [row]
            for column in columns:
                cells += [_percent(of_row["scores"].get(column)), _percent(paper.get(column))]
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
    not_told = {
        *("epochs", "steps_per_epoch", "batch_size", "model"),
        *("data_dir", "checkpoint_seconds", "class_names", "on_error"),
    }
    changes = [
        f"{name}={value}"
        for name, value in fields.items()
        if name not in not_told and value != paper[name]
    ]
    return ", ".join([counted, *changes, f"seed {fields['seed']}"])
