"""The plan of a training for classification."""

import numpy as np
import pytest

import keras_multigrid as kmg
from keras_multigrid.planning import (
    ClassFingerprint,
    Device,
    class_fingerprint,
    plan_classification,
)

GIVEN = {
    **dict.fromkeys(("budget", "image_size", "width_multiplier", "batch_size", "epochs")),
    **dict.fromkeys(("steps_per_epoch", "precision", "channel_ratios")),
    "class_weights": "auto",
    "model": "R-MG-18",
    "repeats": 1,
}


def facts(counts=(100, 25, 400), side=150):
    three = (1.0, 1.0, 1.0)
    return ClassFingerprint(counts=counts, side=side, mean=three, deviation=three)


def test_each_choice_has_a_reason():
    settings, reasons = plan_classification({**GIVEN, "budget": "5e6"}, facts(), Device())
    chosen = [reason.partition("=")[0] for reason in reasons]
    assert chosen == [name for name, value in settings.items() if value != GIVEN[name]][1:]
    assert all(": " in reason for reason in reasons) and settings["image_size"] == 128
    assert settings["class_weights"] == "1,2,0.5" and settings["batch_size"] == 32
    assert settings["epochs"] * settings["steps_per_epoch"] == pytest.approx(
        60 * 525**0.5, rel=0.01
    )


@pytest.mark.parametrize(("side", "size"), [(20, 64), (100, 96), (1000, 224)])
def test_the_size_follows_the_images_and_the_device(side, size):
    gpu = Device(kind="gpu", bfloat16=True)
    given = {**GIVEN, "budget": "small", "width_multiplier": 0.1}
    settings, _ = plan_classification(given, facts(side=side), gpu)
    assert settings["image_size"] == size and settings["precision"] == "mixed_bfloat16"
    assert settings["width_multiplier"] == 0.1


def test_classes_that_are_nearly_alike_have_no_weights():
    settings, _ = plan_classification({**GIVEN, "width_multiplier": 0.1}, facts((10, 14)), Device())
    assert settings["class_weights"] == "none"


def test_the_network_fills_the_budget():
    given = {**GIVEN, "budget": "5e6", "image_size": 64}
    settings, _ = plan_classification(given, facts(), Device())
    network = kmg.applications.RMG18(
        input_shape=(64, 64, 3),
        classes=3,
        repeats=1,
        width_multiplier=settings["width_multiplier"],
    )
    macs = kmg.complexity.profile(network).macs
    assert 0.9 * 5e6 < macs <= 5e6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "PMG-11"}, "model is PMG-11, which does not say one class of an image"),
        ({"model": "M1-MNIST"}, "model is M1-MNIST, which does not say one class"),
        ({"budget": "huge"}, "budget is 'huge'; expected small, medium, large, or a number"),
        ({"budget": "-1"}, "budget is '-1'; expected"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(changes, message):
    with pytest.raises(ValueError, match=message):
        plan_classification({**GIVEN, **changes}, facts(), Device())


def test_statistics_weigh_images_alike():
    images = [np.full((4, 4, 3), 10, "uint8"), np.full((40, 60, 3), 30, "uint8")]
    found = class_fingerprint(images, [1, 1])
    assert (found.mean, found.deviation, found.side) == ((20.0,) * 3, (10.0,) * 3, 22)
