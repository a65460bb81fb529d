"""One's own images and masks: from a folder to scores, a model, and a page."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
from PIL import Image

from keras_multigrid.cli import main
from keras_multigrid.datasets.masks.mask_set import read_mask_set
from keras_multigrid.export import read_class_names
from keras_multigrid.export.segmentation_task import read_task
from keras_multigrid.planning import Device
from keras_multigrid.recipes import Segmentation
from keras_multigrid.recipes import segmentation as segmentation_module
from keras_multigrid.recipes.overrides import resolve
from keras_multigrid.runs import run
from keras_multigrid.runs.run_folder import load_run, read_recipe

SIZE = (52, 70)
TINY = ("epochs=2", "steps_per_epoch=3", "batch_size=2", "width_multiplier=0.05")


def draw(folder, count=6, seed=0):
    """Draws bright discs, class 1, on dark ground, and a stripe that does not count, 9."""
    generator = np.random.default_rng(seed)
    rows, columns = np.indices(SIZE)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        top, left = generator.integers(10, 40, 2)
        disc = (rows - top) ** 2 + (columns - left) ** 2 < 100
        mask = disc.astype("uint8")
        mask[:, -5:] = 9
        noise = generator.normal(60, 10, (*SIZE, 3)) + 120 * disc[..., None]
        Image.fromarray(noise.clip(0, 255).astype("uint8")).save(folder / f"images/{number}.png")
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("discs"))


def recipe_of(folder, *settings):
    return resolve(Segmentation, "quick", [f"data_dir={folder}", "ignore_index=9", *settings])


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The folder of a run."""
    output = tmp_path_factory.mktemp("runs") / "discs"
    settings = [f"--set={each}" for each in (f"data_dir={folder}", "ignore_index=9", *TINY)]
    assert main(["train", "segmentation", *settings, "--output", str(output)]) == 0
    return output


def test_the_scores_stand_at_the_top(trained, folder, capsys):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert 0 <= metrics["mean_iou"] <= 1
    assert [*metrics["per_class"]] == ["class 0", "class 1"]
    assert [*metrics["per_class"]["class 1"]] == ["iou", "dice", "precision", "recall"]
    capsys.readouterr()
    assert main(["evaluate", str(trained), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    for name in ("mean_iou", "pixel_accuracy", "per_class"):
        assert printed[name] == metrics[name]


def test_the_scores_are_those_of_the_masks(trained, folder):
    recipe, model = load_run(trained)
    pairs = recipe.mask_set.of("validation")
    right = total = 0
    mirrored = {"none": [()], "horizontal": [(), 1], "both": [(), 0, 1, (0, 1)]}
    for pair in pairs:
        image = np.asarray(Image.open(pair.image))[None].astype("float32")
        mask = np.asarray(Image.open(pair.mask))
        answers = [
            np.flip(np.asarray(model(np.flip(image[0], axes)[None]))[0], axes)
            for axes in mirrored[recipe.averaged_flips]
        ]
        classes = sum(answers).argmax(-1)
        right += ((classes == mask) & (mask != 9)).sum()
        total += (mask != 9).sum()
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["pixel_accuracy"] == pytest.approx(right / total)


def test_the_model_takes_raw_images_of_any_size(trained):
    model = keras.models.load_model(trained / "model.keras")
    for size in ((1, 1), (33, 47), SIZE):
        probabilities = np.asarray(model(np.full((1, *size, 3), 200, "float32")))
        assert probabilities.shape == (1, *size, 2)
        assert np.allclose(probabilities.sum(-1), 1, atol=1e-5)


def test_what_it_was_trained_to_do_is_in_its_file(trained):
    task = read_task(trained / "model.keras")
    assert (task.channels, task.image_type) == (3, "uint8")
    assert (task.labels.values, task.labels.ignored) == ((0, 1), (9,))
    assert read_class_names(trained) == ["class 0", "class 1"]


def test_the_split_that_was_drawn_is_written_down(trained):
    recipe = read_recipe(trained)
    again = read_mask_set(trained / "split.csv", labels=recipe.task().labels)
    assert again.of("validation") and len(again.pairs) == 6
    for split in ("train", "validation"):
        images = {pathlib.Path(pair.image).resolve() for pair in recipe.mask_set.of(split)}
        assert {pathlib.Path(pair.image).resolve() for pair in again.of(split)} == images


def test_the_plan_is_kept_with_its_reasons(trained):
    recipe = read_recipe(trained)
    assert recipe.data_digest and recipe.crop and recipe.channel_ratios
    assert recipe.averaged_flips == recipe.flips
    chosen = {choice.partition("=")[0] for choice in recipe.plan}
    assert {"stem_strides", "crop", "channel_ratios"} <= chosen
    assert not chosen & {"epochs", "batch_size"}  # they were given
    assert all(": " in choice for choice in recipe.plan)


def test_the_page_shows_scores_and_images(trained):
    page = (trained / "report.html").read_text()
    for text in ("Mean IoU", "class 1", "Worst: ", "Best: ", "data:image/png"):
        assert text in page


def test_statistics_are_in_the_model(trained, folder):
    recipe = read_recipe(trained)
    images = [np.asarray(Image.open(pair.image)) for pair in recipe.mask_set.of("train")]
    assert recipe.mean == pytest.approx(np.stack(images).mean((0, 1, 2)), rel=1e-5)


def test_a_run_goes_on_with_its_own_data_alone(trained, tmp_path):
    other = recipe_of(draw(tmp_path / "other", count=5), *TINY)
    with pytest.raises(ValueError, match="has other images or masks than when the run began"):
        run(other, trained)


def test_a_finished_run_is_read(trained, folder, capsys):
    assert run(recipe_of(folder, *TINY), trained)["mean_iou"] is not None
    assert "is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings, sentence",
    [
        (["data_dir=none"], "data_dir is not given"),
        (["fold=1"], "give both"),
        (["folds=3", "fold=3"], "expected 0 to 2"),
        (["crop=4"], "expected height and width"),
        (["kept_weights=some"], "kept_weights is 'some'"),
        (["budget=huge"], "budget is 'huge'; expected small, medium, large"),
        (["flips=never"], "flips is 'never'"),
        (["averaged_flips=all"], "averaged_flips is 'all'"),
        (["class_weights=1,2,3"], "class_weights"),
    ],
)
def test_errors_before_any_work(folder, settings, sentence, tmp_path, capsys):
    options = [f"--set={each}" for each in (f"data_dir={folder}", "ignore_index=9", *settings)]
    assert main(["train", "segmentation", *options, "--output", str(tmp_path / "run")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_folder_with_a_fault_is_not_trained_on(folder, tmp_path, capsys):
    broken = draw(tmp_path / "broken")
    (broken / "masks" / "3.png").unlink()
    options = ["--set", f"data_dir={broken}", "--set", "ignore_index=9"]
    assert main(["train", "segmentation", *options, "--output", str(tmp_path / "run")]) == 2
    assert "3.png" in capsys.readouterr().err


def test_on_a_gpu_the_plan_is_larger(folder, monkeypatch):
    plans = []
    for device in (Device(), Device(kind="gpu", bfloat16=True)):
        monkeypatch.setattr(segmentation_module, "find_device", lambda device=device: device)
        plans.append(recipe_of(folder, "backbone=none").settled())
    cpu, gpu = plans
    assert (cpu.budget, gpu.budget) == ("small", "medium")
    assert (cpu.precision, gpu.precision) == ("float32", "mixed_bfloat16")
    assert gpu.width_multiplier > cpu.width_multiplier


@pytest.mark.slow
def test_folds(folder, tmp_path):
    settings = [f"data_dir={folder}", "ignore_index=9", *TINY, "folds=2", "fold=all"]
    output = tmp_path / "folds"
    options = [f"--set={each}" for each in settings]
    assert main(["train", "segmentation", *options, "--output", str(output)]) == 0
    summary = json.loads((output / "folds.json").read_text())
    of_folds = [
        json.loads((output / f"fold-{fold}" / "metrics.json").read_text())["mean_iou"]
        for fold in range(2)
    ]
    assert summary["mean_iou"]["folds"] == of_folds
    assert summary["mean_iou"]["mean"] == pytest.approx(np.mean(of_folds))
    assert "spread" in (output / "folds.md").read_text()
    tested = [
        {pair.name for pair in read_recipe(output / f"fold-{fold}").mask_set.of("validation")}
        for fold in range(2)
    ]
    assert not tested[0] & tested[1]
    assert len(tested[0] | tested[1]) == 6


@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_uninterrupted_one(folder, trained, tmp_path):
    recipe = recipe_of(folder, *TINY)
    from keras_multigrid.runs.process import set_up
    from keras_multigrid.runs.run_folder import claim
    from keras_multigrid.runs.train import train

    settled = recipe.settled()
    output = pathlib.Path(tmp_path / "run")
    output.mkdir()
    claim(output, settled)
    with set_up(settled):
        train(dataclasses.replace(settled), output, epochs=1, verbose=0)
    run(recipe, output)
    first, second = (keras.models.load_model(each / "model.keras") for each in (trained, output))
    for one, other in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(one, other)
