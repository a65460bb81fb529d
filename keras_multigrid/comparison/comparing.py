"""Trains networks side by side: one folder of data, one budget, one recipe, the same seeds."""

import dataclasses
import pathlib

from keras_multigrid import checks
from keras_multigrid.comparison.drawn import draw_folder
from keras_multigrid.comparison.fields import measure_fields
from keras_multigrid.comparison.networks import OWN, chosen_networks, recipe_of
from keras_multigrid.comparison.results import finished_networks
from keras_multigrid.comparison.table import write_comparison
from keras_multigrid.comparison.times import measure_times
from keras_multigrid.progress import say
from keras_multigrid.recipes import Segmentation
from keras_multigrid.recipes.mask_data import ALL
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import (
    RECIPE,
    check_empty,
    check_settings,
    locked,
    read_recipe_file,
    write_recipe,
)
from keras_multigrid.whole_files import whole

BUDGET = {"quick": "300M", "smoke": "2M"}
SEEDS = {"quick": 3, "smoke": 1}
TURNS = {"quick": 15, "smoke": 3}  # of timed steps
DRAWN = "drawn"  # the folder of drawn data
PLANNED_FOR = {"channel_ratios": (1, 1, 1, 1), "width_multiplier": 0.5}  # about what all have


def compare(
    data_dir=None,
    output="runs/compare",
    *,
    networks=None,
    added=None,
    budget=None,
    seeds=None,
    steps=None,
    scale="quick",
    settings=(),
):
    """Trains networks side by side at one budget, and writes a table and a picture.

    Data, crop, augmentation, batch, steps, optimizer, learning rate and loss are the same for all,
    planned once as `train segmentation` plans them; each network's widths fill the budget. Each
    seed is trained with every network before the next begins. Interrupted, the same call continues;
    finished trainings are not repeated, and a table grows over several calls.

    Args:
        data_dir: Folder of images and masks; with `scale="smoke"` None draws some.
        output: Folder. It gets `comparison.md`, `comparison.json`, `comparison.png` and, for each
            network and seed, a run's folder `NETWORK/seed-0`.
        networks: List of the networks' labels; None is all.
        added: Mapping from labels of more networks to lists of `"key=value"` texts, fields of the
            recipe such as `["model=R-PMG-20", "exchange_size=1"]`.
        budget: Multiply-adds of a training crop: a number as text, `"300M"` (default), `"1G"`.
        seeds: How many trainings of each network, with seeds from 0; default 3, for smoke 1.
        steps: Training steps of each; None is the plan's.
        scale: `"quick"`, or `"smoke"`, which trains a few steps.
        settings: List of `"key=value"` texts that change the recipe of all.

    Returns:
        A list of a dictionary for each network, as `comparison.json` has it.

    Raises:
        ValueError: If an argument is wrong, the folder is of another comparison, or the budget is
            too small.
        OSError: If another process works in the folder, or something cannot be written.
        FloatingPointError: If trainings diverged, after all others are done.

    Example:

    >>> from keras_multigrid.comparison import compare
    >>> rows = compare(scale="smoke", networks=["U-NET", "PMG"], output="runs/compared")
    """
    checks.optional(checks.paths, data_dir=data_dir)
    checks.paths(output=output)
    checks.optional(checks.lists, networks=networks)
    checks.optional(checks.mappings, added=added)
    checks.optional(checks.texts, budget=budget)
    checks.optional(checks.positive_integers, seeds=seeds, steps=steps)
    checks.texts(scale=scale)
    checks.lists(settings=settings)
    output = pathlib.Path(output)
    asked = _asked(data_dir, budget, scale, settings, output)
    for own in chosen_networks(1, networks, added or {}).values():
        recipe_of(asked, asked, own, 0)  # raises what is wrong with it before any work
    with locked(output):
        if data_dir is None and not (output / DRAWN).exists():
            check_empty(output, output / RECIPE, "comparison")
            with whole(output / DRAWN) as unfinished:
                draw_folder(unfinished)
        planned = _planned(asked, steps, output)
        chosen = chosen_networks(planned.stem_strides, networks, added or {})
        trainings = [(label, seed) for seed in range(seeds or SEEDS[scale]) for label in chosen]
        diverged = []
        for number, (label, seed) in enumerate(trainings, 1):
            say(f"\n{label}, seed {seed}: training {number} of {len(trainings)}")
            recipe = recipe_of(asked, planned, chosen[label], seed)
            try:
                run(recipe, output / label / f"seed-{seed}")
            except FloatingPointError as error:
                say(f"{label} diverged with seed {seed}: {error}")
                diverged.append(f"{label} (seed {seed})")
            write_comparison(output)
        for folder in finished_networks(output).values():
            measure_fields(folder)
        write_comparison(output)
        measure_times(output, TURNS[scale])
        rows = write_comparison(output, show=True)
    if diverged:
        raise FloatingPointError(f"Not in the table, for they diverged: {', '.join(diverged)}.")
    return rows


def _asked(data_dir, budget, scale, settings, output):
    """Returns the recipe as asked for, for all networks."""
    if scale not in BUDGET:
        raise ValueError(f"scale is {scale!r}; expected one of {', '.join(BUDGET)}.")
    if data_dir is None and scale != "smoke":
        raise ValueError(
            "data_dir is not given; name the folder that has images and masks, or take the scale "
            "smoke, which draws some."
        )
    for text in settings:
        name = text.partition("=")[0]
        if name in (*OWN, "seed", "budget", "data_dir"):
            raise ValueError(
                f"{name} is not a setting for all networks; leave it out: each network has its "
                "own, the budget gives its widths, and data, budget and seeds have options."
            )
    folder = f"data_dir={output / DRAWN if data_dir is None else data_dir}"
    asked = resolve(Segmentation, scale, [folder, f"budget={budget or BUDGET[scale]}", *settings])
    if asked.fold == ALL:
        raise ValueError(
            "fold is all; a comparison trains on one part: give a fold's number, or leave folds "
            "out, and each seed draws another part for validation."
        )
    return dataclasses.replace(asked, width_multiplier=None, backbone="none")


def _planned(asked, steps, output):
    """Returns the recipe with the plan for all, made when the comparison began, and kept."""
    path = output / RECIPE
    begun = read_recipe_file(path) if path.exists() else None
    if begun is None and not (output / DRAWN).exists():
        check_empty(output, path, "comparison")
    planned = dataclasses.replace(asked, **PLANNED_FOR).settled(begun)
    if steps is not None:
        planned = dataclasses.replace(
            planned, steps_per_epoch=max(1, round(steps / planned.epochs))
        )
    if begun is None:
        planned.check_data()
        write_recipe(path, planned)
    check_settings(output, planned)
    return planned
