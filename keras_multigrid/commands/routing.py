"""The command `routing`: what a trained network reads across scales, and what it owes to that."""

import pathlib


def add_commands(commands):
    """Adds the parser."""
    routing = commands.add_parser(
        "routing",
        help="measure how much each grid of a finished run's network reads from its neighbours",
        epilog="Example: keras-multigrid routing runs/first --ablation",
    )
    routing.add_argument("run", type=pathlib.Path, help="the run's folder")
    routing.add_argument(
        "--samples", type=int, default=64, help="test images to measure on (default: 64)"
    )
    routing.add_argument(
        "--ablation",
        action="store_true",
        help="evaluate the network without each exchange between grids, too",
    )
    routing.add_argument(
        "--output", type=pathlib.Path, help="folder of the pictures (default: the run's)"
    )
    routing.add_argument("--data-dir", help="where the data are now, if elsewhere")
    routing.set_defaults(command=_routing)


def _routing(options):
    if options.samples < 1:
        raise ValueError(f"--samples is {options.samples}; expected 1 or more.")
    from keras_multigrid.figures import draw_ablation, draw_routing
    from keras_multigrid.figures.style import draw_both
    from keras_multigrid.progress import verbosity
    from keras_multigrid.recipes.recipe import EVALUATION_BATCH
    from keras_multigrid.recipes.run_folder import load_run
    from keras_multigrid.routing import ablate, exchanges, measure

    recipe, model = load_run(options.run, options.data_dir)
    exchanges(model)  # before data are read
    output = options.output or options.run
    output.mkdir(parents=True, exist_ok=True)
    data = recipe.load_evaluation(recipe.TEST_SPLIT).unbatch().take(options.samples)
    images, targets = next(data.batch(options.samples).as_numpy_iterator())
    batch_size = min(recipe.batch_size, EVALUATION_BATCH)

    measured = measure(model, images, batch_size, verbosity())
    print(measured)
    written = draw_both(output / "routing", draw_routing, measured)
    if options.ablation:
        model.compile(loss=recipe.loss(), metrics=recipe.metrics())

        def evaluate(model):
            results = model.evaluate(images, targets, batch_size, verbose=0, return_dict=True)
            return results[recipe.OBJECTIVE]

        ablation = ablate(model, evaluate)
        print(f"\nThe metric is {recipe.OBJECTIVE}, on {len(images)} test images.")
        print(ablation)
        written += draw_both(output / "ablation", draw_ablation, ablation, recipe.OBJECTIVE)
    print(f"Written: {', '.join(map(str, written))}")
    return 0
