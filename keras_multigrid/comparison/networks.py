"""The networks that are compared: settings of the recipe for segmentation, each."""

import dataclasses
import re

from keras_multigrid.recipes.overrides import change
from keras_multigrid.recipes.segmentation import PLANNED

# What a network has for itself; all else is the same for all.
OWN = (
    *("model", "channel_ratios", "repeats", "width_multiplier", "exchange", "exchange_size"),
    *("backbone", "backbone_weights", "loaded_rate"),
)
SHARED = (*PLANNED, "kept_weights")
LABEL = re.compile(r"[A-Za-z0-9][-+.\w]*")  # names a folder


def standard_networks(stem_strides):
    """Returns the settings of each network, by its label.

    Args:
        stem_strides: Of the stem of all, as planned; a U-NET begins twice as fine, since its finest
            level has but one convolution on each way.
    """
    stages, level = "channel_ratios=1,2,4,8", "channel_ratios=1,2,2,2"
    return {
        "ResNet-FPN": ("model=ResNet-FPN", stages),
        "U-NET": (
            "model=U-NET-11",
            "channel_ratios=1",
            f"stem_strides={max(1, stem_strides // 2)}",
        ),
        "DeepLabV3+": ("model=DeepLabV3plus", stages),
        "HRNet": ("model=HRNet", stages),
        "Dilated-SG": ("model=Dilated-SG", "channel_ratios=1,1,1,1"),
        "PMG": ("model=PMG-11", level),
        "R-PMG": ("model=R-PMG-20", level),
        "R-PMG-first": ("model=R-PMG-20", level, "exchange=first"),
        "R-PMG-1x1": ("model=R-PMG-20", level, "exchange_size=1"),
        "R-PMG-1x1-steep": ("model=R-PMG-20", "channel_ratios=1,2,3,4", "exchange_size=1"),
    }


def chosen_networks(stem_strides, names, added):
    """Returns the settings of the networks that are asked for, by label.

    Args:
        stem_strides: As of `standard_networks`.
        names: List of labels; None is all.
        added: Mapping from more labels to lists of `"key=value"` texts.

    Raises:
        ValueError: If there is no such network, or a label cannot name a folder.
    """
    for label in added:
        if not LABEL.fullmatch(label):
            raise ValueError(
                f"A network's label is {label!r}; expected letters, digits, '-', '+', '.' and '_', "
                "for it names a folder."
            )
    known = {**standard_networks(stem_strides), **added}
    missing = [name for name in names or () if name not in known]
    if missing:
        raise ValueError(
            f"There is no network {missing[0]!r} to compare; expected some of {', '.join(known)}."
        )
    chosen = known if names is None else [*names, *(label for label in added if label not in names)]
    return {label: known[label] for label in chosen}


def recipe_of(asked, planned, settings, seed):
    """Returns the recipe of one network.

    Args:
        asked: The recipe as asked for, for all.
        planned: The same, with its plan.
        settings: List of `"key=value"` texts, the network's own.
        seed: Of weights, data, and the split if it is drawn.
    """
    shared = {name: getattr(planned, name) for name in SHARED if name not in OWN}
    return change(dataclasses.replace(asked, **shared, seed=seed), settings)
