"""The plan of a training for classification, each choice with its reason."""

import inspect
import math

from keras_multigrid.applications import create_model
from keras_multigrid.applications.paper import TOP_DOWN, paper_model
from keras_multigrid.budget import Budget
from keras_multigrid.complexity import profile, without_weights
from keras_multigrid.planning.choices import MOST_WEIGHT, balancing_weights, limit_of

BUDGETS = {"small": 60e6, "medium": 600e6, "large": 3e9}  # multiply-adds of a training image
SMALLEST, STEP = 64, 32  # pixels; the network's stride is 32
CPU_LARGEST, GPU_LARGEST = 128, 224
CPU_BATCH, GPU_BATCH = 32, 64
STEPS, FEWEST_STEPS, MOST_STEPS = 60, 600, 20_000
EPOCHS = 20


def plan_classification(given, facts, device):
    """Chooses what is not given.

    Args:
        given: Dictionary of settings; those that are None are chosen: `budget`, `image_size`,
            `width_multiplier`, `batch_size`, `epochs`, `steps_per_epoch`, `precision`; and
            `class_weights` if it is `"auto"`. `model` is the network's name, `channel_ratios` and
            `repeats` its arguments.
        facts: A `ClassFingerprint`.
        device: A `Device`.

    Returns:
        Dictionary of the chosen settings, and a list of a sentence for each.

    Raises:
        ValueError: If the network is not for classification, or a budget cannot be meant, or is
            too small for a network.
    """
    _check_model(given["model"])
    settings, reasons = dict(given), []

    def choose(name, value, reason):
        if settings[name] is None:
            settings[name] = value
            reasons.append(f"{name}={value}: {reason}")

    gpu = device.kind != "cpu"
    kind = device.kind.upper()
    choose(
        "budget",
        "medium" if gpu else "small",
        f"on a {kind}" + ("" if gpu else " a training should end within half an hour"),
    )
    largest = GPU_LARGEST if gpu else CPU_LARGEST
    side = min(max(facts.side // STEP * STEP, SMALLEST), largest)
    choose(
        "image_size",
        side,
        f"shorter sides are {facts.side} pixels (median), and a network on a {kind} reads "
        f"{SMALLEST} to {largest}, in multiples of {STEP}, its stride",
    )
    limit = limit_of(settings["budget"], BUDGETS, "a training image")
    if settings["width_multiplier"] is None and _has_width(settings["model"]):
        width = _width(settings, limit, len(facts.counts))
        choose("width_multiplier", width, f"fills {limit / 1e6:,.0f} M multiply-adds of an image")
    choose("width_multiplier", 1.0, f"{settings['model']} has one width")
    batch = min(GPU_BATCH if gpu else CPU_BATCH, max(4, facts.images // 4))
    choose("batch_size", batch, "steps often enough, and batch normalization has its samples")
    steps = round(min(max(STEPS * math.sqrt(facts.images), FEWEST_STEPS), MOST_STEPS))
    choose("epochs", EPOCHS, "so often the network is tested on the validation images")
    choose(
        "steps_per_epoch",
        max(1, round(steps / settings["epochs"])),
        f"about {steps:,} steps in all for {facts.images} training images",
    )
    precision = "mixed_bfloat16" if device.bfloat16 else "float32"
    choose("precision", precision, f"what is fastest on this {kind}")
    if settings["class_weights"] == "auto":
        settings["class_weights"] = None
        fewest, most = min(facts.counts), max(facts.counts)
        reason = f"classes have {fewest} to {most} images: root of the median over the class's own"
        if most <= 1.5 * fewest:
            choose("class_weights", "none", f"classes have {fewest} to {most} images, nearly alike")
        choose("class_weights", balancing_weights(facts.counts, 1 / MOST_WEIGHT), reason)
    return settings, reasons


def _check_model(name):
    shape = (SMALLEST, SMALLEST, 3)
    if paper_model(name).kind != TOP_DOWN:
        network = without_weights(lambda: create_model(name, input_shape=shape, classes=2))
        if len(network.output.shape) == 2:
            return
    raise ValueError(
        f"model is {name}, which does not say one class of an image of any size; expected a "
        "network for classification, such as R-MG-18 or R-PMG-30-SEG."
    )


def _has_width(model):
    return "width_multiplier" in inspect.signature(paper_model(model).constructor).parameters


def _width(settings, limit, classes):
    names = ("channel_ratios", "repeats")
    arguments = {name: settings[name] for name in names if settings[name] is not None}

    def count(width):
        return without_weights(
            lambda: profile(
                create_model(
                    settings["model"],
                    input_shape=(settings["image_size"], settings["image_size"], 3),
                    classes=classes,
                    width_multiplier=width,
                    **arguments,
                )
            )
        )

    return Budget(max_macs=limit).fill(count)
