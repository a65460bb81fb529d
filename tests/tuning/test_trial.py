"""One trial, trained for real: it continues exactly, and what kills it is noticed."""

import dataclasses
import json
import shutil
import weakref

import keras_tuner
import pytest
import tensorflow as tf

from keras_multigrid.recipes import Cifar10, ImageNet, LocatedMnist, MnistSegmentation
from keras_multigrid.runs.train import train
from keras_multigrid.stored import DamagedFile
from keras_multigrid.tuning import MultigridHyperModel, trial
from keras_multigrid.tuning.trial import run_trial

pytestmark = pytest.mark.usefixtures("drawn_without_xla", "eagerly")


class Killed(BaseException):
    """Stands in for SIGKILL: nothing is done upon it."""


RECIPE = MnistSegmentation(
    **{**MnistSegmentation.SCALES["smoke"], "model": "SG-11", "repeats": 1},
    seed=3,
    deterministic=True,
    checkpoint_seconds=0.0,
)
CANDIDATE = MultigridHyperModel("SG-11", classes=10, width_multiplier=0.0625, repeats=1).candidate(
    keras_tuner.HyperParameters()
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A trial of two epochs, its folder, and a weak reference to its network."""
    folder, networks = tmp_path_factory.mktemp("whole") / "0", []

    def remember(*arguments, **options):
        model = train(*arguments, **options)
        networks.append(weakref.ref(model))
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "train", remember)
        return run_trial(RECIPE, CANDIDATE, folder, 2, "iou"), folder, networks[0]


def same(result, other):
    return {**dataclasses.asdict(result), "seconds": 0} == {
        **dataclasses.asdict(other),
        "seconds": 0,
    }


def test_a_trial_is_scored_on_validation_data(whole):
    result, folder, _ = whole
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert result.score == last["val_iou"] == result.metrics["iou"]
    assert result.seconds == last["seconds"] and result.failure is None
    counts = CANDIDATE.count
    assert (result.trainable_params, result.macs) == (counts.trainable_params, counts.macs)
    assert {path.name for path in folder.iterdir()} == {
        *("recipe.json", "metrics.jsonl", "tensorboard", "checkpoints", "result.json"),
    }


def test_a_finished_trial_is_not_trained_again(whole, monkeypatch):
    monkeypatch.delattr(trial, "_train")
    assert run_trial(RECIPE, CANDIDATE, whole[1], 2, "iou") == whole[0]


def test_interrupted_and_continued_trials_end_as_one_in_one_go(whole, monkeypatch, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    folder = tmp_path / "0"
    with monkeypatch.context() as patch:
        patch.setattr(trial, "say", stop)  # after the first epoch
        with pytest.raises(KeyboardInterrupt):
            run_trial(RECIPE, CANDIDATE, folder, 2, "iou")
    assert not (folder / "result.json").exists()
    shutil.copytree(folder, tmp_path / "shorter")
    assert same(run_trial(RECIPE, CANDIDATE, folder, 2, "iou"), whole[0])
    before = tmp_path / "shorter"
    longer = run_trial(RECIPE, CANDIDATE, tmp_path / "1", 2, "iou", before=before)
    assert same(dataclasses.replace(longer, trial="0"), whole[0])


def test_without_validation_it_is_tested_at_the_end(whole, tmp_path):
    recipe = dataclasses.replace(RECIPE, validation=False)
    result = run_trial(recipe, CANDIDATE, tmp_path / "0", 2, "iou")
    assert result.score == pytest.approx(whole[0].score, abs=1e-6)


def test_a_trial_that_kills_its_processes_fails(tmp_path, monkeypatch):
    deaths = []

    def die(recipe):
        deaths.append(recipe)
        raise Killed

    folder = tmp_path / "0"
    monkeypatch.setattr(trial, "set_up", die)
    for number in range(5):
        with pytest.raises(Killed):
            run_trial(RECIPE, CANDIDATE, folder, 2, "iou")
        if number == 1:  # progress in between, after which it counts anew
            (folder / "checkpoints").mkdir()
            (folder / "checkpoints" / "checkpoint-000000001.npz").touch()
    result = run_trial(RECIPE, CANDIDATE, folder, 2, "iou")
    assert len(deaths) == 5
    assert "MemoryError: 3 processes were killed in this trial" in result.failure


def test_a_training_that_diverges_is_a_failed_trial(tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e25)
    result = run_trial(recipe, CANDIDATE, tmp_path / "0", 2, "iou")
    assert result.score is None
    assert result.failure.startswith("FloatingPointError: The ")


def test_a_network_that_does_not_fit_into_memory_is_a_failed_trial(monkeypatch, tmp_path):
    def allocate(*_, **__):  # TensorFlow itself would wait ten seconds for memory
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(trial, "train", allocate)
    result = run_trial(RECIPE, CANDIDATE, tmp_path / "0", 2, "iou")
    assert result.score is None
    assert "OOM when allocating tensor" in result.failure


def test_the_disk_is_not_the_candidates_fault(monkeypatch, tmp_path):
    def refuse(recipe):
        raise OSError("no space left")

    monkeypatch.setattr(trial, "set_up", refuse)
    with pytest.raises(OSError, match="no space left"):
        run_trial(RECIPE, CANDIDATE, tmp_path / "0", 2, "iou")
    assert {path.name for path in (tmp_path / "0").iterdir()} == {"recipe.json"}


@pytest.mark.parametrize("name", ["attempt.json", "recipe.json"])
def test_a_damaged_file_is_not_the_candidates_fault(name, whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / "0")
    (folder / "result.json").unlink()
    (folder / name).write_text("{")
    with pytest.raises(DamagedFile, match=f"{folder / name} is damaged: it is cut, or not JSON"):
        run_trial(RECIPE, CANDIDATE, folder, 2, "iou")
    assert not (folder / "result.json").exists()


def test_networks_of_finished_trials_are_forgotten(whole):
    assert whole[2]() is None


def test_nothing_is_chosen_by_what_the_paper_tests_on():
    assert Cifar10().tuning_splits() == ("train[:45000]", "train[45000:]")
    assert ImageNet().tuning_splits() == ("train[:98%]", "train[98%:]")
    assert ImageNet(data="image_folder").tuning_splits() == ("train", "validation")
    assert LocatedMnist().tuning_splits() == ("train", "test")
    assert MnistSegmentation().tuning_splits() == ("train", "validation")


def test_held_out_training_data_are_neither_shuffled_nor_augmented(monkeypatch):
    asked = []
    monkeypatch.setattr("keras_multigrid.recipes.cifar._whitening", lambda *_: None)
    monkeypatch.setattr(
        "keras_multigrid.recipes.cifar.load_cifar", lambda *_, **options: asked.append(options)
    )
    monkeypatch.setattr(
        "keras_multigrid.recipes.photographs.load", lambda *_, **options: asked.append(options)
    )
    Cifar10().load("train[45000:]", 4)
    Cifar10().load("train[:45000]", 4)
    ImageNet().load("train[98%:]", 4)
    assert asked[0]["augment"] is False
    assert "augment" not in asked[1]
    assert asked[2]["augment"] is False
