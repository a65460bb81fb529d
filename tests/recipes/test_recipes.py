"""The recipes' settings, beside what the paper says."""

import csv
import dataclasses
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_multigrid as kmg
from keras_multigrid.papers.tables import PAPER_TABLES
from keras_multigrid.recipes import (
    RECIPES,
    Cifar10,
    Cifar100,
    ImageNet,
    MnistSegmentation,
    MnistSpatialTransformer,
    Quickstart,
    Segmentation,
)
from keras_multigrid.recipes.optimization import learning_rate, make_optimizer
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs.process import set_up
from keras_multigrid.top_down import TopDown

OF_OWN_DATA = ("segmentation", "classification")  # whose classes are those of the data
TABLES = pathlib.Path(__file__).parents[1] / "tables"


def rates(recipe, *epochs):
    """Returns the learning rates of epochs, counted from 1, of an optimizer that has got there."""
    schedule = learning_rate(recipe)
    return [float(schedule((epoch - 1) * recipe.steps_per_epoch)) for epoch in epochs]


@pytest.mark.parametrize(
    "recipe, samples",
    [
        (Cifar100(), 200 * 300 * 128),
        (MnistSegmentation(), 200 * 150 * 64),
        (MnistSpatialTransformer(), 200 * 800 * 64),
        (ImageNet(), 100 * 10_000 * 256),
    ],
)
def test_the_paper_trains_for_so_many_samples(recipe, samples):
    assert recipe.epochs * recipe.steps_per_epoch * recipe.batch_size == samples
    assert recipe == resolve(type(recipe), "paper", [])


@pytest.mark.parametrize(
    "recipe", [Cifar100(model="PMG-9"), MnistSegmentation(), MnistSpatialTransformer(model="SG-11")]
)
def test_other_nets_start_at_a_tenth_and_end_at_a_thousandth_of_it(recipe):
    expected = [10 ** -(1 + 3 * (epoch - 1) / 199) for epoch in (1, 2, 100, 200)]
    np.testing.assert_allclose(rates(recipe, 1, 2, 100, 200), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "recipe", [Cifar100(), Cifar100(model="RES-12"), MnistSegmentation(model="R-PMG-20")]
)
def test_residual_nets_take_a_fifth_after_60_120_and_160_epochs(recipe):
    expected = [0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008]
    found = rates(recipe, 1, 60, 61, 120, 121, 160, 161, 200)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_imagenet_takes_a_tenth_every_30_epochs():
    found = rates(ImageNet(), 1, 30, 31, 60, 61, 90, 91)
    np.testing.assert_allclose(found, [0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4], rtol=1e-6)


def test_the_optimizer_is_the_papers():
    optimizer = make_optimizer(Cifar100())
    assert isinstance(optimizer, kmg.optimizers.SGD)
    assert (optimizer.momentum, optimizer.weight_decay, optimizer.decoupled) == (0.9, 5e-4, False)
    assert make_optimizer(ImageNet()).weight_decay == 1e-4


def test_adam_rises_and_falls():
    recipe = resolve(MnistSegmentation, "quick", [])
    assert isinstance(make_optimizer(recipe), keras.optimizers.Adam)
    rate = learning_rate(recipe)
    steps = recipe.epochs * recipe.steps_per_epoch
    found = [float(rate(step)) for step in (0, 75, 150, steps)]
    np.testing.assert_allclose(found, [0, 0.0075, 0.015, 0], atol=1e-8)


@pytest.mark.parametrize("table", PAPER_TABLES)
def test_the_papers_figures_are_those_of_the_tables(table):
    lines = (TABLES / f"{table}.csv").read_text().splitlines()
    rows = {row["method"]: row for row in csv.DictReader(lines[1:])}
    names = {
        "table1": ("paper_error_pct",),
        "table2": ("mean_iou_pct", "mean_error_pct"),
        "table3": ("mean_iou_pct", "mean_error_pct"),
        "table4": ("top1_10crop", "top5_10crop", "top1_single", "top5_single"),
    }[table]
    for network, scores in PAPER_TABLES[table].rows.items():
        row = rows[network.removesuffix("-ImageNet")]
        expected = [float(row[name]) for name in names if row[name]]
        assert [*scores.values()] == expected
    missing = {*rows} - {name.removesuffix("-ImageNet") for name in PAPER_TABLES[table].rows}
    assert missing <= {"ResNet-34 C", "WRN-34 (2.0)"}  # nets that are not in this package


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in OF_OWN_DATA])
def test_each_recipe_has_its_scales_and_builds_its_smallest_network(name, tmp_path):
    recipe_class = RECIPES[name]
    assert {*recipe_class.SCALES} >= {"smoke", "quick"} and name == recipe_class.NAME
    recipe = resolve(recipe_class, "smoke", [])
    model = recipe.network()
    classes = model.classes if isinstance(model, TopDown) else model.output_shape[-1]
    assert classes == recipe.classes()
    recipe.compile(model)
    known = {"iou", "pixel_error", "top1", "top5", "accuracy"}
    assert {metric.name for metric in recipe.metrics()} <= known


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"epochs": 0}, "epochs is 0; expected a positive number."),
        ({"width_multiplier": -1.0}, "width_multiplier is -1.0; expected a positive number."),
        ({"precision": "float16"}, "precision is 'float16'; expected one of float32, mixed_"),
        ({"schedule": "linear"}, "schedule is 'linear'; expected one of exponential, stepwise"),
        ({"optimizer": "lion"}, "optimizer is 'lion'; expected one of sgd, adam."),
        ({"ema": 1.0}, "ema is 1.0; expected a number between 0 and 1"),
        ({"threads": 0}, "threads is 0; expected a positive number, or none."),
        ({"remat": True}, "does not work in Keras on tensorflow. Set KERAS_BACKEND=jax"),
        ({"devices": 2, "accumulation": 2}, "accumulation does not work on several devices"),
        ({"deterministic": True, "jit_compile": True}, "set jit_compile=false."),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match="(?s)" + message.replace(".", r"\.")):
        Cifar10(**changes)


def test_threads_are_set_before_tensorflow_starts(monkeypatch):
    given = []

    def set_threads(count):
        given.append(count)
        raise RuntimeError("TensorFlow has started")

    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", set_threads)
    for recipe in (Quickstart(), Cifar10(), Cifar10(threads=3)):
        with set_up(recipe):
            pass
    assert given == [1, 3]


def test_settings_are_read_as_their_fields_are():
    settings = [
        "model=PMG-9",
        "channel_ratios=1,0.5",
        "ema=0.99",
        "jit_compile=true",
        "evaluation_batches=none",
        "data_dir=a=b",
    ]
    recipe = resolve(Cifar100, "paper", settings)
    assert recipe == Cifar100(
        model="PMG-9", channel_ratios=(1.0, 0.5), ema=0.99, jit_compile=True, data_dir="a=b"
    )


def test_none_is_a_choice_where_a_plan_would_choose():
    names = ("backbone", "backbone_weights", "class_weights", "flips", "averaged_flips")
    recipe = resolve(Segmentation, "quick", [*(f"{name}=none" for name in names), "budget=none"])
    assert [getattr(recipe, name) for name in (*names, "budget")] == ["none"] * 5 + [None]


def test_recipes_cannot_be_changed_by_mistake():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Quickstart().seed = 1
    with pytest.raises(TypeError):
        Quickstart(sead=1)
