"""Every public function and class, called with each argument of a wrong type in turn.

They are found by themselves. Each such call is an error that names the argument, before any work.
"""

import importlib
import inspect
import pkgutil
import re

import keras
import numpy as np
import pytest

import keras_multigrid as kmg
from tests.conformance import LAYERS, MODELS

# What calculations return, and other values that nobody makes by hand: not functions to be called.
RESULTS = {
    *("FieldSides", "ReceptiveField", "Sweep", "LayerProfile", "ModelProfile", "ServingModel"),
    *("Ablation", "Effect", "Exchange", "Reading", "Routing", "Attention", "Candidate"),
    *("PaperModel", "PAPER_MODELS", "RECIPES", "Problem", "Report"),
}
# Not exported, but without an underscore, for other modules of the package.
HELPERS = {"complexity.replay", "complexity.input_like", "complexity.macs_of"}
# Of Keras: its own layers' and optimizers' arguments are checked there; networks and layers have
# tests of their own in `test_bad_input.py`.
ELSEWHERE = {case.name for case in LAYERS + MODELS} | {"AdamWithRateFactors"}
PACKAGES = ("comparison", "flipping", "papers", "recipes", "runs", "server", "tuning")


def public():
    """Returns all public functions and classes by their dotted names."""
    found = {}
    modules = [name for _, name, _ in pkgutil.iter_modules(kmg.__path__)]
    for name in sorted({*kmg.__all__, *PACKAGES} & set(modules)):
        module = importlib.import_module(f"keras_multigrid.{name}")
        names = getattr(module, "__all__", None) or [
            each
            for each, value in vars(module).items()
            if not each.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for each in {*names} - RESULTS - ELSEWHERE:
            if f"{name}.{each}" not in HELPERS:
                found[f"{name}.{each}"] = getattr(module, each)
    return dict(sorted(found.items()))


PUBLIC = public()
MAPS = np.zeros((2, 8, 8, 1), "float32")
DIGITS, LABELS = np.zeros((3, 28, 28), "float32"), np.zeros(3, "int64")


def network():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same")(image))


class Good:
    """Arguments that would do, by name, or by function and name; made once, when first read."""

    def __init__(self):
        import keras_multigrid.recipes as recipes
        from keras_multigrid import attention_maps, routing, top_down

        self.model = network()
        attention = top_down.Attention([np.ones((2, 1), bool)], (), base_size=14)
        recipe = recipes.MnistSegmentation(**recipes.MnistSegmentation.SCALES["smoke"])
        swept = attention_maps.Sweep(
            MAPS, np.zeros((1, 2), int), np.zeros((2, 1, 8, 8, 1)), MAPS, 1, 3, (8, 8)
        )
        image = keras.Input((8, 8, 1))
        photo = keras.Input((32, 32, 3))
        x = keras.layers.Rescaling(1 / 255)(photo)
        for _ in range(5):
            x = keras.layers.Conv2D(1, 3, strides=2, padding="same")(x)
        self.by_name = {
            **dict(backbone=keras.Model(photo, x)),
            **dict(model=self.model, images=MAPS, image=MAPS[0], path="p.png", folder="folder"),
            **dict(output="folder", name="cifar10", split="test", batch_size=2, outputs=MAPS),
            **dict(labels=LABELS, digits=DIGITS, attention=attention, pyramid=[image]),
            **dict(widths=[2], n=1, filters=[2], unit=kmg.blocks.plain_unit, recipe=recipe),
            **dict(levels=2, directory="folder", weight=1.0, target=1.0, baseline=0.0),
            **dict(logits=np.zeros((2, 9)), attended=np.zeros((2, 9), bool), log_likelihoods=[0.0]),
            **dict(log_probabilities=[0.0], expected_counts=[1.0], candidate_means=[0.5]),
            **dict(draw=lambda indices, key: indices, samples=4, title="title"),
            **dict(index=0, columns=[], masks=MAPS, logs="folder", results=[], curves={}),
            **dict(epochs=1, steps_per_epoch=1, batches=lambda first: [], devices=["cpu:0"]),
            **dict(coordinator="127.0.0.1:1", processes=1, process=0, number=1, arrays={}),
            **dict(notes=[], constructor=kmg.applications.MG, evaluate=lambda model: 0.0),
            **dict(call=lambda layer, *inputs: layer(*inputs), input_shape=(8, 8, 1)),
            **dict(target_locations=2.0, swept=swept, run="folder", folders=["folder"]),
            **dict(picture=np.zeros((4, 4, 3), "uint8"), colours=[0, 1], class_names=["a", "b"]),
            **dict(report=kmg.checking.Report("folder", "masks", ())),
            **dict(ablation=routing.Ablation("name", 0.0, ()), routing=routing.Routing("name", ())),
            **dict(
                family="MG",
                trials={"trials": [(1.0, 1.0)]},
                front=[(1.0, 1.0, "label")],
                macs=1.0,
                error=1.0,
                rows={"row": MAPS},
            ),
            **dict(panels={"cost": {"network": (1.0, [0.5])}}),
            **dict(feature_extractor=self.model, classes=2, exchanges=(), data_dir="folder"),
        }
        self.of = {
            ("blocks.conv_unit", "image"): image,
            ("blocks.conv_unit", "filters"): 2,
            ("blocks.conv_unit", "name"): "unit",
            ("blocks.plain_unit", "name"): "unit",
            ("blocks.residual_unit", "name"): "unit",
            ("blocks.progressive_start", "name"): "start",
            ("complexity.replay", "images"): image,
            ("complexity.without_weights", "build"): list,
            ("datasets.load", "name"): "mnist_segmentation",
            ("applications.create_model", "name"): "MG-6",
            ("papers.reproduce", "name"): "table2",
            ("applications.paper_model", "name"): "MG-6",
            ("server.serve", "model"): "folder",
            ("figures.overlay", "labels"): np.zeros((4, 4), int),
            ("figures.draw_contact_sheet", "targets"): LABELS[:2],
            ("training.data_parallel", "devices"): 1,
            ("complexity.traversal_macs", "model"): self.model,
            ("figures.draw_attention_maps", "attention"): {"attention": MAPS},
            ("figures.draw_segmentation", "outputs"): {"network": MAPS},
            ("figures.draw_training_curves", "logs"): {"network": []},
            ("figures.draw_attended_windows", "images"): np.zeros((2, 14, 14, 1)),
            ("figures.draw_parse_tree", "image"): np.zeros((14, 14, 1)),
            ("applications.decode_predictions", "predictions"): np.ones((1, 1000)),
        }

    def arguments(self, name, parameters):
        values = {**self.by_name, **{key: v for (of, key), v in self.of.items() if of == name}}
        return {
            each.name: values[each.name]
            for each in parameters
            if each.default is each.empty and each.kind is not each.VAR_POSITIONAL
        }


@pytest.fixture(scope="module")
def good():
    return Good()


def wrong_values(value):
    """Returns what is of another type than a good value."""
    yield object()
    if isinstance(value, bool | int | float | np.ndarray):
        yield "text"
    elif isinstance(value, str | dict | keras.Model) or callable(value):
        yield 7


def attempt(function, arguments, parameter, value):
    """Returns what is wrong about calling with a wrong value, None if it is refused by name."""
    shown = f"{parameter.name}={value!r}"
    try:
        if parameter.kind is parameter.VAR_POSITIONAL:
            result = function(*arguments.values(), value)
        else:
            result = function(**{**arguments, parameter.name: value})
        if hasattr(result, "__enter__"):
            with result:
                pass
    except (TypeError, ValueError) as error:
        words = parameter.name.removesuffix("s").replace("_", "[_ ]")
        if re.search(rf"\b{words}s?\b", str(error)):
            return None
        return f"{shown}: {type(error).__name__}: {str(error)[:150]}"
    except Exception as error:
        return f"{shown}: {type(error).__name__}: {str(error)[:150]}"
    return f"{shown}: no error"


@pytest.mark.parametrize("name", PUBLIC)
def test_wrong_types_are_refused_by_name(name, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = PUBLIC[name]
    parameters = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.kind is not each.VAR_KEYWORD
    ]
    arguments = good.arguments(name, parameters)
    wrong = []
    for parameter in parameters:
        value = arguments.get(parameter.name, parameter.default)
        for other in wrong_values(value):
            wrong.append(attempt(function, arguments, parameter, other))
    assert not [each for each in wrong if each is not None]
    assert not list(tmp_path.iterdir())
