"""A run's folder is of one choice of settings, and one process works in it."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from keras_multigrid.runs import run_folder
from keras_multigrid.runs.run_folder import claim, default_folder, is_locked, locked, read_recipe
from keras_multigrid.whole_files import unfinished_path, write_json


@dataclasses.dataclass(frozen=True)
class Small:
    NAME = "small"

    model: str = "net"
    rate: float = 0.1
    steps: tuple = (1, 2)
    seed: int | None = None
    data_dir: str | None = None
    checkpoint_seconds: float = 60.0

    def folder_name(self):
        return "small-net"


@dataclasses.dataclass(frozen=True)
class Other(Small):
    NAME = "other"


RECIPES = {"small": Small, "other": Other}
RECIPE = Small(rate=0.2, steps=(3,), data_dir="here")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def claim_and_train(folder):
    claim(folder, RECIPE)
    (folder / "checkpoints").mkdir()


def test_a_claimed_folder_gives_its_recipe_back(tmp_path):
    for _ in range(2):
        claim(tmp_path, RECIPE)
    assert read_recipe(tmp_path, recipes=RECIPES) == RECIPE
    assert names(tmp_path) == ["recipe.json"]
    assert {"keras", "python"} <= json.loads((tmp_path / "recipe.json").read_text())[
        "versions"
    ].keys()


def test_where_the_data_are_and_how_often_to_save_may_change(tmp_path, capsys):
    claim_and_train(tmp_path)
    claim(tmp_path, dataclasses.replace(RECIPE, data_dir="there", checkpoint_seconds=1.0))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "recipe, message",
    [
        (dataclasses.replace(RECIPE, rate=0.3), r"settings \(rate was 0.2, is 0.3\); give those"),
        (
            dataclasses.replace(RECIPE, seed=1, steps=()),
            r"\(seed was None, is 1; steps was \[3\], is \[\]\)",
        ),
        (Other(rate=0.2, steps=(3,)), r"\(recipe was small, is other\)"),
    ],
)
def test_other_settings_are_refused(recipe, message, tmp_path):
    claim_and_train(tmp_path)
    with pytest.raises(ValueError, match=message):
        claim(tmp_path, recipe)
    assert read_recipe(tmp_path, recipes=RECIPES) == RECIPE


def test_other_settings_replace_those_with_which_nothing_was_trained(tmp_path):
    claim(tmp_path, RECIPE)
    other = dataclasses.replace(RECIPE, rate=0.3)
    claim(tmp_path, other)
    assert read_recipe(tmp_path, recipes=RECIPES) == other


def test_a_folder_with_foreign_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with locked(tmp_path), pytest.raises(ValueError, match=r"not empty \(it has thesis.tex\) and"):
        claim(tmp_path, RECIPE)
    assert names(tmp_path) == [".lock", "thesis.tex"]


def test_a_process_killed_while_it_claims_a_folder_does_no_harm(tmp_path):
    unfinished_path(tmp_path / "recipe.json").write_text("{")
    with locked(tmp_path):
        claim(tmp_path, RECIPE)
    assert names(tmp_path) == [".lock", "recipe.json"]
    assert read_recipe(tmp_path, recipes=RECIPES) == RECIPE


def test_changed_versions_are_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run_folder, "versions", lambda: {"keras": "3.9", "jax": "1", "same": "2"})
    claim_and_train(tmp_path)
    monkeypatch.setattr(run_folder, "versions", lambda: {"keras": "3.10", "same": "2", "new": "3"})
    claim(tmp_path, RECIPE)
    said = capsys.readouterr().out
    assert "versions changed (keras was 3.9 and is 3.10; jax was 1 and is None)" in said


def test_a_folder_of_no_run_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"is not the folder of a run: it has no recipe.json"):
        read_recipe(tmp_path, recipes=RECIPES)


def test_the_default_folder_is_the_same_for_the_same_settings():
    folder = default_folder(RECIPE)
    assert folder.parts[0] == "runs" and folder.name.startswith("small-net-")
    assert (
        default_folder(dataclasses.replace(RECIPE, data_dir=None, checkpoint_seconds=1)) == folder
    )
    others = [
        dataclasses.replace(RECIPE, rate=0.3),
        dataclasses.replace(RECIPE, seed=0),
        dataclasses.replace(RECIPE, steps=(3, 4)),
    ]
    assert len({folder, *map(default_folder, others)}) == 4


# Without the imports of the package, which take long: another process that has the lock.
HOLDER = """
import filelock, sys, time
lock = filelock.FileLock(sys.argv[1] + "/.lock")
lock.acquire()
print("locked", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def holder(folder):
    arguments = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


def test_another_process_keeps_this_one_out_until_it_is_killed(tmp_path):
    with holder(tmp_path) as process:
        refused = pytest.raises(OSError, match=f"Another process trains in {tmp_path}; wait")
        with refused, locked(tmp_path):
            raise AssertionError("not reached")
        assert is_locked(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with locked(tmp_path):
            pass


def test_a_lock_holds_within_and_ends_with_the_block(tmp_path):
    folder = tmp_path / "new" / "folder"
    assert not is_locked(folder)
    with locked(folder), pytest.raises(OSError, match="Another process"), locked(folder):
        raise AssertionError("not reached")
    with locked(folder):
        pass


def test_a_refusal_says_how_to_go_on_with_other_settings(tmp_path):
    claim_and_train(tmp_path)
    with pytest.raises(ValueError, match=r"name another folder with --output\. To go on") as raised:
        claim(tmp_path, dataclasses.replace(RECIPE, rate=0.3, steps=(4, 5), data_dir="there"))
    command = (
        f"keras-multigrid train small ... --set weights={tmp_path} --set rate=0.3 --set steps=4,5 "
        "--output ANOTHER."
    )
    assert str(raised.value).endswith(command)
    with pytest.raises(ValueError, match=r"with --output\.$"):  # the weights do not fit
        claim(tmp_path, dataclasses.replace(RECIPE, model="other"))


def test_a_run_of_an_earlier_version_with_fewer_settings_continues(tmp_path):
    claim_and_train(tmp_path)
    written = json.loads((tmp_path / "recipe.json").read_text())
    del written["fields"]["seed"]
    write_json(tmp_path / "recipe.json", written)
    claim(tmp_path, RECIPE)
    with pytest.raises(ValueError, match=r"\(seed was None, is 1\)"):
        claim(tmp_path, dataclasses.replace(RECIPE, seed=1))
