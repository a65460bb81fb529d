"""The command `check`: what is in a folder of one's own data, and what is wrong with it."""

import pathlib

from keras_multigrid.checking import check_folder, write_page
from keras_multigrid.checking.folders import kind_of
from keras_multigrid.progress import say
from keras_multigrid.recipes.classification import Classification
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.recipes.segmentation import Segmentation
from keras_multigrid_cli import COMMANDS

OF_MASKS = (
    *("class_names", "mask_pattern", "field_of_view_pattern", "mask_values", "ignore_index"),
    *("seed", "folds"),
)


def add_commands(commands):
    """Adds the parser."""
    check = commands.add_parser(
        "check",
        help=COMMANDS["check"],
        epilog="Example: keras-multigrid check photos --set ignore_index=255 --output checked",
    )
    check.add_argument("folder", type=pathlib.Path, help="the folder, or a CSV file (image,mask)")
    check.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="as for `train`, such as mask_pattern={stem}_mask.png; may be given again",
    )
    check.add_argument(
        "--output", type=pathlib.Path, help="folder of a page with a contact sheet (default: none)"
    )
    check.set_defaults(command=_check)


def _check(options):
    report = check_folder(options.folder, **_settings(options))
    for line in report.lines():
        say(line)
    if options.output:
        say(f"Written: {', '.join(map(str, write_page(report, options.output)))}")
    return 1 if report.errors else 0


def _settings(options):
    """Returns what of a recipe's settings says how data are read."""
    if not options.folder.exists():
        return {}
    if kind_of(options.folder) == "classes":
        recipe = resolve(Classification, "quick", options.settings)
        return {"class_names": recipe.class_names, "seed": recipe.seed}
    recipe = resolve(Segmentation, "quick", options.settings)
    fold = None if recipe.fold is None else 0 if recipe.fold == "all" else int(recipe.fold)
    return {**{name: getattr(recipe, name) for name in OF_MASKS}, "fold": fold}
