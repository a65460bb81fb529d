"""The commands `models` and `data`: what there is."""

import pathlib

from keras_multigrid.applications import PAPER_MODELS, list_models, list_weights
from keras_multigrid.complexity import count
from keras_multigrid.datasets import load
from keras_multigrid.figures import draw_contact_sheet
from keras_multigrid.progress import say
from keras_multigrid_cli import COMMANDS


def add_commands(commands):
    """Adds the parsers."""
    models = commands.add_parser(
        "models",
        help=COMMANDS["models"],
        epilog="Example: keras-multigrid models 'R-*'",
    )
    models.add_argument("pattern", nargs="?", default="*", help="shell-style pattern of names")
    models.set_defaults(command=_models)

    data = commands.add_parser(
        "data",
        help=COMMANDS["data"],
        epilog="Example: keras-multigrid data mnist_segmentation --source digits "
        "--preview samples.png",
    )
    data.add_argument("name", help="such as mnist_spatial_transformer/rotation or cifar10")
    data.add_argument("--split", default="train", help="train (default), validation or test")
    data.add_argument(
        "--source",
        default="mnist",
        help="of handwritten digits: mnist (default), or digits, which needs no download",
    )
    data.add_argument("--data-dir", help="of TensorFlow Datasets, or the folder of images")
    data.add_argument("--seed", type=int, default=0, help="of order and drawing (default: 0)")
    data.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        help="of image_folder: what to do with files that cannot be decoded (default: raise)",
    )
    data.add_argument(
        "--preview", type=pathlib.Path, metavar="PNG", help="draw samples into a file"
    )
    data.add_argument("--samples", type=int, default=32, help="in the picture (default: 32)")
    data.set_defaults(command=_data)


def _models(options):
    names, cards = list_models(options.pattern), list_weights()
    if not names:
        raise ValueError(f"No network's name matches {options.pattern!r}; try 'PMG*'.")
    print(
        f"{'':<16} {'':<8} {'parameters':>12} {'paper':>9} {'multiply-adds':>15} {'paper':>11}  "
        "weights"
    )
    for model in PAPER_MODELS:
        if model.name not in names:
            continue
        counts = count(model.constructor, **model.arguments)
        say(
            f"{model.name:<16} {model.table and 'T. ' + model.table:<8} "
            f"{counts.trainable_params:>12,} {_millions(model.params):>9} "
            f"{counts.macs:>15,} {_millions(model.macs):>11}  {_shipped(model.name, cards)}"
        )
    return 0


def _shipped(network, cards):
    """Returns the names of a network's weights, each with its first score."""
    names = [
        f"{card.name} ({name} {value:.2f})"
        for card in cards
        for name, value in list(card.scores.items())[:1]
        if card.network == network
    ]
    return ", ".join(names)


def _millions(count):
    return "" if count is None else f"{count:.2f} M"


def _data(options):
    own = {"on_error": options.on_error} if options.on_error else {}
    dataset = load(
        options.name,
        options.split,
        options.samples,
        source=options.source,
        seed=options.seed,
        data_dir=options.data_dir,
        **own,
    )
    _describe(dataset, options)
    return 0


def _describe(dataset, options):
    title = f"{options.name}, {options.split}"
    count = int(dataset.cardinality())
    batches = f"{count} batches" if count >= 0 else "batches"  # not known if files are skipped
    print(f"{title}: {batches} of up to {options.samples} samples")
    first = next(dataset.as_numpy_iterator(), None)
    if first is None:
        raise ValueError(f"{title}: the data set has no samples that can be read.")
    for kind, values in zip(("images", "targets"), first):
        print(
            f"  {kind:<8} {values.dtype} {values.shape}, from {values.min():.3g} to "
            f"{values.max():.3g}, mean {values.mean():.3g}"
        )
    if options.preview:
        draw_contact_sheet(options.preview, *first, title)
        print(f"Written: {options.preview}")
