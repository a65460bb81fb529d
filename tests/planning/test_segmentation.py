"""Plans of segmentation, from facts made by hand."""

import dataclasses

import pytest

import keras_multigrid as kmg
from keras_multigrid.complexity import count
from keras_multigrid.planning import Device, Fingerprint, plan_segmentation
from keras_multigrid.planning import segmentation as planning
from keras_multigrid.planning.choices import limit_of
from keras_multigrid.prediction.geometry import SeenMargin
from keras_multigrid.recipes import Segmentation

FACTS = Fingerprint(
    images=100,
    height=300,
    width=400,
    smallest=(300, 400),
    mean=(100.0, 100.0, 100.0),
    deviation=(50.0, 50.0, 50.0),
    value_range=(0.0, 255.0),
    shares=(0.7, 0.25, 0.05),
    thickness=(100.0, 20.0, 5.0),
    upright=0.5,
)
NOTHING = {
    **dict(budget=None, stem_strides=None, channel_ratios=None, crop=None, width_multiplier=None),
    **dict(batch_size=None, epochs=None, steps_per_epoch=None, precision=None),
    **dict(
        class_weights=None,
        flips=None,
        rotation=None,
        averaged_flips=None,
        backbone="none",
        exchange_size=None,
        exchange="each",
        backbone_weights=None,
        loaded_rate=None,
        weights=None,
        model="PMG-11",
        head="concatenate",
        repeats=None,
    ),
}


GIVEN = {"channel_ratios": (1, 2), "width_multiplier": 0.1}  # spares the search for them


def plan(given=(), device=None, **facts):
    facts = dataclasses.replace(FACTS, **facts)
    given = {**NOTHING, **dict(given)}
    return plan_segmentation(given, facts, len(facts.shares), 3, device or Device())


@pytest.fixture(scope="module")
def planned():
    return plan()


def test_all_is_chosen_each_with_a_reason(planned):
    settings, reasons = planned
    left = {"backbone_weights", "loaded_rate", "weights", "repeats", "exchange_size"}
    assert {name for name, value in settings.items() if value is None} == left
    chosen = [reason.partition("=")[0] for reason in reasons]
    assert sorted(chosen) == sorted({*NOTHING} - left - {"model", "head", "backbone", "exchange"})


def test_the_network_fills_its_budget(planned):
    settings, _ = planned
    counts = count(
        kmg.applications.PMGSEG,
        input_shape=(*settings["crop"], 3),
        classes=3,
        head="concatenate",
        **{name: settings[name] for name in ("stem_strides", "channel_ratios", "width_multiplier")},
    )
    assert 0.8 * 500e6 < counts.macs <= 500e6


def test_the_network_sees_a_whole_crop(planned):
    settings, _ = planned
    ratios, stem = settings["channel_ratios"], settings["stem_strides"]
    model = kmg.applications.PMGSEG(
        input_shape=(None, None, 3),
        classes=3,
        head="concatenate",
        stem_strides=stem,
        channel_ratios=ratios,
        width_multiplier=0.02,
    )
    assert 2 * SeenMargin(model, stem * 2 ** (len(ratios) - 1))(0) >= max(settings["crop"])


@pytest.mark.parametrize(
    "thickness, stem",
    [((50.0, 3.0), 1), ((50.0, 10.0), 2), ((50.0, 20.0), 4), ((2.0, 9.0, 90.0), 2)],
)
def test_the_stem_follows_what_is_thin(thickness, stem):
    """Of two classes the thinner one, of more the median: a pole does not make streets slow."""
    shares = (1 / len(thickness),) * len(thickness)
    settings, _ = plan(GIVEN, thickness=thickness, shares=shares)
    assert settings["stem_strides"] == stem


def test_what_is_given_stays():
    given = dict(stem_strides=2, crop=(64, 96), channel_ratios=(1, 2), width_multiplier=0.1)
    settings, reasons = plan({**given, "class_weights": "none", "epochs": 3})
    assert {name: settings[name] for name in given} == given
    assert settings["class_weights"] == "none" and settings["epochs"] == 3
    assert not {*given} & {reason.partition("=")[0] for reason in reasons}


def test_a_crop_is_a_multiple_of_the_stride_and_within_the_images():
    settings, _ = plan(height=45, width=70)
    stride = settings["stem_strides"] * 2 ** (len(settings["channel_ratios"]) - 1)
    assert all(side % stride == 0 for side in settings["crop"])
    assert settings["crop"][0] <= 45 and settings["crop"][1] <= 70


def test_rare_classes_weigh_more(planned):
    weights = [float(weight) for weight in planned[0]["class_weights"].split(",")]
    assert weights == sorted(weights)
    assert weights[1] == 1  # of the median


def test_two_classes_are_balanced_by_the_loss_alone():
    facts = {"shares": (0.9, 0.1), "thickness": (50.0, 20.0)}
    assert plan(GIVEN, **facts)[0]["class_weights"] == "none"
    assert plan({**GIVEN, "class_weights": "auto"}, **facts)[0]["class_weights"] != "none"


@pytest.mark.parametrize("upright, flips", [(0.9, "horizontal"), (0.02, "both")])
def test_images_without_a_top_are_turned_over(upright, flips):
    settings, _ = plan(GIVEN, upright=upright)
    assert settings["flips"] == settings["averaged_flips"] == flips


THICK = (100.0, 60.0, 40.0)


@pytest.fixture
def pretrained(monkeypatch):
    """Keras' backbones, as if all of them could be loaded; the names that are asked for."""
    asked = []

    def choose(limit, crop, channels):
        asked.append((limit, crop, channels))
        return "MobileNetV2", "it is there"

    monkeypatch.setattr(planning, "choose_backbone", choose)
    monkeypatch.setattr(planning, "neck_width", lambda *_: 0.25)
    return asked


def test_a_pretrained_backbone_is_taken_where_it_can_be_loaded(pretrained):
    settings, _ = plan({"backbone": None}, thickness=THICK)
    assert (settings["backbone"], settings["backbone_weights"]) == ("MobileNetV2", "imagenet")
    assert (settings["loaded_rate"], settings["width_multiplier"]) == (0.1, 0.25)
    assert settings["stem_strides"] == 4 and settings["channel_ratios"] == (1, 2, 3, 4)
    assert pretrained == [(500e6, settings["crop"], 3)]


@pytest.mark.parametrize(
    "given, thickness",
    [
        ({"model": "R-PMG-20"}, THICK),
        ({"stem_strides": 4}, THICK),
        ({"weights": "runs/first"}, THICK),
        ({}, (100.0, 2.0, 2.0)),
    ],
)
def test_no_backbone_where_another_network_is_asked_for(pretrained, given, thickness):
    settings, _ = plan({**given, "backbone": None}, thickness=thickness, height=70, width=70)
    assert settings["backbone"] == "none" and not pretrained
    assert settings["backbone_weights"] is None and settings["loaded_rate"] is None


def test_random_weights_learn_at_the_full_rate(pretrained):
    settings, _ = plan({"backbone": "MobileNetV2", "backbone_weights": "none"}, thickness=THICK)
    assert settings["loaded_rate"] is None


def test_more_images_more_steps():
    few, many = (plan(GIVEN, images=images)[0] for images in (10, 10_000))
    assert few["epochs"] * few["steps_per_epoch"] < many["epochs"] * many["steps_per_epoch"]


def test_devices():
    settings, reasons = plan(GIVEN, Device(kind="gpu", bfloat16=True))
    assert (settings["budget"], settings["precision"]) == ("medium", "mixed_bfloat16")
    assert "GPU" in reasons[0]


def test_batches_fit_into_the_memory_of_a_gpu():
    given = {**GIVEN, "budget": "small"}
    sizes, reasons = [], []
    for memory in (2**20, 2**28, 2**37, None):
        settings, said = plan(given, Device(kind="gpu", memory=memory))
        sizes.append(settings["batch_size"])
        reasons += [reason for reason in said if reason.startswith("batch_size")]
    assert 1 == sizes[0] < sizes[1] < sizes[2] == sizes[3]
    assert "fit into memory" in reasons[1] and "often enough" in reasons[2]


@pytest.mark.parametrize(
    "budget, sentence", [("huge", "expected small, medium, large"), ("100", "over the budget")]
)
def test_budgets_that_cannot_be(budget, sentence):
    with pytest.raises(ValueError, match=sentence):
        plan({"budget": budget, "channel_ratios": (1, 2)})


@pytest.mark.parametrize("text, number", [("300M", 300e6), ("1.5g", 1.5e9), ("2e6", 2e6)])
def test_budgets_may_have_a_unit(text, number):
    assert limit_of(text, {}, "a crop") == number


def test_networks_of_others_are_planned_without_a_search_for_grids():
    settings = plan({"model": "DeepLabV3plus", "width_multiplier": 0.1})[0]
    assert settings["channel_ratios"] == (1, 2, 4, 8)
    assert all(side % (8 * settings["stem_strides"]) == 0 for side in settings["crop"])


def test_a_crop_is_counted_as_the_network_pads_it():
    given = {"channel_ratios": (1, 2), "stem_strides": 4, "budget": "5M"}
    widths = {plan({**given, "crop": crop})[0]["width_multiplier"] for crop in ((57, 50), (64, 56))}
    assert len(widths) == 1


@pytest.mark.parametrize("settings", [{"exchange_size": 1}, {"exchange": "first"}])
def test_what_a_network_does_not_have_is_refused(settings):
    with pytest.raises(ValueError, match="U-NET-11 has no such choice"):
        Segmentation(model="U-NET-11", **settings)
