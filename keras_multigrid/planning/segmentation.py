"""The plan of a training for segmentation, each choice with its reason."""

import math

from keras_multigrid.applications import paper_model
from keras_multigrid.applications.backbones import IMAGENET, create_backbone, is_file
from keras_multigrid.applications.comparators import STAGES
from keras_multigrid.applications.paper import COMPARATOR
from keras_multigrid.applications.segmenter import STRIDES
from keras_multigrid.budget import Budget
from keras_multigrid.complexity import profile, without_weights
from keras_multigrid.planning.backbone import NONE, choose_backbone, neck_width
from keras_multigrid.planning.choices import balancing_weights, fitting_batch, limit_of
from keras_multigrid.prediction.geometry import SeenMargin, total_stride

BUDGETS = {"small": 500e6, "medium": 2e9, "large": 10e9}  # multiply-adds of a training crop
THIN, THICK = 8, 16  # pixels
UPRIGHT = 0.2  # a difference between upper and lower halves
CELLS = 128  # sides of a crop on the finest grid
SMALLEST_CELLS = 8  # a side of the coarsest grid in a crop
BACKBONE_CELLS = 64  # the same of the finest map of a backbone
NECK_RATIOS = (1, 2, 3, 4)
BACKBONE_RATE = 0.1  # of what a backbone learns by
RATIOS = (1, 2, 2, 2)  # of the widths of grids, at most as many
MINIMAL = 1 / 64  # a width multiplier: one channel
STEPS = 150  # for one image; as many images, the root of it as many steps
FEWEST_STEPS, MOST_STEPS = 1200, 20_000
GPU_BATCH, CPU_BATCH = 8, 4
OWN = {  # what is given of a network that is to have no backbone, unless it is that
    **dict.fromkeys(("stem_strides", "channel_ratios", "width_multiplier")),
    **dict.fromkeys(("repeats", "exchange_size", "weights")),
    "model": "PMG-11",
    "head": "concatenate",
    "exchange": "each",
}
LEAST_WEIGHT = 0.3  # of a class


def plan_segmentation(given, facts, classes, channels, device):
    """Chooses what is not given.

    Args:
        given: Dictionary of settings; those that are None are chosen: `budget`, `stem_strides`,
            `channel_ratios`, `crop`, `width_multiplier`, `batch_size`, `epochs`,
            `steps_per_epoch`, `precision`, `class_weights`, `flips`, `rotation`,
            `averaged_flips`, `backbone`, `backbone_weights`, `loaded_rate`. `model`, `head`,
            `repeats`, `exchange_size`, `exchange` and `weights` are only read.
        facts: A `Fingerprint`.
        classes: Number of classes.
        channels: Of an image.
        device: A `Device`.

    Returns:
        Dictionary of the chosen settings, and a list of a sentence for each.

    Raises:
        ValueError: If a budget is too small for a network.
    """
    settings, reasons = dict(given), []

    def choose(name, value, reason):
        if settings[name] is None:
            settings[name] = value
            reasons.append(f"{name}={_text(value)}: {reason}")

    gpu = device.kind != "cpu"
    choose(
        "budget",
        "medium" if gpu else "small",
        f"on a {device.kind.upper()}"
        + ("" if gpu else " a training should end within half an hour"),
    )
    limit = limit_of(settings["budget"], BUDGETS, "a training crop")
    sides = (facts.height, facts.width)
    finest = _finest(facts.thickness)
    thick = f"regions are about {finest:.0f} pixels thick"
    if settings["backbone"] is None:
        choose("backbone", *_backbone(settings, finest, thick, limit, sides, channels))
    backbone = None if settings["backbone"] == NONE else settings["backbone"]
    if backbone:
        _choose_for_backbone(choose, settings, backbone)
    stem = 1 if finest < THIN else 2 if finest < THICK else 4
    choose("stem_strides", stem, f"{thick}, and must be seen")
    stem = settings["stem_strides"]
    if paper_model(settings["model"]).kind == COMPARATOR:
        choose("channel_ratios", STAGES, "half of the pixels, twice the channels")
    if settings["channel_ratios"] is None:
        grids, seen = _grids(settings, sides)
        choose(
            "channel_ratios",
            RATIOS[:grids],
            f"{grids} grids see {seen:.0f} pixels to each side, measured, and a crop shows "
            f"{max(_crop(sides, stem, 1))}; coarse grids are cheap, so they may be wide",
        )
    total = stem * 2 ** (len(settings["channel_ratios"]) - 1)
    cells = BACKBONE_CELLS if backbone else CELLS
    choose(
        "crop",
        _crop(sides, stem, total, cells),
        f"{cells} x {cells} pixels of the finest grid or the whole image, in multiples of {total}, "
        "the network's stride",
    )
    if settings["width_multiplier"] is None:
        crop, ratios = settings["crop"], settings["channel_ratios"]
        if backbone:
            width = neck_width(backbone, classes, limit, crop, ratios)
        else:
            width = _width(settings, limit, classes, channels)
        choose("width_multiplier", width, f"fills {limit / 1e6:,.0f} M multiply-adds of a crop")
    batch = most = GPU_BATCH if gpu else CPU_BATCH
    if device.memory is not None:
        shape = (*settings["crop"], channels)
        if backbone:
            network, shape = create_backbone(backbone)[0], (*settings["crop"], 3)
        else:
            network = without_weights(lambda: _network(settings, classes, shape))
        batch = fitting_batch(most, device.memory, network, shape)
    reason = "steps often enough, and batch normalization has its samples"
    choose("batch_size", batch, reason if batch == most else "as many as fit into memory")
    steps = STEPS * math.sqrt(facts.images)
    steps = round(min(max(steps, FEWEST_STEPS), MOST_STEPS))
    epochs = 12
    choose("epochs", epochs, "so often the network is tested on the validation images")
    each = max(1, round(steps / settings["epochs"]))
    choose(
        "steps_per_epoch",
        each,
        f"about {steps:,} steps in all for {facts.images} training images",
    )
    precision = "mixed_bfloat16" if device.bfloat16 else "float32"
    choose("precision", precision, f"what is fastest on this {device.kind.upper()}")
    if settings["class_weights"] is None and classes == 2:
        choose("class_weights", "none", "the Dice part of the loss balances two classes")
    elif settings["class_weights"] in (None, "auto"):
        settings["class_weights"] = None
        weights = balancing_weights(facts.shares, LEAST_WEIGHT)
        choose("class_weights", weights, "root of the median frequency over the class's own")
    difference = f"classes differ by {facts.upright:.0%} between upper and lower halves"
    if facts.upright > UPRIGHT:
        choose("flips", "horizontal", f"{difference}: images have a top")
        choose("rotation", 2.0, "more would tilt what stands upright")
    else:
        choose("flips", "both", f"{difference}: images have no top")
        choose("rotation", 20.0, "any angle would do; larger ones lose the corners")
    reason = "what was trained on mirror images predicts them, too, and the mean is better"
    choose("averaged_flips", settings["flips"], reason)
    return settings, reasons


def _backbone(settings, finest, thick, limit, sides, channels):
    """Returns the backbone that is chosen, and why."""
    given = [name for name in OWN if settings[name] != OWN[name]]
    if given:
        return NONE, f"{given[0]} is given"
    if finest < THIN:
        return NONE, f"{thick}, thinner than what backbones see"
    return choose_backbone(limit, _crop(sides, STRIDES[0], STRIDES[-1], BACKBONE_CELLS), channels)


def _choose_for_backbone(choose, settings, backbone):
    if not is_file(backbone):
        choose("backbone_weights", IMAGENET, "Keras downloads them once")
    trained = settings["backbone_weights"] != NONE
    if trained and settings["weights"] is None:
        choose("loaded_rate", BACKBONE_RATE, "the backbone has learned already")
    choose("stem_strides", STRIDES[0], "of the finest of the backbone's maps that is read")
    choose("channel_ratios", NECK_RATIOS, "a grid for each map of the backbone that is read")


def _finest(thickness):
    """Returns the thickness that must be resolved: of two classes the thinner, else the median."""
    present = sorted(value for value in thickness if value)
    return present[0] if len(present) < 3 else present[len(present) // 2]


def _crop(sides, stem, total, cells=CELLS):
    return tuple(max(total, min(cells * stem, side) // total * total) for side in sides)


def _grids(settings, sides):
    """Returns the fewest grids that see a whole crop, and how far they see to each side.

    There are no more than leave the coarsest `SMALLEST_CELLS` pixels.
    """
    stem = settings["stem_strides"]
    most = int(math.log2(max(1, min(sides) / stem / SMALLEST_CELLS))) + 1
    for grids in range(1, min(len(RATIOS), most) + 1):
        narrow = {**settings, "channel_ratios": (1,) * grids, "width_multiplier": MINIMAL}
        model = _network(narrow, 1, (None, None, 1))
        stride = total_stride(model)
        seen = SeenMargin(model, stride)(0)
        if 2 * seen >= max(_crop(sides, stem, stride)):
            break
    return grids, seen


def _width(settings, limit, classes, channels):
    total = settings["stem_strides"] * 2 ** (len(settings["channel_ratios"]) - 1)
    sides = [-(-side // total) * total for side in settings["crop"]]  # as the network pads them

    def count(width):
        shape = (*sides, channels)
        return without_weights(
            lambda: profile(_network({**settings, "width_multiplier": width}, classes, shape))
        )

    return Budget(max_macs=limit).fill(count)


def _network(settings, classes, shape):
    names = (
        *("channel_ratios", "stem_strides", "head", "repeats", "width_multiplier"),
        *("exchange_size", "exchange"),
    )
    model = paper_model(settings["model"])
    arguments = model.accepted({name: settings[name] for name in names if name in settings})
    return model.build(input_shape=shape, classes=classes, **arguments)


def _text(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
