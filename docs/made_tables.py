"""Parts of pages that are made of the package itself, in Markdown, when the site is built."""

import argparse
import csv
import dataclasses
import inspect
import pathlib
import re

from keras_multigrid.applications import PAPER_MODELS, list_weights
from keras_multigrid.cli import full_parser
from keras_multigrid.recipes import RECIPES, Recipe

COUNTS = pathlib.Path(__file__).with_name("reference") / "counts.csv"
PLACE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def fill_in(app, name, source):
    """Puts the parts into a page, where it has `<!-- made: PART -->` on a line."""
    source[0] = PLACE.sub(lambda found: PARTS[found[1]](), source[0])


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def commands():
    """Returns a section for each command, from the parsers."""
    (subparsers,) = [
        action
        for action in full_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    helps = {action.dest: action.help for action in subparsers._choices_actions}
    return "\n\n".join(
        f"## {name}\n\n{_sentence(helps[name])}\n\n{_options(parser)}\n\n{_example(parser)}"
        for name, parser in subparsers.choices.items()
    )


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def _example(parser):
    return f"```\n{parser.epilog.removeprefix('Example: ')}\n```"


def _options(parser):
    rows = [
        [_spelling(action), _escaped(action.help or "")]
        for group in parser._action_groups
        for action in group._group_actions
        if action.dest != "help"
    ]
    about = [
        f"*{group.title}*: {_escaped(' '.join(group.description.split()))}"
        for group in parser._action_groups
        if group.description
    ]
    return "\n\n".join([table(["argument", "what it is"], rows), *about])


def _spelling(action):
    value = action.metavar or action.dest.upper().replace("_", "-")
    if action.choices:
        value = "{" + ",".join(action.choices) + "}"
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    takes_value = action.nargs != 0
    return ", ".join(f"`{option}{f' {value}' * takes_value}`" for option in action.option_strings)


def _escaped(text):
    return re.sub(r"([*_<>])", r"\\\1", text % {"default": ""} if "%(" in text else text)


def recipe_fields():
    """Returns the table of all recipes' fields, and one of each recipe's own."""
    common = {field.name for field in dataclasses.fields(Recipe)}
    parts = ["## Every recipe", _field_table(Recipe, common)]
    for recipe in RECIPES.values():
        own = {field.name for field in dataclasses.fields(recipe)} - common
        changed = [
            f"`{field.name}={_shown(field.default)}`"
            for field in dataclasses.fields(recipe)
            if field.name in common and field.default != getattr(Recipe, field.name)
        ]
        parts += [f"## {recipe.NAME}", inspect.getdoc(recipe).splitlines()[0]]
        parts += [_field_table(recipe, own)] if own else []
        parts += [f"Other defaults: {', '.join(changed)}."] if changed else []
        parts += [f"Scales: {', '.join(f'`{scale}`' for scale in recipe.SCALES)}."]
    return "\n\n".join(parts)


def _field_table(recipe, names):
    about = documented_fields(recipe)
    rows = [
        [f"`{field.name}`", f"`{_shown(field.default)}`", about.get(field.name, "")]
        for field in dataclasses.fields(recipe)
        if field.name in names
    ]
    return table(["setting", "default", "what it is"], rows)


def _shown(default):
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else default


def documented_fields(recipe):
    """Returns what docstrings say of each field, by name."""
    about = {}
    for part in reversed(recipe.__mro__):
        _, _, attributes = (inspect.getdoc(part) or "").partition("Attributes:\n")
        for names, text in re.findall(
            r"^    (\w[\w, ]*): (.*(?:\n     .*)*)", attributes, re.MULTILINE
        ):
            about |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return about


def networks():
    """Returns the table of all networks, ours beside the papers'; `counts.csv` has our counts."""
    with open(COUNTS, newline="") as file:
        counts = {row["network"]: row for row in csv.DictReader(file)}
    rows = [
        [
            model.name,
            f"`{_call(model)}`",
            model.table,
            f"{int(counts[model.name]['parameters']):,}",
            _millions(model.params),
            f"{int(counts[model.name]['multiply_adds']):,}",
            _millions(model.macs),
        ]
        for model in PAPER_MODELS
    ]
    head = ["network", "constructor", "tables", "parameters", "paper", "multiply-adds", "paper"]
    return table(head, rows).replace(" --- |" * 4 + "\n", " ---: |" * 4 + "\n", 1)


def _call(model):
    given = ", ".join(f"{name}={value}" for name, value in model.arguments.items())
    return f"{model.constructor.__name__}({given})"


def _millions(count):
    return "" if count is None else f"{count:,.2f} M"


def weights():
    """Returns the table of the weights that ship."""
    rows = [
        [
            f"`{card.name}`",
            card.network,
            card.data,
            ", ".join(f"{name} {value:.2f} %" for name, value in card.scores.items()),
            card.not_good_for,
            card.licence,
        ]
        for card in list_weights()
    ]
    return table(["`weights=`", "network", "data", "scores", "not good for", "licence"], rows)


PARTS = {
    "commands": commands,
    "recipe_fields": recipe_fields,
    "networks": networks,
    "weights": weights,
}
